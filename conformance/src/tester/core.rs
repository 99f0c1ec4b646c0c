//! A core or registrar under test, with what most purposes do to it.

use std::ops::{Deref, DerefMut};

use sip::Response;

use super::{AtEdge, Limits, Person, tls, vouch};
use crate::cx::{CxAsk, CxReply};
use crate::lab::{Authentication, Controlled, CoreUnderTest, NewSubscriber, Operation, Subscriber};
use crate::script::{Msg, digest};
use crate::verdict::{Outcome, Preamble, Stop};

/// A core under test, with the script before it.
pub struct Core {
    it: CoreUnderTest,
    limits: Limits,
    salt: String,
    count: u32,
}

impl Deref for Core {
    type Target = CoreUnderTest;

    fn deref(&self) -> &CoreUnderTest {
        &self.it
    }
}

impl DerefMut for Core {
    fn deref_mut(&mut self) -> &mut CoreUnderTest {
        &mut self.it
    }
}

impl Core {
    pub(super) fn new(it: CoreUnderTest, limits: Limits, salt: String) -> Self {
        Self { it, limits, salt, count: 0 }
    }

    /// Ends what earlier purposes left registered, as far as the users' passwords allow it: somebody
    /// else's registrar is not a fresh one each time.
    pub(crate) async fn cleared(it: CoreUnderTest, limits: Limits) -> CoreUnderTest {
        let mut core = Self::new(it, limits, crate::tester::salt());
        for nth in 0..core.it.users.len() {
            let Ok(mut person) = core.nth_person(nth) else { continue };
            let leave = |person: &mut Person| person.register().set("Contact", "*").set("Expires", 0);
            let first = leave(&mut person).with("Authorization", digest::identity(&person.impi, &person.domain));
            let Ok(challenge) = core.register(&first).await else { continue };
            let Ok(sent) = core.credentials(&challenge, &person) else { continue };
            let second = leave(&mut person).with("Authorization", tls(&sent, "tls-pending"));
            let _ = core.register(&second).await;
        }
        core.it
    }

    /// How long things may take.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The first provisioned subscriber, with a browser of its own.
    ///
    /// # Errors
    /// Not applicable, when nobody is provisioned.
    pub fn person(&mut self) -> Outcome<Person> {
        self.nth_person(0)
    }

    /// Another provisioned subscriber.
    ///
    /// # Errors
    /// Not applicable, when there are fewer.
    pub fn nth_person(&mut self, nth: usize) -> Outcome<Person> {
        let missing = || Stop::NotApplicable(format!("fewer than {} subscribers are provisioned", nth + 1));
        let subscriber = self.it.users.get(nth).cloned().ok_or_else(missing)?;
        Ok(self.person_of(&subscriber))
    }

    /// A subscriber with a browser of its own.
    pub fn person_of(&mut self, subscriber: &Subscriber) -> Person {
        self.count += 1;
        let person = Person::new("user", &self.it.home, &format!("{}p{}", self.salt, self.count));
        Person {
            impi: subscriber.impi.clone(),
            impu: subscriber.impus.first().cloned().unwrap_or_default(),
            password: subscriber.password.clone(),
            ..person
        }
    }

    /// Provisions somebody, where the system lets itself be operated.
    ///
    /// # Errors
    /// Not applicable where it does not.
    pub async fn provision(&mut self, name: &str, change: impl FnOnce(&mut NewSubscriber)) -> Outcome<Person> {
        let home = self.it.home.clone();
        let mut new = NewSubscriber {
            impis: vec![format!("{name}-wic@{home}")],
            impus: vec![format!("sip:{name}@{home}")],
            authentication: Authentication::Digest(format!("{name}-secret")),
            ..NewSubscriber::default()
        };
        change(&mut new);
        let subscriber = Subscriber {
            impi: new.impis.first().cloned().unwrap_or_default(),
            impus: new.impus.clone(),
            password: format!("{name}-secret"),
        };
        self.operate(Operation::Add(new)).await?;
        Ok(self.person_of(&subscriber))
    }

    /// Does what an operator can do.
    ///
    /// # Errors
    /// Not applicable where the system does not let itself be operated.
    pub async fn operate(&mut self, operation: Operation) -> Outcome {
        match self.it.control.operate(operation).await {
            None => Err(Stop::NotApplicable("the subscriber store cannot be operated from here".into())),
            Some(Ok(())) => Ok(()),
            Some(Err(reason)) => Err(Stop::Inconclusive(format!("the subscriber store: {reason}"))),
        }
    }

    /// Asks the HSS.
    ///
    /// # Errors
    /// Not applicable where it cannot be asked.
    pub async fn ask(&mut self, ask: CxAsk) -> Outcome<CxReply> {
        let none = || Stop::NotApplicable("the HSS cannot be asked from here".into());
        self.it.control.ask_hss(ask).await.ok_or_else(none)
    }

    /// The Cx commands so far, without profile fetches that change nothing: a core makes them for
    /// itself too.
    ///
    /// # Errors
    /// Not applicable where they cannot be seen.
    pub fn cx(&self) -> Outcome<Vec<String>> {
        let seen: Controlled<Vec<String>> = self.it.control.cx();
        let seen = seen.ok_or_else(|| Stop::NotApplicable("Cx cannot be seen from here".into()))?;
        Ok(seen.into_iter().filter(|command| command != "SAR NO_ASSIGNMENT").collect())
    }

    /// A REGISTER as an eP-CSCF passes it on.
    pub fn on_mw(&mut self, register: &Msg) -> Msg {
        self.passing().register(register)
    }

    /// The header of trusted node authentication.
    pub fn vouch(&self, person: &Person, extra: &str) -> String {
        vouch(&self.it.home, person, extra)
    }

