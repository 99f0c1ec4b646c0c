//! An S-CSCF under test, alone.

use std::ops::{Deref, DerefMut};

use ims::Impu;
use ims::profile::ServiceProfile;
use sip::{Response, StatusCode};

use super::{AtEdge, Limits, Person, tls, vouch};
use crate::cx::{CxAsk, CxDigest, CxReply, assignment};
use crate::lab::ScscfUnderTest;
use crate::script::{Msg, Question, digest};
use crate::verdict::{Outcome, Preamble, Stop};

/// An S-CSCF under test, with the script around it.
pub struct Scscf {
    it: ScscfUnderTest,
    limits: Limits,
    salt: String,
    count: u32,
}

impl Deref for Scscf {
    type Target = ScscfUnderTest;

    fn deref(&self) -> &ScscfUnderTest {
        &self.it
    }
}

impl DerefMut for Scscf {
    fn deref_mut(&mut self) -> &mut ScscfUnderTest {
        &mut self.it
    }
}

impl Scscf {
    pub(super) fn new(it: ScscfUnderTest, limits: Limits, salt: String) -> Self {
        Self { it, limits, salt, count: 0 }
    }

    /// How long things may take.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Anybody: whom there is, the script's HSS says.
    pub fn person(&mut self) -> Person {
        self.count += 1;
        Person::new("user", &self.it.home, &format!("{}p{}", self.salt, self.count))
    }

    /// A REGISTER as the I-CSCF sends it on.
    pub fn on_mw(&mut self, register: &Msg) -> Msg {
        self.count += 1;
        let Self { it, salt, count, .. } = self;
        let (edge, icscf) = (it.edge.addr(), it.icscf.addr());
        AtEdge { home: &it.home, addr: edge, transport: it.entry.transport, salt, count: *count }
            .register(register)
            .start(format!("REGISTER {} SIP/2.0", it.name))
            .first("Via", format!("SIP/2.0/{} {icscf};branch=z9hG4bKi{salt}x{count};rport", it.entry.transport))
            .set("Max-Forwards", 68)
    }

    /// A request of a registered user, as the eP-CSCF passes it on.
    pub fn originating(&mut self, request: &Msg, caller: &Person) -> Msg {
        self.count += 1;
        let Self { it, salt, count, .. } = self;
        let host = it.name.trim_start_matches("sip:");
        AtEdge { home: &it.home, addr: it.edge.addr(), transport: it.entry.transport, salt, count: *count }.originating(
            request,
            host,
            caller,
            &[],
        )
    }

    /// A request for a user, as the I-CSCF sends it on.
    pub fn terminating(&mut self, caller: &mut Person, method: &str, to: &str) -> Msg {
        self.count += 1;
        let (icscf, host) = (self.it.icscf.addr(), self.it.name.trim_start_matches("sip:").to_owned());
        caller
            .request(method, to)
            .first("Route", format!("<sip:{host};lr>"))
            .first("Via", format!("SIP/2.0/UDP {icscf};branch=z9hG4bKt{}x{};rport", self.salt, self.count))
            .with("P-Asserted-Identity", format!("<{}>", caller.impu))
            .set("Content-Length", 0)
    }

