//! The messages. Each is named for the message of the RFC whose point it makes.

/// A message, and what is to become of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Torture {
    start: &'static str,
    /// Header lines that take the place of the ordinary one of that name, or are added. A line
    /// `-Name` only removes.
    headers: &'static [&'static str],
    body: &'static str,
    pub(super) expect: Expect,
}

/// What is to become of a message.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expect {
    /// Anything but 400.
    Understood,
    /// One of these.
    Status(&'static [u16]),
    /// No 2xx.
    NotAccepted,
    /// No answer.
    Dropped,
}

use Expect::{Dropped, NotAccepted, Status, Understood};

const INVITE: &str = "INVITE sip:carol@HOME SIP/2.0";
const OPTIONS: &str = "OPTIONS sip:carol@HOME SIP/2.0";
const REGISTER: &str = "REGISTER sip:HOME SIP/2.0";
const BAD: Expect = Status(&[400]);
/// Refused as malformed, or for want of a registration.
const LIBERAL: Expect = Status(&[400, 401, 403]);

const ORDINARY: [&str; 7] = [
    "Via: SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bKk3f9q2",
    "Max-Forwards: 70",
    "From: <sip:dave@HOME>;tag=x1",
    "To: <sip:carol@HOME>",
    "Call-ID: row.1@k3f9q2.invalid",
    "CSeq: 8 METHOD",
    "Contact: <sip:dave@k3f9q2.invalid;transport=ws>",
];

impl Torture {
    /// The octets, with the home domain in the place of `HOME`. The WIC's host is `unique`, so that a
    /// system does not take one message for another's retransmission.
    pub(super) fn octets(&self, home: &str, unique: &str) -> Vec<u8> {
        let name =
            |line: &str| line.trim_start_matches('-').split(':').next().unwrap_or("").trim().to_ascii_lowercase();
        let method = self.start.split(' ').next().unwrap_or("");
        let mut text = format!("{}\n", self.start);
        for line in ORDINARY.iter().filter(|line| !self.headers.iter().any(|h| name(h) == name(line))) {
            text.push_str(&line.replace("METHOD", method));
            text.push('\n');
        }
        for line in self.headers.iter().filter(|line| !line.starts_with('-')) {
            text.push_str(line);
            text.push('\n');
        }
        if !self.headers.iter().any(|line| name(line) == "content-length" || name(line) == "l") {
            text.push_str(&format!("Content-Length: {}\n", self.body.replace('\n', "\r\n").len()));
        }
        text.push('\n');
        text.push_str(self.body);
        let long = "long".repeat(50);
        text.replace('\n', "\r\n").replace("HOME", home).replace("LONG", &long).replace("k3f9q2", unique).into_bytes()
    }
}

const fn of(start: &'static str, headers: &'static [&'static str], expect: Expect) -> Torture {
    Torture { start, headers, body: "", expect }
}

const fn with_body(
    start: &'static str,
    headers: &'static [&'static str],
    body: &'static str,
    expect: Expect,
) -> Torture {
    Torture { start, headers, body, expect }
}

