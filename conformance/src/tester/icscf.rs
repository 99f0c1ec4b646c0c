//! An I-CSCF under test, alone.

use std::ops::{Deref, DerefMut};

use sip::Response;

use super::{AtEdge, Limits, Person};
use crate::cx::{CxAsk, CxReply};
use crate::lab::IcscfUnderTest;
use crate::script::{Arrived, Msg, Question};
use crate::verdict::Outcome;

/// An I-CSCF under test, with the script around it.
pub struct Icscf {
    it: IcscfUnderTest,
    limits: Limits,
    salt: String,
    count: u32,
}

impl Deref for Icscf {
    type Target = IcscfUnderTest;

    fn deref(&self) -> &IcscfUnderTest {
        &self.it
    }
}

impl DerefMut for Icscf {
    fn deref_mut(&mut self) -> &mut IcscfUnderTest {
        &mut self.it
    }
}

impl Icscf {
    pub(super) fn new(it: IcscfUnderTest, limits: Limits, salt: String) -> Self {
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

    /// A REGISTER as an eP-CSCF passes it on.
    pub fn on_mw(&mut self, register: &Msg) -> Msg {
        self.count += 1;
        let Self { it, salt, count, .. } = self;
        let edge = it.edge.addr();
        AtEdge { home: &it.home, addr: edge, transport: it.entry.transport, salt, count: *count }.register(register)
    }

    /// A request for a user of the home domain, as another node of the trust domain sends it.
    pub fn terminating(&mut self, caller: &mut Person, method: &str, to: &str) -> Msg {
        self.count += 1;
        let addr = self.it.edge.addr();
        let via = format!("SIP/2.0/UDP {addr};branch=z9hG4bKt{}x{};rport", self.salt, self.count);
        caller
            .request(method, to)
            .first("Via", via)
            .with("P-Asserted-Identity", format!("<{}>", caller.impu))
            .set("Content-Length", 0)
    }

    /// Sends a request, and has what the HSS is asked then.
    ///
    /// # Errors
    /// When it is not asked.
    pub async fn ask_for(&mut self, message: &Msg, command: &str) -> Outcome<Question> {
        self.send(message).await?;
        Ok(self.it.hss.question(command).await?)
    }

    /// Sends a request as it stands.
    ///
    /// # Errors
    /// When it cannot be sent.
    pub async fn send(&mut self, message: &Msg) -> Outcome {
        let entry = self.it.entry;
        Ok(self.it.edge.send(entry, &message.bytes()).await?)
    }

    /// Sends a request, and answers the one question that comes; what was asked.
    ///
    /// # Errors
    /// When no question comes.
    pub async fn answered(&mut self, message: &Msg, command: &str, reply: CxReply) -> Outcome<CxAsk> {
        let question = self.ask_for(message, command).await?;
        let ask = question.ask.clone();
        question.answer(reply);
        Ok(ask)
    }

    /// What comes to one of the S-CSCFs.
    ///
    /// # Errors
    /// When nothing does.
    pub async fn at_scscf(&mut self, nth: usize, method: &str) -> Outcome<Arrived> {
        Ok(self.scscf(nth)?.node.request(method).await?)
    }

    /// An S-CSCF answers.
    ///
    /// # Errors
    /// When that cannot be sent.
    pub async fn respond(&mut self, nth: usize, to: &Arrived, response: &Response) -> Outcome {
        Ok(self.scscf(nth)?.node.respond(to, response).await?)
    }

    /// That no S-CSCF gets anything.
    ///
    /// # Errors
    /// With what came.
    pub async fn nothing_forwarded(&mut self) -> Outcome {
        let quiet = self.limits.quiet;
        for scscf in &mut self.it.scscfs {
            scscf.node.silent(quiet / 3, |_| true).await?;
        }
        Ok(())
    }

    /// The final response to a request.
    ///
    /// # Errors
    /// When none comes.
    pub async fn answer(&mut self, request: &Msg) -> Outcome<Response> {
        let call_id = request.value("Call-ID").unwrap_or_default().to_owned();
        Ok(self.it.edge.response(Some(&call_id)).await?)
    }

    /// A REGISTER, the HSS's answer to it, and the final response; nothing reaches an S-CSCF.
    ///
    /// # Errors
    /// When something does, or no response comes.
    pub async fn refused(&mut self, message: &Msg, command: &str, reply: CxReply) -> Outcome<Response> {
        self.answered(message, command, reply).await?;
        let answer = self.answer(message).await?;
        self.nothing_forwarded().await?;
        Ok(answer)
    }

    /// The name of one of the S-CSCFs: a SIP URI.
    pub fn name(&self, nth: usize) -> String {
        self.it.scscfs.get(nth).map(|scscf| scscf.name.clone()).unwrap_or_default()
    }

    fn scscf(&mut self, nth: usize) -> Outcome<&mut crate::lab::ScriptedScscf> {
        let missing = || crate::verdict::Stop::NotApplicable(format!("there are fewer than {} S-CSCFs", nth + 1));
        self.it.scscfs.get_mut(nth).ok_or_else(missing)
    }
}
