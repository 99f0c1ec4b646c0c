//! A WIC under test, with the script as its eP-CSCF: what purposes say to it and take from it.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use sip::{Framing, HeaderName, Message, Method, Request, Response, StatusCode};

use crate::lab::{Account, WicUnderTest};
use crate::script::{Admission, Deed};
use crate::verdict::{Outcome, Stop};

/// A WIC under test. Its keep-alives are answered, and it is granted no subscription to its
/// registration, unless the script says otherwise.
pub struct Ua {
    wic: Box<dyn WicUnderTest>,
    sent: VecDeque<Bytes>,
    /// What it was given last, in short.
    given: String,
    /// Whether its CRLF keep-alives are answered.
    pub answers_keep_alives: bool,
    /// Whether SUBSCRIBE for its registration is for the script to answer.
    pub grants_watching: bool,
    /// The SUBSCRIBE for its registration that was refused.
    pub watched: Option<Request>,
    /// The connections that it asked for; the head of the upgrade, where there is a real one.
    pub connects: Vec<Option<String>>,
    /// The codes that it closed connections with.
    pub closes: Vec<Option<u16>>,
    /// How many CRLF keep-alives it sent.
    pub keep_alives: usize,
    /// What it answered Pings with.
    pub pongs: Vec<Bytes>,
}

impl Ua {
    pub(super) fn new(wic: Box<dyn WicUnderTest>) -> Self {
        Self {
            wic,
            sent: VecDeque::new(),
            given: String::new(),
            answers_keep_alives: true,
            grants_watching: false,
            watched: None,
            connects: Vec::new(),
            closes: Vec::new(),
            keep_alives: 0,
            pongs: Vec::new(),
        }
    }

    /// Whom it registers.
    pub fn account(&self) -> &Account {
        self.wic.account()
    }

