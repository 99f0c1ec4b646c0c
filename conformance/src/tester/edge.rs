//! An eP-CSCF under test, with what most purposes do to it.

use std::ops::{Deref, DerefMut};

use serde_json::json;
use sip::Response;

use super::{AtCore, Limits, Person};
use crate::lab::{EdgeUnderTest, WwsfParty};
use crate::script::{Arrived, Log, Msg, ScriptError, Token, Upgrade, Wic, digest};
use crate::verdict::{Outcome, Preamble, Stop};

/// An eP-CSCF under test, with the script around it.
pub struct Edge {
    it: EdgeUnderTest,
    log: Log,
    limits: Limits,
    salt: String,
    /// Whether flow 2 is claimed.
    by_token: bool,
    count: u32,
}

/// What became of a REGISTER that the core accepted.
pub struct Admitted {
    /// The REGISTER on Mw.
    pub at_core: Arrived,
    /// The 200 on W2.
    pub answer: Response,
}

impl Deref for Edge {
    type Target = EdgeUnderTest;

    fn deref(&self) -> &EdgeUnderTest {
        &self.it
    }
}

impl DerefMut for Edge {
    fn deref_mut(&mut self) -> &mut EdgeUnderTest {
        &mut self.it
    }
}

impl Edge {
    pub(super) fn new(it: EdgeUnderTest, log: Log, limits: Limits, salt: String, by_token: bool) -> Self {
        Self { it, log, limits, salt, by_token, count: 0 }
    }

    /// What the core answers.
    pub fn at_core(&self) -> AtCore {
        AtCore { home: self.it.home.clone() }
    }

    /// An upgrade request of a page of `origin`.
    pub fn upgrade(&self, origin: &str) -> Upgrade {
        Upgrade::from_page(&self.it.wss, origin)
    }

