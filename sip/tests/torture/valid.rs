//! RFC 4475 §3.1.1: valid, however odd.

use crate::{Verdict, accept, accept_response, judge, wire};
use sip::headers::{CSeq, Contact, Contacts, From, MaxForwards, Path, Route, To, Via};
use sip::{Framing, HeaderName, Method, Transport, Uri};

#[test]
fn wsinv_white_space_and_folding_wherever_they_may_be() {
    let request = accept(&wire(concat!(
        "INVITE sip:dora@desk.example;unheard-of=yes SIP/2.0\n",
        "tO :\n",
        " sip:dora@core.example ;   tag    = 7700aa\n",
        "fROM   : \"D \\\\\\\"\"       <sip:dick@core.example>\n",
        "  ;\n",
        "  tag = 11bb\n",
        "mAX-fORWARDS: 0070\n",
        "Call-ID: odd.one@198.51.100.3\n",
        "Content-Length   : 5\n",
        "cseq: 0012\n",
        "  INVITE\n",
        "Via  : SIP  /   2.0\n",
        " /UDP\n",
        "    198.51.100.3  :  5099 ;branch=44zz\n",
        "s :\n",
        "X-Never-Seen: with a\n",
        " second line\n",
        "\tand a third\n",
        "X-Odd-Value: ;;,,;;,;\n",
        "Content-Type: text/plain\n",
        "Route:\n",
        " <sip:hop.example;lr;some=thing;flag>\n",
        "v:  SIP  / 2.0  / TCP     mid.example   ;\n",
        "  branch  =   z9hG4bKmid  ,\n",
        " SIP  /    2.0   / UDP  203.0.113.111   ; branch=\n",
        " z9hG4bKfar\n",
        "m:\"Says \\\"hi\\\"\" <sip:dora@203.0.113.4> ; fresh =\n",
        "  value ;\n",
        "  flag ; q = 0.5\n",
        "\n",
        "hello",
    )));
    assert_eq!(request.headers.one::<MaxForwards>().unwrap(), MaxForwards(70));
    assert_eq!(request.cseq().unwrap(), CSeq { number: 12, method: Method::Invite });
    assert_eq!(request.headers.value(&HeaderName::Subject), Some(""));
    assert_eq!(request.headers.value(&"x-never-seen".parse().unwrap()), Some("with a second line and a third"));
    assert_eq!(request.headers.value(&"X-ODD-VALUE".parse().unwrap()), Some(";;,,;;,;"));
    assert_eq!(request.to().unwrap().tag(), Some("7700aa"));
    assert_eq!(request.from().unwrap().display.as_deref(), Some("\"D \\\\\\\"\""));
    let vias: Vec<String> = request.headers.all::<Via>().unwrap().iter().map(Via::sent_by).collect();
    assert_eq!(vias, ["198.51.100.3:5099", "mid.example", "203.0.113.111"]);
    assert_eq!(request.via().unwrap().rfc3261_branch(), None);
    let contact = &request.headers.all::<Contact>().unwrap()[0];
    assert_eq!((contact.params.value("fresh"), contact.q(), contact.params.has("flag")), (Some("value"), 500, true));
    assert!(request.headers.all::<Route>().unwrap()[0].uri.as_sip().unwrap().is_loose());
    assert_eq!(&request.body[..], b"hello");
}