pub(super) const WSINV: Torture = with_body(
    "INVITE sip:dora@HOME;unheard-of=yes SIP/2.0",
    &[
        "-To",
        "-From",
        "-Max-Forwards",
        "-CSeq",
        "-Via",
        "-Contact",
        "tO :\n sip:dora@HOME ;   tag    = 7700aa",
        "fROM   : \"D \\\\\\\"\"       <sip:dick@HOME>\n  ;\n  tag = 11bb",
        "mAX-fORWARDS: 0070",
        "Content-Length   : 5",
        "cseq: 0012\n  INVITE",
        "Via  : SIP  /   2.0\n /WSS\n    k3f9q2.invalid ;branch=44zz",
        "s :",
        "X-Never-Seen: with a\n second line\n\tand a third",
        "X-Odd-Value: ;;,,;;,;",
        "Content-Type: text/plain",
        "v:  SIP  / 2.0  / TCP     mid.example   ;\n  branch  =   z9hG4bKmid  ,\n SIP  /    2.0   / UDP  203.0.113.111   ; branch=\n z9hG4bKfar",
        "m:\"Says \\\"hi\\\"\" <sip:dora@k3f9q2.invalid> ; fresh =\n  value ;\n  flag ; q = 0.5",
    ],
    "hello",
    Understood,
);
pub(super) const INTMETH: Torture = of(
    "_odd!Method-9*+`.%really'~ sip:7_odd.URI~(could-be!so)&is+it$/mad?,/;;*:&hid+den=2,fun!*m$ney~o_(al'so)@HOME SIP/2.0",
    &[
        "To: \"a quoted \\\" word\" <sip:7_odd.URI~(could-be!so)&is+it$/mad?,/;;*@HOME>",
        "From: some~` words'+_ stand*%!.- <sip:plain@HOME>;odd''~+*_!.-%=\"слово\";tag=_t~1'+`*%!-.",
        "Call-ID: odd~1'+`*%!-.@one.example",
        "Max-Forwards: 255",
        "header-!.%*+_`'~: \u{feff}言葉",
    ],
    Understood,
);
pub(super) const ESC01: Torture = of(
    "INVITE sip:sips%3Acarol%40core.example@HOME SIP/2.0",
    &[
        "To: sip:%63aro%6C@HOME",
        "From: <sip:two%20words@HOME>;tag=e1",
        "Contact: <sip:ca%6Col@k3f9q2.invalid;%6C%72;%66lag=%25%34%31>",
    ],
    Understood,
);
pub(super) const ESCNULL: Torture =
    of(INVITE, &["To: sip:a%00b@HOME", "From: sip:a%00b@HOME;tag=n1", "Contact: <sip:%00@k3f9q2.invalid>"], Understood);
pub(super) const ESC02: Torture = of(
    "RE%47ISTER sip:HOME SIP/2.0",
    &[
        "To: \"%41%42\" <sip:thing@HOME>",
        "From: \"%41%42\" <sip:thing@HOME>;tag=f2",
        "C%6Fntact: <sip:second@k3f9q2.invalid>",
    ],
    Understood,
);
pub(super) const LWSDISP: Torture = of(OPTIONS, &["From: dave<sip:dave@HOME>;tag=l1"], Understood);
pub(super) const LONGREQ: Torture = of(
    "INVITE sip:LONG@HOME SIP/2.0",
    &[
        "To: \"LONG\" <sip:LONG:LONG@HOME>",
        "F: sip:dave@HOME;tag=LONG;LONG=\"LONG\"",
        "-From",
        "Call-ID: LONG.LONG@k3f9q2.invalid",
        "LONGLONG: LONG",
        "Contact: <sip:LONG@k3f9q2.invalid;LONG=LONG>;LONG=LONG",
    ],
    Understood,
);
pub(super) const DBLREQ: Torture = with_body(
    REGISTER,
    &["Content-Length: 0"],
    "INVITE sip:dora@HOME SIP/2.0\nVia: SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bKx2\nCall-ID: x\n\n",
    BAD,
);
pub(super) const SEMIURI: Torture =
    of("OPTIONS sip:carol;kind=x%40y.example@HOME SIP/2.0", &["Accept: application/sdp"], Understood);
pub(super) const TRANSPORTS: Torture = of(
    OPTIONS,
    &[
        "Via: SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bKa",
        "Via: SIP/2.0/SCTP b.example;branch=z9hG4bKb, SIP/2.0/UDP c.example;branch=z9hG4bKc",
        "v: SIP/2.0/PIGEON d.example;branch=z9hG4bKd",
    ],
    Understood,
);
pub(super) const MPART01: Torture = with_body(
    "MESSAGE sip:carol@HOME SIP/2.0",
    &["MIME-Version: 1.0", "Content-Type: multipart/mixed;boundary=\"cut here\""],
    "--cut here\nContent-Type: text/plain\n\nhi\n--cut here\nContent-Type: application/octet-stream\n\n\u{1}\u{2}\u{7f}\n--cut here--\n",
    Understood,
);
pub(super) const UNREASON: Torture =
    of("SIP/2.0 200 = 2**3 * 5**2 двести", &["CSeq: 35 INVITE", "To: <sip:carol@HOME>;tag=u2"], Dropped);
pub(super) const NOREASON: Torture = of("SIP/2.0 100 ", &["CSeq: 35 INVITE"], Dropped);
pub(super) const BADINV01: Torture =
    of(INVITE, &["Via: SIP/2.0/WSS k3f9q2.invalid;;,;,,", "Contact: \"Dave\" <sip:dave@k3f9q2.invalid>;;;;"], BAD);
