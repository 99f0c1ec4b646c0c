//! How a WIC watches its registration (RFC 3680).

use sip::{HeaderName, Message, Method, Request, Response};

use super::registrar::{accept, contact, registered_anyhow, response, secs};
use crate::lab::{Setup, WicAccess};
use crate::script::Msg;
use crate::tester::{Tester, Ua};
use crate::verdict::{Outcome, Stop};

pub(super) async fn subscribes(t: &mut Tester) -> Outcome {
    let (ua, _) = registered_anyhow(t).await?;
    let watched = ua.watched.clone().ok_or_else(|| Stop::fail("it did not subscribe to its registration"))?;
    let uri = watched.uri.to_string();
    t.saw(format!("{} {uri}", watched.method));
    t.check(uri == ua.account().impu, format!("it subscribed to {uri}"))
}

/// A WIC that watches its registration of an hour, told version 0.
struct Watching {
    ua: Ua,
    register: Request,
    subscribe: Request,
    ok: Response,
    cseq: u32,
}

impl Watching {
    async fn begin(t: &mut Tester) -> Outcome<Self> {
        let mut ua = t.wic_with(WicAccess::Token, Setup::new().with("token_lifetime", 7200)).await?;
        ua.grants_watching = true;
        let register = ua.open().await?;
        ua.answer(&accept(&register, 3600)?).await?;
        if ua.is_silent() {
            return Err(Stop::NotApplicable("this WIC does not watch its registration".into()));
        }
        let subscribe = ua.request().await?;
        t.check(subscribe.method == Method::Subscribe, format!("{} was sent", subscribe.method))?;
        let ok = response(&subscribe, 200)
            .with_raw(HeaderName::Expires, "600")
            .with_raw(HeaderName::Contact, "<sip:scscf1.ims.example>");
        ua.answer(&ok).await?;
        let mut watching = Self { ua, register, subscribe, ok, cseq: 0 };
        watching.tell(0, "full", "registered", 3600).await?;
        Ok(watching)
    }

    /// Tells the WIC of its contact, and takes its answer.
    async fn tell(&mut self, version: u32, state: &str, event: &str, expires: u32) -> Outcome {
        self.cseq += 1;
        let cseq = self.cseq;
        let contact = contact(&self.register)?.uri.to_string();
        let impu = self.ua.account().impu.clone();
        let of = |name: HeaderName| self.subscribe.headers.value(&name).unwrap_or_default().to_owned();
        let document = format!(
            "<?xml version=\"1.0\"?>\n\
             <reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"{version}\" state=\"{state}\">\n\
             <registration aor=\"{impu}\" id=\"r1\" state=\"active\">\n\
             <contact id=\"c1\" state=\"active\" event=\"{event}\" expires=\"{expires}\"><uri>{contact}</uri></contact>\n\
             </registration>\n</reginfo>\n"
        );
        let notify = Msg::request("NOTIFY", &contact)
            .with("Via", format!("SIP/2.0/WSS epcscf1.ims.example;branch=z9hG4bKn{cseq}"))
            .with("Max-Forwards", 70)
            .with("From", self.ok.headers.value(&HeaderName::To).unwrap_or_default())
            .with("To", of(HeaderName::From))
            .with("Call-ID", of(HeaderName::CallId))
            .with("CSeq", format!("{cseq} NOTIFY"))
            .with("Contact", "<sip:scscf1.ims.example>")
            .with("Event", "reg")
            .with("Subscription-State", "active;expires=600")
            .body("application/reginfo+xml", document);
        self.ua.receive(notify.bytes()).await?;
        match self.ua.message().await? {
            Message::Response(answer) if answer.status.is_success() => Ok(()),
            Message::Response(answer) => Err(Stop::Fail(format!("{} {} to the NOTIFY", answer.status, answer.reason))),
            Message::Request(request) => {
                Err(Stop::Fail(format!("{} where the NOTIFY is to be answered", request.method)))
            }
        }
    }
}

pub(super) async fn version_gap(t: &mut Tester) -> Outcome {
    let mut watching = Watching::begin(t).await?;
    watching.tell(2, "partial", "refreshed", 3600).await?;
    watching.ua.pass(secs(1)).await?;
    let again = watching.ua.request().await?;
    t.saw(format!("{} with Event {:?}", again.method, again.headers.value(&HeaderName::Event)));
    t.check(again.method == Method::Subscribe, format!("{} was sent", again.method))
}

pub(super) async fn shortened(t: &mut Tester) -> Outcome {
    let mut watching = Watching::begin(t).await?;
    watching.tell(1, "partial", "shortened", 60).await?;
    let waited = watching.ua.pass_until(secs(60), |ua| !ua.is_silent()).await?;
    let waited = waited.ok_or_else(|| Stop::fail("no REGISTER within 60 s"))?;
    let request = watching.ua.request().await?;
    t.saw(format!("{} after {} s", request.method, waited.as_secs()));
    t.check(request.method == Method::Register, format!("{} was sent", request.method))
}