#[test]
fn intmeth_every_character_that_a_token_and_a_user_part_may_have() {
    let mut octets = wire(concat!(
        "_odd!Method-9*+`.%really'~ sip:7_odd.URI~(could-be!so)&is+it$/mad?,/;;*:&hid+den=2,fun!*m$ney~o_(al'so)@odd.example SIP/2.0\n",
        "Via: SIP/2.0/TCP one.example;branch=z9hG4bK-.!%21*_+`'~\n",
        "To: \"BEL:\\@ NUL:\\# DEL:\\&\" <sip:7_odd.URI~(could-be!so)&is+it$/mad?,/;;*@odd.example>\n",
        "From: some~` words'+_ stand*%!.- <sip:plain@odd.example>;odd''~+*_!.-%=\"слово\";tag=_t~1'+`*%!-.\n",
        "Call-ID: odd~1'+`*%!-.@one.example\n",
        "CSeq: 8 _odd!Method-9*+`.%really'~\n",
        "Max-Forwards: 255\n",
        "header-!.%*+_`'~: \u{feff}言葉\n",
        "Content-Length: 0\n\n",
    ));
    for (mark, control) in [(b'@', 7), (b'#', 0), (b'&', 0x7f)] {
        let at = octets.windows(2).position(|pair| pair == [b'\\', mark]).unwrap();
        octets[at + 1] = control;
    }
    let request = accept(&octets);
    assert_eq!(request.method, Method::Other("_odd!Method-9*+`.%really'~".into()));
    let uri = request.uri.as_sip().unwrap();
    assert_eq!(uri.user.as_deref(), Some("7_odd.URI~(could-be!so)&is+it$/mad?,/;;*"));
    assert_eq!(uri.password.as_deref(), Some("&hid+den=2,fun!*m$ney~o_(al'so)"));
    assert_eq!(request.to().unwrap().display.as_deref(), Some("\"BEL:\\\u{7} NUL:\\\0 DEL:\\\u{7f}\""));
    let from = request.headers.one::<From>().unwrap();
    assert_eq!(from.display.as_deref(), Some("some~` words'+_ stand*%!.-"));
    assert_eq!(from.params.unquoted("ODD''~+*_!.-%").unwrap(), "слово");
    assert_eq!(request.headers.value(&"header-!.%*+_`'~".parse().unwrap()), Some("\u{feff}言葉"));
    assert_eq!(request.via().unwrap().rfc3261_branch(), Some("z9hG4bK-.!%21*_+`'~"));
}

#[test]
fn esc01_escapes_in_uris_are_kept_and_understood() {
    let request = accept(&wire(concat!(
        "INVITE sip:sips%3Acarol%40core.example@edge.example SIP/2.0\n",
        "To: sip:%63aro%6C@core.example\n",
        "From: <sip:two%20words@edge.example>;tag=e1\n",
        "Max-Forwards: 80\n",
        "i: esc01@203.0.113.5\n",
        "CSeq: 3 INVITE\n",
        "Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKe1\n",
        "Contact: <sip:ca%6Col@pc.example;%6C%72;%66lag=%25%34%31>\n",
        "l: 0\n\n",
    )));
    let uri = request.uri.as_sip().unwrap();
    assert_eq!(uri.unescaped_user().unwrap(), "sips:carol@core.example");
    assert_eq!(uri.host.as_str(), "edge.example");
    let same: Uri = "sip:carol@CORE.example".parse().unwrap();
    assert!(request.to().unwrap().uri.equivalent(&same));
    let contact = request.headers.all::<Contact>().unwrap().remove(0);
    assert!(contact.uri.as_sip().unwrap().is_loose());
    assert_eq!(contact.to_string(), "<sip:ca%6Col@pc.example;%6C%72;%66lag=%25%34%31>");
}

#[test]
fn escnull_an_escaped_nul_is_a_character_like_others() {
    let request = accept(&wire(concat!(
        "REGISTER sip:core.example SIP/2.0\n",
        "To: sip:a%00b@core.example\n",
        "From: sip:a%00b@core.example;tag=n1\n",
        "Max-Forwards: 70\n",
        "Call-ID: escnull@203.0.113.5\n",
        "CSeq: 1 REGISTER\n",
        "Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKn1\n",
        "Contact: <sip:%00@pc.example>\n",
        "Contact: <sip:%00%00@pc.example>\n",
        "L: 0\n\n",
    )));
    assert_eq!(request.to().unwrap().uri.as_sip().unwrap().unescaped_user().unwrap(), "a\0b");
    let Contacts::List(contacts) = request.headers.contacts().unwrap() else { panic!() };
    assert!(!contacts[0].uri.equivalent(&contacts[1].uri));
}

#[test]
fn esc02_a_percent_sign_in_a_token_escapes_nothing() {
    let request = accept(&wire(concat!(
        "RE%47ISTER sip:core.example SIP/2.0\n",
        "To: \"%41%42\" <sip:thing@core.example>\n",
        "From: \"%41%42\" <sip:thing@core.example>;tag=f2\n",
        "Max-Forwards: 70\n",
        "Call-ID: esc02@203.0.113.5\n",
        "CSeq: 9 RE%47ISTER\n",
        "Via: SIP/2.0/TCP 203.0.113.5;branch=z9hG4bK%20%51\n",
        "Contact: <sip:first@pc.example>\n",
        "C%6Fntact: <sip:second@pc.example>\n",
        "Contact: <sip:third@pc.example>\n",
        "l: 0\n\n",
    )));
    assert_ne!(request.method, Method::Register);
    assert_eq!(request.to().unwrap().display.as_deref(), Some("\"%41%42\""));
    assert_eq!(request.headers.all::<Contact>().unwrap().len(), 2);
    assert!(request.headers.has(&"c%6fntact".parse().unwrap()));
}