pub(super) const CLERR: Torture = with_body(INVITE, &["Content-Length: 9999"], "v=0", BAD);
pub(super) const NCL: Torture = with_body(INVITE, &["Content-Length: -999"], "v=0", BAD);
pub(super) const SCALAR02: Torture = of(
    REGISTER,
    &["CSeq: 36893488147419103232 REGISTER", "Max-Forwards: 300", "Expires: 10000000000000000000000000000000"],
    BAD,
);
pub(super) const SCALARLG: Torture = of(
    "SIP/2.0 503 Service Unavailable",
    &["CSeq: 9292394834772304023312 OPTIONS", "Retry-After: 949302838503028349304023988"],
    Dropped,
);
pub(super) const QUOTBAL: Torture = of(INVITE, &["To: \"Miss C. Aroll <sip:carol@HOME>"], BAD);
pub(super) const LTGTRURI: Torture = of("INVITE <sip:carol@HOME> SIP/2.0", &[], BAD);
pub(super) const LWSRURI: Torture = of("INVITE sip:carol@HOME; lr SIP/2.0", &[], BAD);
pub(super) const LWSSTART: Torture = of("INVITE  sip:carol@HOME  SIP/2.0", &[], BAD);
pub(super) const TRWS: Torture = of("INVITE sip:carol@HOME SIP/2.0  ", &[], BAD);
pub(super) const ESCRURI: Torture = of("INVITE sip:carol@HOME?Route=%3Csip:there.example%3E SIP/2.0", &[], BAD);
// Nobody has to act by Date, so it may pass as it stands.
pub(super) const BADDATE: Torture = of(INVITE, &["Date: Fri, 01 Jan 2010 16:00:00 CET"], LIBERAL);
// What is meant is plain, so RFC 4475 leaves it to the reader to be liberal.
pub(super) const REGBADCT: Torture = of(REGISTER, &["Contact: sip:carol@HOME?Route=%3Csip:there.example%3E"], LIBERAL);
pub(super) const BADASPEC: Torture = of(INVITE, &["To: \"Aroll, Carol\" < sip:carol@HOME >"], LIBERAL);
pub(super) const BADDN: Torture = of(INVITE, &["From: Avid, Dave <sip:dave@HOME>;tag=b1"], LIBERAL);
pub(super) const BADVERS: Torture =
    of("OPTIONS sip:carol@HOME SIP/7.0", &["Via: SIP/7.0/WSS k3f9q2.invalid;branch=z9hG4bKv"], Status(&[505]));
pub(super) const MISMATCH01: Torture = of(INVITE, &["CSeq: 8 OPTIONS"], BAD);
pub(super) const MISMATCH02: Torture = of("NEWMETHOD sip:carol@HOME SIP/2.0", &["CSeq: 8 INVITE"], Status(&[400, 501]));
pub(super) const BIGCODE: Torture = of("SIP/2.0 4294967301 this overflows", &["CSeq: 8 INVITE"], Dropped);
pub(super) const BADBRANCH: Torture = of(OPTIONS, &["Via: SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bK"], Understood);
pub(super) const INSUF: Torture = of(INVITE, &["-Call-ID", "-From", "-To"], Status(&[400]));
pub(super) const UNKSCM: Torture = of("OPTIONS nobodyknows:whatever(is)inside SIP/2.0", &[], Status(&[416]));
pub(super) const NOVELSC: Torture = of("OPTIONS soap.beep://203.0.113.103:3002 SIP/2.0", &[], Status(&[416]));
pub(super) const UNKSM2: Torture = of(
    REGISTER,
    &["To: isbn:2983792873", "From: <http://www.core.example>;tag=k1", "Contact: <name:Miss_Aroll>"],
    NotAccepted,
);
pub(super) const BEXT01: Torture =
    of(REGISTER, &["Proxy-Require: nothing-supports-this, nor-this", "Require: nothing-supports-this"], Status(&[420]));
pub(super) const INVUT: Torture = with_body(
    REGISTER,
    &["Content-Type: application/unknownformat", "Content-Disposition: render;handling=required"],
    "<audio>?</audio>",
    NotAccepted,
);
pub(super) const REGAUT01: Torture =
    of(REGISTER, &["Authorization: NoOneKnowsThisScheme opaque-data=here"], NotAccepted);