    /// Sends an upgrade request; its answer, and the connection.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn try_upgrade(&self, upgrade: &Upgrade) -> Result<(crate::script::HttpAnswer, Wic), ScriptError> {
        Wic::upgrade(&self.it.wss, "wic", upgrade, &self.log).await
    }

    /// A WIC of a page of `origin`, as a preamble.
    ///
    /// # Errors
    /// Inconclusive, when the upgrade is refused.
    pub async fn wic(&self, name: &str, origin: &str) -> Outcome<Wic> {
        Wic::open(&self.it.wss, name, &self.upgrade(origin), &self.log).await.preamble("opening the WebSocket")
    }

    /// A WIC of the operator's page.
    ///
    /// # Errors
    /// Inconclusive, when the upgrade is refused.
    pub async fn operator_wic(&self) -> Outcome<Wic> {
        self.wic("wic", &self.it.operator.origin).await
    }

    /// A WIC of the partner's page.
    ///
    /// # Errors
    /// Inconclusive, when the upgrade is refused.
    pub async fn partner_wic(&self) -> Outcome<Wic> {
        self.wic("wic", &self.it.partner.origin).await
    }

    /// Somebody of the home domain, another one each time.
    pub fn person(&mut self) -> Person {
        self.count += 1;
        Person::new("alice", &self.it.home, &format!("{}p{}", self.salt, self.count))
    }

    /// A guest out of the partner's range, another one each time.
    pub fn guest(&mut self) -> Person {
        self.count += 1;
        let domain = self.it.partner.domain.clone();
        let name = format!("guest-{}p{}", self.salt, self.count);
        let mut guest = Person::new("guest", &domain, &format!("{}p{}", self.salt, self.count));
        guest.impi = format!("{name}@{domain}");
        guest.impu = format!("sip:{name}@{domain}");
        guest
    }

    /// The claims that are right for a person at a WWSF.
    pub fn token_of(&mut self, party: &WwsfParty, person: &Person) -> Token {
        self.count += 1;
        let now = Token::now();
        Token::new(
            &party.key,
            json!({
                "iss": party.issuer, "aud": format!("sip:{}", self.it.name), "sub": format!("web|{}", person.user),
                "client_id": party.id, "iat": now - 10, "nbf": now - 10, "exp": now + 3600,
                "jti": format!("{}j{}", self.salt, self.count), "scope": "webrtc-ims-client-access-to-ims",
                "impi": person.impi, "impu": [person.impu],
            }),
        )
    }

    /// A token for flow 2.
    pub fn token(&mut self, person: &Person) -> Token {
        self.token_of(&self.it.operator.clone(), person)
    }

    /// A token for flow 3.
    pub fn guest_token(&mut self, person: &Person) -> Token {
        self.token_of(&self.it.partner.clone(), person)
    }

    /// The Authorization value with a token of flow 2.
    pub fn bearer(&mut self, person: &Person) -> String {
        format!("Bearer {}", self.token(person).sign(&self.it.operator.key))
    }

    /// The Authorization value of a REGISTER that any flow will do for: a token of flow 2, or the identity
    /// of flow 1 where flow 2 is not claimed.
    pub fn credentials(&mut self, person: &Person) -> String {
        match self.by_token {
            true => self.bearer(person),
            false => digest::identity(&person.impi, &person.domain),
        }
    }

    /// The Authorization value with a token of flow 3.
    pub fn guest_bearer(&mut self, person: &Person) -> String {
        format!("Bearer {}", self.guest_token(person).sign(&self.it.partner.key))
    }

    /// Sends a REGISTER which the core accepts, up to the 200 on W2.
    ///
    /// # Errors
    /// When it does not come to the core, or the 200 not back.
    pub async fn admit(&mut self, wic: &mut Wic, register: &Msg) -> Outcome<Admitted> {
        let at_core = self.to_core(wic, register).await?;
        let ok = self.at_core().ok(&at_core.request);
        self.it.core.respond(&at_core, &ok).await?;
        let answer = wic.answer().await?;
        if !answer.status.is_success() {
            return Err(Stop::Fail(format!("{} {} where the core said 200", answer.status, answer.reason)));
        }
        Ok(Admitted { at_core, answer })
    }

    /// Sends a REGISTER; what came to the core.
    ///
    /// # Errors
    /// When the system answers it, or does nothing.
    pub async fn to_core(&mut self, wic: &mut Wic, register: &Msg) -> Outcome<Arrived> {
        wic.send(register.bytes()).await?;
        let answered = wic.answer();
        tokio::select! {
            arrived = self.it.core.request("REGISTER") => Ok(arrived?),
            answer = answered => {
                let answer = answer?;
                Err(Stop::Fail(format!("{} {} on W2, and nothing on Mw", answer.status, answer.reason)))
            }
        }
    }

    /// Sends a request of a WIC that the system answers by itself; the answer, when nothing went to
    /// the core.
    ///
    /// # Errors
    /// When the core is asked, or no answer comes.
    pub async fn refused(&mut self, wic: &mut Wic, request: &Msg) -> Outcome<Response> {
        wic.send(request.bytes()).await?;
        let within = self.limits.answer;
        let answer = tokio::select! {
            biased;
            answer = wic.answer() => answer?,
            arrived = self.it.core.request_that("request on Mw", within, of_call(request)) => {
                let arrived = arrived?;
                return Err(Stop::Fail(format!("the core was asked: {} {}", arrived.request.method, arrived.request.uri)));
            }
        };
        self.nothing_on_mw(request).await?;
        Ok(answer)
    }

    /// That a request is not seen on Mw.
    ///
    /// # Errors
    /// When it is.
    pub async fn nothing_on_mw(&mut self, message: &Msg) -> Outcome {
        Ok(self.it.core.silent(self.limits.quiet, of_call(message)).await?)
    }

    /// Registers by flow 2, or by flow 1 where flow 2 is not claimed, as a preamble.
    ///
    /// # Errors
    /// Inconclusive, when that fails.
    pub async fn registered(&mut self, wic: &mut Wic, person: &mut Person) -> Outcome<Admitted> {
        if !self.by_token {
            return self.registered_by_digest(wic, person).await;
        }
        let register = person.register().with("Authorization", self.bearer(person));
        self.admit(wic, &register).await.preamble("registering by flow 2")
    }

    /// Registers out of the range, as a preamble; the token that was used.
    ///
    /// # Errors
    /// Inconclusive, when that fails.
    pub async fn registered_guest(&mut self, wic: &mut Wic, guest: &mut Person) -> Outcome<String> {
        let bearer = self.guest_bearer(guest);
        let register = guest.register().with("Authorization", &bearer);
        let answer = self.refused(wic, &register).await.preamble("registering out of the range")?;
        match answer.status.is_success() {
            true => Ok(bearer),
            false => {
                Err(Stop::Inconclusive(format!("registering out of the range: {} {}", answer.status, answer.reason)))
            }
        }
    }

    /// Registers by flow 1, with the script as S-CSCF; what the core saw second.
    ///
    /// # Errors
    /// Inconclusive, when that fails.
    pub async fn registered_by_digest(&mut self, wic: &mut Wic, person: &mut Person) -> Outcome<Admitted> {
        self.digest_rounds(wic, person).await.preamble("registering by flow 1")
    }

    async fn digest_rounds(&mut self, wic: &mut Wic, person: &mut Person) -> Outcome<Admitted> {
        let first = person.register().with("Authorization", digest::identity(&person.impi, &person.domain));
        let challenge = self.challenged(wic, &first).await?;
        let answerer = digest::Answerer::register(&person.impi, &person.password, &person.domain);
        let challenge = digest::challenges(&challenge);
        let challenge = challenge.first().ok_or_else(|| Stop::fail("the challenge was lost on its way"))?;
        let credentials = answerer.credentials(challenge)?;
        let second = person.register().with("Authorization", digest::authorization(credentials));
        self.admit(wic, &second).await
    }

    /// Sends a REGISTER which the core challenges; the 401 on W2.
    ///
    /// # Errors
    /// When it does not come to the core, or no 401 back.
    pub async fn challenged(&mut self, wic: &mut Wic, register: &Msg) -> Outcome<Response> {
        let arrived = self.to_core(wic, register).await?;
        self.count += 1;
        let challenge = self.at_core().challenge(&arrived.request, &format!("{}nonce{}", self.salt, self.count));
        self.it.core.respond(&arrived, &challenge).await?;
        Ok(wic.answer().await?)
    }
}