    /// Sends a REGISTER as it stands to the first node of the core.
    ///
    /// # Errors
    /// When no final response comes.
    pub async fn send(&mut self, message: &Msg) -> Outcome<Response> {
        let entry = self.it.entry;
        Ok(self.it.edge.exchange(entry, &message.bytes()).await?)
    }

    /// Sends a REGISTER of a WIC, passed on.
    ///
    /// # Errors
    /// When no final response comes.
    pub async fn register(&mut self, register: &Msg) -> Outcome<Response> {
        let message = self.on_mw(register);
        self.send(&message).await
    }

    /// Registers by digest: the challenge, and the 200 with what was sent for it.
    ///
    /// # Errors
    /// When it does not come to a 200.
    pub async fn by_digest(
        &mut self,
        person: &mut Person,
    ) -> Outcome<(Response, Response, sip::headers::DigestCredentials)> {
        let first = person.register().with("Authorization", digest::identity(&person.impi, &person.domain));
        let challenge = self.register(&first).await?;
        let sent = self.credentials(&challenge, person)?;
        let second = person.register().with("Authorization", tls(&sent, "tls-pending"));
        let answer = self.register(&second).await?;
        match answer.status.is_success() {
            true => Ok((challenge, answer, sent)),
            false => Err(Stop::Fail(format!("{} {} to a right answer", answer.status, answer.reason))),
        }
    }

    /// Registers by digest, as a preamble.
    ///
    /// # Errors
    /// Inconclusive, when that fails.
    pub async fn registered(&mut self, person: &mut Person) -> Outcome<sip::headers::DigestCredentials> {
        self.by_digest(person).await.preamble("registering by digest").map(|(_, _, sent)| sent)
    }

    /// Registers by trusted node authentication.
    ///
    /// # Errors
    /// When no final response comes.
    pub async fn by_tna(&mut self, person: &mut Person, expires: u32, extra: &str) -> Outcome<Response> {
        let register = person.register_for(expires).with("Authorization", self.vouch(person, extra));
        self.register(&register).await
    }

    /// An INVITE of a registered user, as the eP-CSCF passes it on to the S-CSCF.
    pub fn invite(&mut self, caller: &mut Person, to: &str, lines: &[(&str, &str)]) -> Msg {
        let request = caller.request("INVITE", to).body("application/sdp", super::SDP);
        self.originating(&request, caller, lines)
    }

    /// A request of a registered user, as the eP-CSCF passes it on to the S-CSCF.
    pub fn originating(&mut self, request: &Msg, caller: &Person, lines: &[(&str, &str)]) -> Msg {
        let scscf = format!("scscf1.{}", self.it.home);
        self.passing().originating(request, &scscf, caller, lines)
    }

    fn passing(&mut self) -> AtEdge<'_> {
        self.count += 1;
        let Self { it, salt, count, .. } = self;
        AtEdge { home: &it.home, addr: it.edge.addr(), transport: it.entry.transport, salt, count: *count }
    }

    /// Sends a request to the S-CSCF; the request that comes back out of the core, to the callee's
    /// eP-CSCF, whose place is the script's too.
    ///
    /// # Errors
    /// When the core answers it instead.
    pub async fn send_call(&mut self, request: &Msg) -> Outcome<crate::script::Arrived> {
        let none = || Stop::NotApplicable("the S-CSCF cannot be reached by itself".into());
        let scscf = self.it.scscf.ok_or_else(none)?;
        let method = request.start.split(' ').next().unwrap_or_default().to_owned();
        let call_id = request.value("Call-ID").unwrap_or_default().to_owned();
        self.it.edge.send(scscf, &request.bytes()).await?;
        match self.it.edge.request(&method).await {
            Ok(arrived) => Ok(arrived),
            Err(error) if error.is_silence() => match self.it.edge.response(Some(&call_id)).await {
                Ok(answer) => Err(Stop::Fail(format!("{} {} to the {method}", answer.status, answer.reason))),
                Err(_) => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Calls somebody; what comes to the callee's eP-CSCF.
    ///
    /// # Errors
    /// When nothing does.
    pub async fn originate(
        &mut self,
        caller: &mut Person,
        to: &str,
        lines: &[(&str, &str)],
    ) -> Outcome<crate::script::Arrived> {
        let invite = self.invite(caller, to, lines);
        self.send_call(&invite).await
    }

    /// Calls somebody who cannot be reached; the final response.
    ///
    /// # Errors
    /// When a request comes to the callee's eP-CSCF, or no answer comes.
    pub async fn refused_call(&mut self, caller: &mut Person, to: &str) -> Outcome<Response> {
        let none = || Stop::NotApplicable("the S-CSCF cannot be reached by itself".into());
        let scscf = self.it.scscf.ok_or_else(none)?;
        let invite = self.invite(caller, to, &[]);
        let answer = self.it.edge.exchange(scscf, &invite.bytes()).await?;
        let quiet = self.limits.quiet;
        self.it.edge.silent(quiet, |r| r.method.as_str() == "INVITE").await?;
        Ok(answer)
    }

    /// The right answer to the first challenge of a 401.
    ///
    /// # Errors
    /// When there is none that can be answered.
    pub fn credentials(&self, challenge: &Response, person: &Person) -> Outcome<sip::headers::DigestCredentials> {
        let challenges = digest::challenges(challenge);
        let none = || Stop::Fail(format!("{} {} without a digest challenge", challenge.status, challenge.reason));
        let first = challenges.first().ok_or_else(none)?;
        Ok(digest::Answerer::register(&person.impi, &person.password, &person.domain).credentials(first)?)
    }
}