#[test]
fn lwsdisp_a_display_name_may_touch_its_address() {
    let request = accept(&wire(concat!(
        "OPTIONS sip:carol@core.example SIP/2.0\n",
        "To: sip:carol@core.example\n",
        "From: dave<sip:dave@core.example>;tag=l1\n",
        "Max-Forwards: 70\n",
        "Call-ID: lwsdisp@203.0.113.5\n",
        "CSeq: 60 OPTIONS\n",
        "Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKl1\n",
        "l: 0\n\n",
    )));
    let from = request.from().unwrap();
    assert_eq!((from.display.as_deref(), from.tag()), (Some("dave"), Some("l1")));
}

#[test]
fn longreq_long_values_of_everything() {
    let long = "long".repeat(60);
    let vias: String = (0..40).map(|n| format!("Via: SIP/2.0/UDP s{n}.example;branch=z9hG4bK{long}{n}\n")).collect();
    let request = accept(&wire(&format!(
        "INVITE sip:{long}@core.example SIP/2.0\n\
         To: \"{long}\" <sip:{long}:{long}@core.example>\n\
         F: sip:{long}@a{long}.example;tag={long};{long}=\"{long}\"\n\
         Call-ID: {long}.{long}@core.example\n\
         CSeq: 3882340 INVITE\n\
         {long}{long}: {long}\n\
         {vias}\
         Max-Forwards: 70\n\
         Contact: <sip:{long}@pc.example;{long}={long}>;{long}={long}\n\
         l: 0\n\n"
    )));
    assert_eq!(request.headers.all::<Via>().unwrap().len(), 40);
    assert_eq!(request.headers.value(&format!("{long}{long}").parse().unwrap()), Some(&*long));
    assert_eq!(request.from().unwrap().params.unquoted(&long).unwrap(), long);
}

#[test]
fn dblreq_a_datagram_ends_where_content_length_says() {
    let head = wire(concat!(
        "REGISTER sip:core.example SIP/2.0\n",
        "To: sip:carol@core.example\n",
        "From: sip:carol@core.example;tag=d1\n",
        "Max-Forwards: 8\n",
        "Call-ID: dblreq@203.0.113.5\n",
        "CSeq: 5 REGISTER\n",
        "Contact: sip:carol@pc.example\n",
        "Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKd1\n",
        "Content-Length: 0\n\n",
    ));
    let octets = [&head[..], b"INVITE sip:dora@core.example SIP/2.0\r\nCall-ID: x\r\n\r\n"].concat();
    assert!(accept(&octets).body.is_empty());
    // Where the transport has boundaries of its own, two messages are one mistake.
    assert_eq!(judge(&octets, Framing::WebSocket), Verdict::Answered(400));
}

#[test]
fn semiuri_semicolons_of_the_user_part_are_no_parameters() {
    let request = accept(&wire(concat!(
        "OPTIONS sip:carol;kind=x%40y.example@core.example SIP/2.0\n",
        "To: sip:carol_1@core.example\n",
        "From: sip:dave@core.example;tag=s1\n",
        "Max-Forwards: 3\n",
        "Call-ID: semiuri.0ha0isnda\n",
        "CSeq: 8 OPTIONS\n",
        "Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKs1\n",
        "Accept: application/sdp\n",
        "Content-Length: 0\n\n",
    )));
    let uri = request.uri.as_sip().unwrap();
    assert_eq!(uri.unescaped_user().unwrap(), "carol;kind=x@y.example");
    assert_eq!((uri.host.as_str(), uri.params.is_empty()), ("core.example", true));
}