    /// Lets it begin to register.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn start(&mut self) -> Outcome {
        self.wic.start().await?;
        self.collect().await
    }

    /// Lets it begin, and gives its first REGISTER.
    ///
    /// # Errors
    /// When there is none.
    pub async fn open(&mut self) -> Outcome<Request> {
        self.start().await?;
        self.request().await
    }

    /// Lets the user leave.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn leave(&mut self) -> Outcome {
        self.wic.leave().await?;
        self.collect().await
    }

    /// Lets the user take the call that rings.
    ///
    /// # Errors
    /// When there is none.
    pub async fn answer_call(&mut self) -> Outcome {
        self.wic.answer_call().await?;
        self.collect().await
    }

    /// Lets the user do what needs a new offer.
    ///
    /// # Errors
    /// When there is no call.
    pub async fn offer_again(&mut self) -> Outcome {
        self.wic.offer_again().await?;
        self.collect().await
    }

    /// Whether it takes itself for registered.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn registered(&mut self) -> Outcome<bool> {
        self.wic.registered().await
    }

    /// The tokens that it was given so far, the last one last.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub async fn tokens(&mut self) -> Outcome<Vec<String>> {
        self.wic.tokens().await
    }

    /// The authorisation server that it knows.
    ///
    /// # Errors
    /// Not applicable, when it asks for no tokens itself.
    pub fn authz_server(&self) -> Outcome<String> {
        let server = self.account().authz_server.clone();
        server.ok_or_else(|| Stop::NotApplicable("this WIC asks for no tokens itself".into()))
    }

    /// What becomes of connections from now on.
    pub fn admit(&mut self, admission: Admission) {
        self.wic.admit(admission);
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// When its clock cannot be moved.
    pub async fn pass(&mut self, time: Duration) -> Outcome {
        self.pass_until(time, |_| false).await.map(drop)
    }

    /// Lets time pass until something holds, no longer than `limit`; gives how long that was, or
    /// nothing when it did not come to that.
    ///
    /// # Errors
    /// When its clock cannot be moved.
    pub async fn pass_until(&mut self, limit: Duration, holds: impl Fn(&Self) -> bool) -> Outcome<Option<Duration>> {
        let mut passed = Duration::ZERO;
        while !holds(self) {
            if passed >= limit {
                return Ok(None);
            }
            passed += self.wic.pass(limit - passed).await?;
            self.collect().await?;
        }
        Ok(Some(passed))
    }

    /// Whether it has sent nothing that was not taken yet, keep-alives aside.
    pub fn is_silent(&self) -> bool {
        self.sent.is_empty()
    }

    /// The next octets that it sent, if there are any.
    pub fn octets(&mut self) -> Option<Bytes> {
        self.sent.pop_front()
    }

    /// The next message that it sent, whatever it is.
    ///
    /// # Errors
    /// When it sends none, or it cannot be read.
    pub async fn message(&mut self) -> Outcome<Message> {
        while self.sent.is_empty() && self.wic.wait().await {
            self.collect().await?;
        }
        let octets = self.sent.pop_front().ok_or_else(|| self.silence())?;
        Message::parse(octets, Framing::WebSocket)
            .map_err(|e| Stop::Fail(format!("what the WIC sent cannot be read: {}", e.error)))
    }

    /// The next request that it sent, which must be valid.
    ///
    /// # Errors
    /// When it sends none, or something else.
    pub async fn request(&mut self) -> Outcome<Request> {
        match self.message().await? {
            Message::Request(request) => match request.validate() {
                Ok(()) => Ok(request),
                Err(e) => Err(Stop::Fail(format!("the WIC's request is not valid: {}", e.reason))),
            },
            Message::Response(response) => Err(Stop::Fail(format!("the WIC sent {}", response.status))),
        }
    }

    /// The next final response that it sent.
    ///
    /// # Errors
    /// When it sends none.
    pub async fn final_response(&mut self) -> Outcome<Response> {
        loop {
            if let Message::Response(answer) = self.message().await?
                && answer.status.is_final()
            {
                return Ok(answer);
            }
        }
    }

    /// Gives it octets.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn receive(&mut self, octets: impl Into<Bytes>) -> Outcome {
        let octets = octets.into();
        let first = String::from_utf8_lossy(&octets).lines().next().unwrap_or_default().to_owned();
        // A status and its reason, or a method.
        self.given = match first.strip_prefix("SIP/2.0 ") {
            Some(status) => status.to_owned(),
            None => first.split(' ').next().unwrap_or_default().to_owned(),
        };
        self.wic.send(octets).await?;
        self.collect().await
    }

    fn silence(&self) -> Stop {
        match &*self.given {
            "" => Stop::fail("nothing was sent"),
            given => Stop::Fail(format!("nothing was sent after {given:.60}")),
        }
    }

    /// Gives it a response.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn answer(&mut self, response: &Response) -> Outcome {
        self.receive(response.to_bytes()).await
    }

    /// Gives it a WebSocket Ping.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn ping(&mut self, octets: &'static [u8]) -> Outcome {
        self.wic.ping(Bytes::from_static(octets)).await?;
        while self.pongs.is_empty() && self.wic.wait().await {
            self.collect().await?;
        }
        self.collect().await
    }

    /// Closes its connection from the other side; 1006 without a word.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn close(&mut self, code: u16) -> Outcome {
        self.wic.close(code).await?;
        self.collect().await
    }

    /// Takes what it did, and answers what is not for the script.
    async fn collect(&mut self) -> Outcome {
        while let Some(deed) = self.wic.deed() {
            match deed {
                Deed::Connect(upgrade) => self.connects.push(upgrade),
                Deed::Close(code) => self.closes.push(code),
                Deed::Pong(octets) => self.pongs.push(octets),
                Deed::Send(octets) if octets.iter().all(|c| matches!(c, b'\r' | b'\n')) => {
                    self.keep_alives += 1;
                    if self.answers_keep_alives {
                        // Whether it is still there is not asked here.
                        let _ = self.wic.send(Bytes::from_static(b"\r\n")).await;
                    }
                }
                Deed::Send(octets) => match watches(&octets).filter(|_| !self.grants_watching) {
                    Some(subscribe) => {
                        let _ = self.wic.send(refusal(&subscribe).to_bytes()).await;
                        self.watched = Some(subscribe);
                    }
                    None => self.sent.push_back(octets),
                },
            }
        }
        Ok(())
    }
}

/// The SUBSCRIBE for its registration that this is.
fn watches(octets: &Bytes) -> Option<Request> {
    match Message::parse(octets.clone(), Framing::WebSocket) {
        Ok(Message::Request(request)) => (request.method == Method::Subscribe
            && request.headers.value(&HeaderName::Event).is_some_and(|event| event.starts_with("reg")))
        .then_some(request),
        _ => None,
    }
}

fn refusal(subscribe: &Request) -> Response {
    let mut response = subscribe.respond(StatusCode::BAD_EVENT);
    response.ensure_to_tag(|| "epcscf".into());
    response
}