    /// Sends a request from the I-CSCF's place.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub async fn send(&mut self, message: &Msg) -> Outcome {
        let entry = self.it.entry;
        Ok(self.it.icscf.send(entry, &message.bytes()).await?)
    }

    /// Sends a request from the I-CSCF's place, and has what the HSS is asked then.
    ///
    /// # Errors
    /// When it is not asked.
    pub async fn ask_for(&mut self, message: &Msg, command: &str) -> Outcome<Question> {
        self.send(message).await?;
        Ok(self.it.hss.question(command).await?)
    }

    /// Sends a request, answers the one question that comes, and has the final response; what was asked.
    ///
    /// # Errors
    /// When the question or the response does not come.
    pub async fn answered(&mut self, message: &Msg, command: &str, reply: CxReply) -> Outcome<(CxAsk, Response)> {
        let question = self.ask_for(message, command).await?;
        let ask = question.ask.clone();
        question.answer(reply);
        Ok((ask, self.answer(message).await?))
    }

    /// Sends a request, answers a question if one comes before the final response, and has that; what
    /// was asked.
    ///
    /// # Errors
    /// When the response does not come.
    pub async fn settled(
        &mut self,
        message: &Msg,
        command: &str,
        reply: CxReply,
    ) -> Outcome<(Option<CxAsk>, Response)> {
        self.send(message).await?;
        let call_id = message.value("Call-ID").unwrap_or_default();
        let ScscfUnderTest { hss, icscf, .. } = &mut self.it;
        let question = tokio::select! {
            question = hss.question(command) => question?,
            answer = icscf.response(Some(call_id)) => return Ok((None, answer?)),
        };
        let ask = question.ask.clone();
        question.answer(reply);
        Ok((Some(ask), self.answer(message).await?))
    }

    /// That a user is registered: a request for it goes to its contact, and the HSS is not asked.
    ///
    /// # Errors
    /// When it does not, or is.
    pub async fn is_registered(&mut self, impu: &str) -> Outcome {
        let before = self.it.hss.asked().len();
        let mut caller = self.person();
        let message = self.terminating(&mut caller, "MESSAGE", impu);
        self.send(&message).await?;
        let arrived = self.it.edge.request("MESSAGE").await?;
        let ok = arrived.request.respond(StatusCode::OK);
        self.it.edge.respond(&arrived, &ok).await?;
        self.answer(&message).await?;
        match self.it.hss.asked().get(before) {
            None => Ok(()),
            Some(ask) => Err(Stop::Fail(format!("{ask} for {impu}, who is registered"))),
        }
    }

    /// That a user is not registered: the HSS is asked for it when a request comes.
    ///
    /// # Errors
    /// When it is not.
    pub async fn is_unregistered(&mut self, impu: &str) -> Outcome {
        let mut caller = self.person();
        let message = self.terminating(&mut caller, "MESSAGE", impu);
        let (ask, _) = self.answered(&message, "SAR", CxReply::experimental(5001)).await?;
        match ask {
            CxAsk::Sar { kind: assignment::UNREGISTERED_USER, .. } => Ok(()),
            ask => Err(Stop::Fail(format!("{} where the user should be unknown", ask.short()))),
        }
    }

    /// The final response to a request.
    ///
    /// # Errors
    /// When none comes.
    pub async fn answer(&mut self, request: &Msg) -> Outcome<Response> {
        let call_id = request.value("Call-ID").unwrap_or_default().to_owned();
        Ok(self.it.icscf.response(Some(&call_id)).await?)
    }

    /// A REGISTER by trusted node authentication, as the I-CSCF sends it on.
    pub fn by_tna(&mut self, person: &mut Person, expires: u32, extra: &str) -> Msg {
        let authorization = vouch(&self.it.home, person, extra);
        let register = person.register_for(expires).with("Authorization", authorization);
        self.on_mw(&register)
    }

    /// A REGISTER that only identifies its user, as the I-CSCF sends it on.
    pub fn initial(&mut self, person: &mut Person) -> Msg {
        let authorization = digest::identity(&person.impi, &person.domain);
        let register = person.register().with("Authorization", authorization);
        self.on_mw(&register)
    }

    /// The REGISTER that answers a challenge, for the `nc`th time, as the I-CSCF sends it on.
    ///
    /// # Errors
    /// When there is no challenge that can be answered.
    pub fn responding(&mut self, person: &mut Person, challenge: &Response, expires: u32, nc: u32) -> Outcome<Msg> {
        let challenges = digest::challenges(challenge);
        let none = || Stop::Fail(format!("{} {} without a digest challenge", challenge.status, challenge.reason));
        let first = challenges.first().ok_or_else(none)?;
        let answerer = digest::Answerer::register(&person.impi, &person.password, &person.domain).nc(nc);
        let integrity = if nc == 1 { "tls-pending" } else { "tls-yes" };
        let authorization = tls(&answerer.credentials(first)?, integrity);
        let register = person.register_for(expires).with("Authorization", authorization);
        Ok(self.on_mw(&register))
    }

    /// The challenge to an initial REGISTER, the HSS giving the person's password.
    ///
    /// # Errors
    /// When there is no 401.
    pub async fn challenged(&mut self, person: &mut Person) -> Outcome<Response> {
        let initial = self.initial(person);
        let (_, answer) = self.answered(&initial, "MAR", self.vector(person)).await?;
        match answer.status.code() {
            401 => Ok(answer),
            _ => Err(Stop::Fail(format!("{} {} instead of a challenge", answer.status, answer.reason))),
        }
    }

    /// The MAA with the person's password.
    pub fn vector(&self, person: &Person) -> CxReply {
        CxReply::success().digest(CxDigest::of(&person.impi, &self.it.home, &person.password))
    }

    /// The SAA with a profile of the person's one identity, or with changes to it.
    ///
    /// # Errors
    /// Inconclusive, when the identity is none.
    pub fn saa(&self, person: &Person, change: impl FnOnce(&mut ServiceProfile)) -> Outcome<CxReply> {
        let mut profile = profile(person)?;
        change(&mut profile);
        Ok(CxReply::success().profile(profile))
    }

    /// Registers by trusted node authentication, as a preamble.
    ///
    /// # Errors
    /// Inconclusive, when that fails.
    pub async fn registered(&mut self, person: &mut Person) -> Outcome<Response> {
        let register = self.by_tna(person, 3600, "");
        let saa = self.saa(person, |_| {})?;
        let registering = "registering by trusted node authentication";
        let (_, answer) = self.answered(&register, "SAR", saa).await.preamble(registering)?;
        match answer.status.is_success() {
            true => Ok(answer),
            false => Err(Stop::Inconclusive(format!("{registering}: {} {}", answer.status, answer.reason))),
        }
    }
}

/// A profile of the person's one identity.
///
/// # Errors
/// Inconclusive, when that is none.
pub fn profile(person: &Person) -> Outcome<ServiceProfile> {
    let impu = Impu::parse(&person.impu).map_err(|e| Stop::Inconclusive(format!("{}: {e}", person.impu)))?;
    Ok(ServiceProfile::of(impu))
}