impl Edge {
    /// A request that the core sends towards a WIC; with a Route when one is given.
    pub fn from_core(&mut self, method: &str, uri: &str, route: Option<&str>) -> Msg {
        self.count += 1;
        let (addr, salt, count) = (self.it.core.addr(), &self.salt, self.count);
        let home = &self.it.home;
        let request = Msg::request(method, uri)
            .with("Via", format!("SIP/2.0/UDP {addr};branch=z9hG4bKc{salt}x{count};rport"))
            .with("Max-Forwards", 60)
            .with("From", format!("<sip:bob@{home}>;tag=b{count}"))
            .with("To", format!("<sip:alice@{home}>"))
            .with("Call-ID", format!("t{salt}x{count}"))
            .with("CSeq", format!("1 {method}"));
        match route {
            Some(route) => request.with("Route", route),
            None => request,
        }
    }

    /// Sends a request from the core's place; the final response.
    ///
    /// # Errors
    /// When there is none, or the system's Mw is not known.
    pub async fn ask_from_core(&mut self, request: &Msg) -> Outcome<Response> {
        let unknown = || Stop::NotApplicable("the system's address on Mw is not known".into());
        let mw = self.it.mw.ok_or_else(unknown)?;
        Ok(self.it.core.exchange(mw, &request.bytes()).await?)
    }

    /// Sends a request of a registered WIC; what came to the core.
    ///
    /// # Errors
    /// When the system answers it, or does nothing.
    pub async fn originated(&mut self, wic: &mut Wic, request: &Msg) -> Outcome<Arrived> {
        wic.send(request.bytes()).await?;
        let method = request.start.split(' ').next().unwrap_or_default().to_owned();
        let answered = wic.answer();
        tokio::select! {
            arrived = self.it.core.request(&method) => Ok(arrived?),
            answer = answered => {
                let answer = answer?;
                Err(Stop::Fail(format!("{} {} on W2, and nothing on Mw", answer.status, answer.reason)))
            }
        }
    }