#[test]
fn transports_a_via_names_any_transport() {
    let request = accept(&wire(concat!(
        "OPTIONS sip:carol@core.example SIP/2.0\n",
        "To: sip:carol@core.example\n",
        "From: <sip:dave@core.example>;tag=t1\n",
        "Max-Forwards: 70\n",
        "Call-ID: transports.kijh4akdnaqjkwendsasfdj\n",
        "CSeq: 60 OPTIONS\n",
        "Via: SIP/2.0/UDP a.example;branch=z9hG4bKa\n",
        "Via: SIP/2.0/SCTP b.example;branch=z9hG4bKb, SIP/2.0/WSS c.invalid;branch=z9hG4bKc\n",
        "v: SIP/2.0/PIGEON d.example;branch=z9hG4bKd\n",
        "l: 0\n\n",
    )));
    let vias = request.headers.all::<Via>().unwrap();
    let known: Vec<_> = vias.iter().map(Via::transport).collect();
    assert_eq!(known, [Some(Transport::Udp), None, Some(Transport::Wss), None]);
    assert_eq!(&*vias[3].transport, "PIGEON");
}

#[test]
fn mpart01_a_body_of_any_octets_in_parts() {
    let mut body = wire(concat!(
        "--cut here\n",
        "Content-Type: text/plain\n\nhi\n",
        "--cut here\n",
        "Content-Type: application/octet-stream\nContent-Transfer-Encoding: binary\n\n",
    ));
    body.extend(0..=255_u8);
    body.extend(b"\r\n\r\n\r\n--cut here--\r\n");
    let mut octets = wire(&format!(
        "MESSAGE sip:carol@core.example SIP/2.0\n\
         Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKm1\n\
         Max-Forwards: 70\n\
         Route: <sip:203.0.113.99;lr>\n\
         From: sip:dave@core.example;tag=m1\n\
         To: sip:carol@core.example\n\
         Call-ID: mpart01.aaaa\n\
         CSeq: 1 MESSAGE\n\
         MIME-Version: 1.0\n\
         Content-Type: multipart/mixed;boundary=\"cut here\"\n\
         Content-Length: {}\n\n",
        body.len()
    ));
    octets.extend(&body);
    let request = accept(&octets);
    assert_eq!(&request.body[..], &body[..]);
    let content_type: sip::headers::ContentType = request.headers.one().unwrap();
    assert!(content_type.is("Multipart/Mixed"));
    assert_eq!(content_type.params.unquoted("boundary").unwrap(), "cut here");
}

#[test]
fn unreason_a_reason_phrase_in_any_script() {
    let response = accept_response(&wire(concat!(
        "SIP/2.0 200 = 2**3 * 5**2 двести\n",
        "Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKu1\n",
        "Call-ID: unreason.1\n",
        "CSeq: 35 INVITE\n",
        "From: sip:dave@core.example;tag=u1\n",
        "To: sip:carol@core.example;tag=u2\n",
        "Content-Length: 0\n",
        "Contact: <sip:carol@pc.example>\n\n",
    )));
    assert_eq!(response.reason, "= 2**3 * 5**2 двести");
}

#[test]
fn noreason_no_reason_phrase_at_all() {
    let octets = wire(concat!(
        "SIP/2.0 100 \n",
        "Via: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKr1\n",
        "Call-ID: noreason.1\n",
        "CSeq: 35 INVITE\n",
        "From: <sip:dave@core.example>;tag=r1\n",
        "To: <sip:carol@core.example>\n",
        "Content-Length: 0\n\n",
    ));
    let response = accept_response(&octets);
    assert_eq!((response.status.code(), &*response.reason), (100, ""));
    assert_eq!(response.to_bytes(), octets);
}

#[test]
fn each_value_stands_in_any_case_in_compact_form_and_in_one_line_or_many() {
    let text = |path: &str| {
        wire(&format!(
            "REGISTER sip:core.example SIP/2.0\n\
             VIA: SIP/2.0/UDP 203.0.113.5;branch=z9hG4bKc1\n\
             mAX-forwards: 70\n\
             F: <sip:dave@core.example>;tag=c1\n\
             t: <sip:dave@core.example>\n\
             I: compact.1\n\
             CSEQ: 1 REGISTER\n\
             {path}\n\
             K: path\n\n"
        ))
    };
    let one = accept(&text("pAtH: <sip:a.example;lr>,<sip:b,c@b.example;lr>"));
    let two = accept(&text("Path: <sip:a.example;lr>\nPATH: <sip:b,c@b.example;lr>"));
    let paths = one.headers.all::<Path>();
    assert_eq!(paths, two.headers.all::<Path>());
    assert!(one.headers.lists(&HeaderName::Supported, "PATH"));
    assert!(String::from_utf8(one.to_bytes().to_vec()).unwrap().contains("\r\npAtH: <sip:a"));
    assert_eq!(one.headers.one::<To>().unwrap().uri, "sip:dave@core.example".parse().unwrap());
}
