//! The messages of each flow, as they are on the wire.

use sip::digest::Algorithm::{Md5, Sha256};
use wic::{TokenGrant, TokenScenario};

use crate::pair::Side::{Alice, Bob};
use crate::pair::{Pair, sdp};
use crate::script::{Wic, accept, accept_digest, challenge, grant, token_config};

/// What the WIC sent, whole. Its randomness is seeded, so nothing needs to be left out but the
/// proofs, which other tests check.
fn requests(wic: &Wic) -> String {
    let sent = wic.wire.iter().filter(|(direction, _)| *direction == '>');
    sent.map(|(_, wire)| redact(&String::from_utf8_lossy(wire.octets()))).collect::<Vec<_>>().join("\n")
}

fn redact(message: &str) -> String {
    let mut out = String::new();
    for line in message.lines() {
        let mut line = line.to_owned();
        for name in ["response=\"", "cnonce=\"", "branch=z9hG4bK", ";tag="] {
            if let Some(at) = line.find(name).map(|at| at + name.len()) {
                let end = line[at..].find(['"', ';', ',']).map_or(line.len(), |end| at + end);
                let value = format!("[{}]", end - at);
                line.replace_range(at..end, &value);
            }
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[test]
fn flow_1() {
    let mut wic = Wic::digest();
    wic.start();
    wic.connected();
    let opening = wic.register();
    wic.answer(challenge(&opening, &[Sha256, Md5], "4d0f2c9b", false));
    let request = wic.register();
    wic.answer(accept_digest(&request, 3600, None));
    wic.tell(|agent, now| agent.deregister(now));
    insta::assert_snapshot!(requests(&wic));
}

#[test]
fn flow_2() {
    let mut wic = Wic::web_auth();
    wic.start();
    wic.token(Ok(grant("eyJhbGciOiJFUzI1NiJ9.e30.c2ln", 3600)));
    wic.connected();
    let request = wic.register();
    wic.answer(accept(&request, 3600));
    insta::assert_snapshot!(requests(&wic));
}

/// Both sides of a call with early media, hold and hanging up; what the caller sends.
#[test]
fn a_call() {
    let mut pair = Pair::new();
    let (mine, theirs) = pair.call();
    pair.tell(Bob, |agent, now| agent.early_media(now, theirs, sdp("early")));
    pair.tell(Bob, |agent, now| agent.answer(now, theirs, sdp("early")));
    pair.tell(Alice, |agent, now| agent.offer(now, mine, sdp("hold")));
    pair.tell(Bob, |agent, now| agent.answer_offer(now, theirs, sdp("held")));
    pair.tell(Alice, |agent, now| agent.hang_up(now, mine));
    insta::assert_snapshot!("a_call", pair.ladder().join("\n"));
    insta::assert_snapshot!("a_call_of_the_caller", requests(pair.wic(Alice)));
    insta::assert_snapshot!("a_call_of_the_callee", requests(pair.wic(Bob)));
}

#[test]
fn flow_3() {
    let mut wic = Wic::new(token_config(TokenScenario::WildcardRange));
    wic.start();
    let impu = "sip:guest-7@partner.ims.example";
    let (impi, url) = ("guest-7@partner.ims.example", crate::script::URL);
    wic.token(Ok(TokenGrant::parse("a.b.c", 600, impi, [impu], url, "partner.ims.example").unwrap()));
    wic.connected();
    let request = wic.register();
    wic.answer(accept(&request, 600));
    insta::assert_snapshot!(requests(&wic));
}