    /// Calls somebody, up to the ACK; the INVITE on Mw and the 200 on W2.
    ///
    /// # Errors
    /// Inconclusive, when that fails.
    pub async fn called(&mut self, wic: &mut Wic, invite: &Msg) -> Outcome<(Arrived, Response)> {
        self.call(wic, invite).await.preamble("calling")
    }

    async fn call(&mut self, wic: &mut Wic, invite: &Msg) -> Outcome<(Arrived, Response)> {
        let arrived = self.originated(wic, invite).await?;
        let ok = self.answered(&arrived);
        self.it.core.respond(&arrived, &ok).await?;
        let answer = wic.answer().await?;
        if !answer.status.is_success() {
            return Err(Stop::Fail(format!("{} {}", answer.status, answer.reason)));
        }
        wic.send(super::in_dialog("ACK", 1, invite, &answer, "ack").bytes()).await?;
        self.it.core.request("ACK").await?;
        Ok((arrived, answer))
    }

    /// The 200 to an INVITE, of a callee in the core.
    pub fn answered(&self, invite: &Arrived) -> Response {
        let mut ok = invite.request.respond(sip::StatusCode::OK);
        ok.ensure_to_tag(|| "callee".into());
        for value in invite.request.headers.values(&sip::HeaderName::RecordRoute) {
            ok.headers.push(sip::HeaderName::RecordRoute, value.to_owned());
        }
        ok.with_raw(sip::HeaderName::Contact, format!("<sip:bob@{}>", self.it.core.addr()))
            .with_body("application/sdp", super::SDP)
    }

    /// Lets the core call a registered WIC, up to the ACK; the INVITE on W2, and the 200 on Mw.
    ///
    /// # Errors
    /// Inconclusive, when that fails.
    pub async fn calls(&mut self, wic: &mut Wic, person: &Person, path: &str) -> Outcome<(sip::Request, Response)> {
        self.call_in(wic, person, path).await.preamble("being called")
    }

    async fn call_in(&mut self, wic: &mut Wic, person: &Person, path: &str) -> Outcome<(sip::Request, Response)> {
        let core = self.it.core.addr();
        let invite = self
            .from_core("INVITE", &person.contact_uri(), Some(path))
            .with("P-Called-Party-ID", format!("<{}>", person.impu))
            .with("Contact", format!("<sip:bob@{core}>"))
            .with("Record-Route", format!("<sip:{core};lr>"))
            .body("application/sdp", super::SDP);
        let mw = self.it.mw.ok_or_else(|| Stop::NotApplicable("the system's address on Mw is not known".into()))?;
        self.it.core.send(mw, &invite.bytes()).await?;
        let on_w2 = wic.request("INVITE").await?;
        wic.send(super::answer_of_wic(&on_w2, person).bytes()).await?;
        let call_id = invite.value("Call-ID").unwrap_or_default().to_owned();
        let ok = self.it.core.response(Some(&call_id)).await?;
        // The core's own entry of the route set is behind it already.
        let mut onward = ok.clone();
        onward
            .headers
            .retain(|line| line.name != sip::HeaderName::RecordRoute || !line.value.contains(&core.to_string()));
        let ack = super::in_dialog("ACK", 1, &invite, &onward, &self.salt).set("Via", via_of(&invite, "a"));
        self.it.core.send(mw, &ack.bytes()).await?;
        wic.request("ACK").await?;
        Ok((on_w2, ok))
    }

    /// How long it takes to see that nothing comes.
    pub fn quiet(&self) -> std::time::Duration {
        self.limits.quiet
    }
}

/// What tells a message on Mw to be of the same Call-ID.
fn of_call(message: &Msg) -> impl Fn(&sip::Request) -> bool + use<> {
    let call_id = message.value("Call-ID").unwrap_or_default().to_owned();
    move |r| r.call_id().is_ok_and(|id| id.to_string() == call_id)
}

/// The Via of a message with another branch.
pub(super) fn via_of(message: &Msg, more: &str) -> String {
    message.value("Via").unwrap_or_default().replacen(";rport", &format!("{more};rport"), 1)
}
