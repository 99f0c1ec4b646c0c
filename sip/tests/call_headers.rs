//! The headers of calls and subscriptions say what their RFCs have them say.

use sip::headers::{
    AllowEvents, Event, MinSe, PEarlyMedia, PProfileKey, Privacy, RAck, Reason, Refresher, Replaces, SessionExpires,
    SubscriptionState, TypedHeader, Warning,
};
use sip::{Headers, StatusCode, Uri};

#[test]
fn replaces_names_a_dialog_by_exactly_two_tags() {
    let replaces = Replaces::parse("98732@192.0.2.4;from-tag=r33th4x0r ; to-tag=ff87ff;early-only").unwrap();
    assert_eq!(
        (&*replaces.call_id, replaces.to_tag(), replaces.from_tag()),
        ("98732@192.0.2.4", "ff87ff", "r33th4x0r")
    );
    assert!(replaces.is_early_only());
    assert_eq!(Replaces::new("c", "t", "f").to_string(), "c;to-tag=t;from-tag=f");
    for value in ["c", "c;to-tag=t", "c;from-tag=f;to-tag", "c;to-tag=t;from-tag=f;to-tag=u", ";to-tag=t;from-tag=f"] {
        assert!(Replaces::parse(value).is_err(), "{value}");
    }
}

#[test]
fn privacy_is_a_list_by_semicolons() {
    let privacy = Privacy::parse("header; ID;critical").unwrap();
    assert!(privacy.has("id") && privacy.has("critical") && !privacy.has("none"));
    assert_eq!(privacy.to_string(), "header;ID;critical");
    assert!(Privacy::parse("id;").is_err() && Privacy::parse("").is_err());
}

#[test]
fn a_warning_has_a_code_an_agent_and_a_text() {
    let mut headers = Headers::new();
    headers.push(Warning::NAME, "307 isi.edu \"Session \\\"a\\\", b\", 399 192.0.2.1:5060 \"x\"");
    let warnings = headers.all::<Warning>().unwrap();
    assert_eq!(warnings[0], Warning::new(307, "isi.edu", "Session \"a\", b"));
    assert_eq!((warnings[1].code, &*warnings[1].agent), (399, "192.0.2.1:5060"));
    for value in ["307 isi.edu text", "30 isi.edu \"x\"", "307", "307 \"x\""] {
        assert!(Warning::parse(value).is_err(), "{value}");
    }
}

#[test]
fn several_reasons_may_stand_on_one_line() {
    let mut headers = Headers::new();
    headers.push(Reason::NAME, "SIP;cause=480;text=\"gone, for good\", Q.850;cause=16");
    let reasons = headers.all::<Reason>().unwrap();
    assert_eq!((reasons[0].cause(), reasons[0].text().as_deref()), (Some(480), Some("gone, for good")));
    assert_eq!((&*reasons[1].protocol, reasons[1].cause()), ("Q.850", Some(16)));
    let reason = Reason::sip(StatusCode::TEMPORARILY_UNAVAILABLE, "gone, for good");
    assert_eq!(reason, reasons[0]);
}

#[test]
fn subscriptions_are_described_by_event_and_state() {
    let event = Event::parse("reg;id=7").unwrap();
    assert!(event.is("reg") && !event.is("REG"));
    assert_eq!(event.id(), Some("7"));
    let active = SubscriptionState::parse("active;expires=600").unwrap();
    assert_eq!((active.expires(), active.is_terminated()), (Some(600), false));
    assert_eq!(active, SubscriptionState::active(600));
    let over = SubscriptionState::parse("Terminated;reason=probation;retry-after=30").unwrap();
    assert_eq!((over.is_terminated(), over.reason(), over.retry_after()), (true, Some("probation"), Some(30)));
    let mut headers = Headers::new();
    headers.push(AllowEvents::NAME, "reg, presence");
    headers.push(PEarlyMedia::NAME, "sendrecv,gated");
    assert!(headers.all::<AllowEvents>().unwrap()[0].is("reg"));
    assert!(headers.all::<PEarlyMedia>().unwrap()[1].is("gated"));
}

#[test]
fn session_timers_name_their_refresher() {
    let timer = SessionExpires::parse("1800;refresher=UAS").unwrap();
    assert_eq!((timer.interval(), timer.refresher()), (1800, Some(Refresher::Uas)));
    assert_eq!(SessionExpires::after(90, Some(Refresher::Uac)).to_string(), "90;refresher=uac");
    assert_eq!(SessionExpires::parse("90").unwrap().refresher(), None);
    assert_eq!(MinSe::parse("90;x=y").unwrap().interval(), 90);
    assert!(SessionExpires::parse("-1").is_err());
    assert_eq!(RAck::parse("776656 1 INVITE").unwrap().to_string(), "776656 1 INVITE");
}

#[test]
fn a_profile_key_may_hold_a_wildcarded_identity() {
    for uri in ["sip:guest-!.*!@partner.ims.example", "sip:room!(a|b)[0-9]{2}!@ims.example", "tel:+1201555!.*!"] {
        let key = PProfileKey::parse(&format!("<{uri}>")).unwrap();
        assert_eq!(key.uri.to_string(), uri);
    }
    for uri in ["tel:!.*!", "tel:+1x!.*!", "tel:+1!x", "tel:+1!.*!x"] {
        assert!(uri.parse::<Uri>().is_err(), "{uri}");
    }
}
