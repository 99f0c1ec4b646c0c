//! Bad input is answered or dropped; nothing of it does harm.

use sip::SeededEntropy;

use crate::world::{F2, OPERATOR, PARTNER, Register, World, core_peer, guest};

/// Random changes to good messages: octets replaced, cut out, doubled.
fn mutate(message: &str, random: &mut SeededEntropy) -> Vec<u8> {
    let mut octets = message.as_bytes().to_vec();
    for _ in 0..=random.next_u64() % 3 {
        let at = random.next_u64() as usize % octets.len();
        let end = (at + random.next_u64() as usize % 40).min(octets.len());
        match random.next_u64() % 4 {
            0 => octets[at] = random.next_u64() as u8,
            1 => {
                octets.drain(at..end);
            }
            2 => {
                let piece = octets[at..end].to_vec();
                octets.splice(at..at, piece);
            }
            _ => octets[at] = b"\r\n;,<>\"@:= !"[random.next_u64() as usize % 12],
        }
        if octets.is_empty() {
            break;
        }
    }
    octets
}

#[test]
fn no_message_of_a_wic_brings_the_edge_down_or_a_token_to_mw() {
    let mut random = SeededEntropy::new(42);
    let digest = "Authorization: Digest username=\"alice-wic@ims.example\", nonce=\"n\", response=\"r\"";
    let register = |n: u32| match n % 3 {
        0 => Register::new("sip:alice@ims.example").bearer(F2).cseq(n + 1),
        1 => Register::new("sip:alice@ims.example").line(digest).cseq(n + 1),
        _ => guest(n).cseq(n + 1),
    };
    for round in 0..300 {
        let mut world = World::with(|c| c.policy.token.carriage = epcscf::policy::Carriage::Both);
        let origin = if round % 2 == 0 { OPERATOR } else { PARTNER };
        let flow = world.connect(origin);
        for n in 0..10 {
            world.wic(flow, mutate(&register(round + n).text(), &mut random));
        }
        // A changed token is no longer the token; a whole one may not be there.
        assert!(world.mw.iter().all(|sent| !String::from_utf8_lossy(sent).contains(F2)));
        let bearer = |sent: &[u8]| String::from_utf8_lossy(sent).contains("\r\nAuthorization: Bearer");
        assert!(!world.mw.iter().any(|sent| bearer(sent)));
        world.lose(flow);
        world.sleep(10_000);
        assert_eq!(world.edge.size(), (0, 0));
    }
}

#[test]
fn no_message_of_the_core_brings_the_edge_down() {
    let mut random = SeededEntropy::new(43);
    for _ in 0..300 {
        let mut world = World::new();
        let flow = world.connect(OPERATOR);
        world.wic(flow, Register::new("sip:alice@ims.example").bearer(F2).text());
        let answer = crate::world::ok(&world.at_core()).to_string();
        world.core_sends(core_peer(), &mutate(&answer, &mut random));
        world.sleep(20);
        let answers = std::iter::from_fn(|| world.try_answer(flow)).filter(|a| a.status.is_final()).count();
        assert_eq!(answers, 1, "the WIC has its answer, be it 504");
    }
}
