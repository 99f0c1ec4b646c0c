//! Registration information documents (RFC 3680): written, read, and kept as a watcher does.

use ims::reginfo::{Applied, ContactEvent, Gap, RegContact, RegInfo, RegInfoError, RegState, Registration, View};
use proptest::prelude::*;

fn document(version: u32, full: bool, registrations: Vec<Registration>) -> RegInfo {
    RegInfo { version, full, registrations }
}

fn whole() -> RegInfo {
    let mut contact = RegContact::active("c1", ContactEvent::Registered, "sip:u8c2@k3f9q2.invalid;transport=ws");
    contact.expires = Some(3600);
    contact.call_id = Some("\"a<b>@k3f9q2.invalid".into());
    contact.cseq = Some(7);
    contact.q = Some("0.7".into());
    contact.params = vec![
        ("+sip.instance".into(), "\"<urn:uuid:0c67d3a4-1f0b-4e1e-9b7e-2f5a6c1d8e90>\"".into()),
        ("reg-id".into(), "1".into()),
    ];
    contact.pub_gruu = Some("sip:alice@ims.example;gr=urn:uuid:0c67d3a4".into());
    contact.temp_gruu = Some("sip:t&<>@ims.example;gr".into());
    let mut gone = RegContact::active("c2", ContactEvent::Probation, "sip:old@x.invalid");
    gone.active = false;
    gone.retry_after = Some(30);
    let mut alice = Registration::active("sip:alice@ims.example", "r1");
    alice.contacts = vec![contact, gone];
    let mut range = Registration::active("sip:trunk@partner.ims.example", "r2");
    range.wildcarded = Some("sip:guest-!.*!@partner.ims.example".into());
    document(0, true, vec![alice, range])
}

#[test]
fn what_is_written_is_read_back() {
    assert_eq!(RegInfo::parse(&whole().to_xml()), Ok(whole()));
}

#[test]
fn a_document_of_another_registrar_is_read() {
    let xml = r#"<?xml version='1.0'?><!-- sent by another -->
        <ri:reginfo xmlns:ri="urn:ietf:params:xml:ns:reginfo" xmlns:x="urn:x" version="7" state="partial" x:more="1">
          <ri:registration aor="sip:bob@ims.example" id="a&amp;b" state="terminated">
            <ri:contact id="76" state="terminated" event="deactivated" duration-registered="7322" callid="z">
              <ri:uri> sip:bob@pc&#x31;.example </ri:uri>
              <ri:display-name>Bob</ri:display-name>
              <x:uri>sip:eve@x.example</x:uri>
              <ri:unknown-param name="+g.x"><![CDATA["<1>"]]></ri:unknown-param>
            </ri:contact>
          </ri:registration>
        </ri:reginfo>"#;
    let mut contact = RegContact::active("76", ContactEvent::Deactivated, "sip:bob@pc1.example");
    contact.call_id = Some("z".into());
    contact.active = false;
    contact.params = vec![("+g.x".into(), "\"<1>\"".into())];
    let registration = Registration {
        state: RegState::Terminated,
        contacts: vec![contact],
        ..Registration::active("sip:bob@ims.example", "a&b")
    };
    assert_eq!(RegInfo::parse(xml), Ok(document(7, false, vec![registration])));
}

#[test]
fn what_is_no_such_document_is_refused() {
    let root = "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"0\" state=\"full\">";
    let deep = format!("{root}{}", "<a>".repeat(40));
    let entity = format!("<!DOCTYPE reginfo [<!ENTITY a \"b\">]>{root}</reginfo>");
    for (xml, schema) in [
        ("", true),
        ("reginfo", true),
        ("<reginfo version=\"0\" state=\"full\"/>", true),
        ("<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" state=\"full\"/>", true),
        ("<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"0\" state=\"half\"/>", true),
        (&format!("{root}<registration id=\"1\" state=\"active\"/></reginfo>"), true),
        (&entity, true),
        (root, false),
        (&format!("{root}</wrong>"), false),
        (&deep, false),
        (&" ".repeat(300_000), false),
    ] {
        let error = RegInfo::parse(xml).expect_err(xml);
        assert_eq!(matches!(error, RegInfoError::Schema(_)), schema, "{error} of {xml:.80}");
    }
}

/// EVT-03: what was lost is noticed.
#[test]
fn a_watcher_puts_changes_together_and_notices_what_it_missed() {
    let mut view = View::default();
    assert_eq!(view.apply(document(1, false, vec![])), Err(Gap { wanted: 0, got: 1 }));
    assert_eq!(view.apply(whole()), Ok(Applied::New));
    let mut change = Registration::active("sip:alice@ims.example", "r1");
    change.contacts = vec![RegContact::active("c3", ContactEvent::Registered, "sip:new@y.invalid")];
    assert_eq!(view.apply(document(1, false, vec![change])), Ok(Applied::New));
    let alice = view.registration("sip:alice@ims.example").unwrap();
    assert_eq!(alice.contacts.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["c1", "c2", "c3"]);
    assert_eq!(view.apply(document(1, true, vec![])), Ok(Applied::Old));
    let before = view.clone();
    assert_eq!(view.apply(document(3, false, vec![])), Err(Gap { wanted: 2, got: 3 }));
    assert_eq!(view, before);
    let over = Registration { state: RegState::Terminated, ..Registration::active("sip:alice@ims.example", "r1") };
    assert_eq!(view.apply(document(9, true, vec![over])), Ok(Applied::New));
    assert!(view.is_over());
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = RegInfo::parse(&text);
        let _ = RegInfo::parse(&format!("<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"0\" state=\"full\">{text}"));
    }

    #[test]
    fn any_values_survive(uri in "[ -~é€]{1,30}", name in "[ -~]{1,20}", value in "[ -~]{0,20}") {
        let mut told = whole();
        let uri = uri.trim().to_owned();
        told.registrations[0].contacts[0].uri = uri;
        told.registrations[0].contacts[0].params = vec![(name, value)];
        prop_assert_eq!(RegInfo::parse(&told.to_xml()), Ok(told));
    }
}