pub(super) const MULTI01: Torture = of(
    INVITE,
    &[
        "CSeq: 8 INVITE",
        "CSeq: 9 INVITE",
        "Max-Forwards: 70",
        "Max-Forwards: 5",
        "To: <sip:a@HOME>",
        "To: <sip:b@HOME>",
    ],
    BAD,
);
pub(super) const MCL01: Torture =
    with_body(OPTIONS, &["Content-Length: 13", "Content-Length: 5"], "There's no way to know", BAD);
pub(super) const BCAST: Torture = of(
    "SIP/2.0 200 OK",
    &["Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23", "CSeq: 35 INVITE", "To: <sip:carol@HOME>;tag=b2"],
    Dropped,
);
pub(super) const ZEROMF: Torture = of(OPTIONS, &["Max-Forwards: 0"], Status(&[483, 200, 403]));
pub(super) const CPARAM01: Torture = of(REGISTER, &["Contact: sip:+19725552222@k3f9q2.invalid;mystery"], Understood);
pub(super) const CPARAM02: Torture = of(REGISTER, &["Contact: <sip:+19725552222@k3f9q2.invalid;mystery>"], Understood);
pub(super) const REGESCRT: Torture =
    of(REGISTER, &["Contact: <sip:carol@k3f9q2.invalid?Route=%3Csip:there.example%3E>"], Understood);
pub(super) const SDP01: Torture = of(INVITE, &["Accept: text/nobodyKnowsThis"], Understood);
pub(super) const INV2543: Torture = of(
    "INVITE sip:CAROL@HOME SIP/2.0",
    &[
        "Via: SIP/2.0/WSS gateway.example",
        "-Max-Forwards",
        "-Contact",
        "Record-Route: <sip:CAROL@core.example;maddr=hop.example>",
        "From: <sip:+19725552222@HOME;user=phone>",
        "To: <sip:carol@HOME;user=phone>",
    ],
    Status(&[400, 401, 403]),
);
pub(super) const V6_REFERENCE: Torture =
    of("OPTIONS sip:[2001:db8::10] SIP/2.0", &["From: <sip:dave@[2001:db8::5]>;tag=v6"], Understood);
pub(super) const V6_BARE: Torture = of("OPTIONS sip:2001:db8::10 SIP/2.0", &[], BAD);
pub(super) const V6_NO_PORT: Torture = of("OPTIONS sip:[2001:db8::10:5070] SIP/2.0", &[], Understood);
pub(super) const V6_PORT: Torture = of("OPTIONS sip:[2001:db8::10]:5070 SIP/2.0", &[], Understood);
pub(super) const V6_RECEIVED: Torture = of(
    OPTIONS,
    &[
        "Via: SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bKv6",
        "Via: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKv7",
        "Via: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKv8",
    ],
    Understood,
);
pub(super) const V6_BODY: Torture = with_body(
    INVITE,
    &["Content-Type: application/sdp"],
    "v=0\no=dave 1 1 IN IP6 2001:db8::5\ns=-\nc=IN IP6 2001:db8::5\nt=0 0\nm=audio 49250 RTP/AVP 0\n",
    Understood,
);
pub(super) const V6_MIXED: Torture = of(
    OPTIONS,
    &[
        "Via: SIP/2.0/WSS [2001:db8::9:1]:6050;branch=z9hG4bKa",
        "Via: SIP/2.0/UDP 192.0.2.1;received=198.51.100.200;branch=z9hG4bKb, SIP/2.0/TCP [::1]:5060;branch=z9hG4bKc",
        "Contact: <sip:dave@[2001:db8::5]:5099;transport=ws>",
    ],
    Understood,
);
pub(super) const V6_MIXED_BODY: Torture = with_body(
    INVITE,
    &["c: application/sdp"],
    "v=0\nc=IN IP6 2001:db8::1\nm=audio 22334 RTP/AVP 0\nc=IN IP4 192.0.2.1\nm=video 6024 RTP/AVP 107\n",
    Understood,
);
pub(super) const V6_MAPPED: Torture = of("OPTIONS sip:carol@[::FFFF:192.0.2.2] SIP/2.0", &[], Understood);
pub(super) const V6_THREE_COLONS: Torture = of("OPTIONS sip:carol@[2001:db8:::192.0.2.1] SIP/2.0", &[], BAD);
