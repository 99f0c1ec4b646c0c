//! HEPv3: what is written is read back, and no octets do harm.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;
use trace::hep::{Malformed, Own, Packet, TooLong, decode, encode};
use trace::{Direction, Leg};

fn addresses() -> impl Strategy<Value = (SocketAddr, SocketAddr)> {
    let v4 = any::<[u8; 4]>().prop_map(IpAddr::from);
    let v6 = any::<[u8; 16]>().prop_map(IpAddr::from);
    let pair = |ip: BoxedStrategy<IpAddr>| {
        ((ip.clone(), any::<u16>()), (ip, any::<u16>())).prop_map(|(a, b)| (SocketAddr::from(a), SocketAddr::from(b)))
    };
    prop_oneof![pair(v4.boxed()), pair(v6.boxed())]
}

fn own() -> impl Strategy<Value = Own> {
    let direction = prop_oneof![Just(Direction::In), Just(Direction::Out)];
    let leg = proptest::sample::select(Leg::ALL.to_vec());
    let text = "[ -~äöü→]{0,40}";
    (direction, leg, text, text, proptest::option::of(text), proptest::option::of(text)).prop_map(
        |(direction, leg, peer, summary, subject, trace_id)| Own { direction, leg, peer, summary, subject, trace_id },
    )
}

prop_compose! {
    fn packet()(
        (source, destination) in addresses(),
        transport in any::<u8>(),
        seconds in any::<u32>(),
        microseconds in 0..1_000_000u64,
        protocol in any::<u8>(),
        agent in any::<u32>(),
        auth_key in proptest::option::of(any::<Vec<u8>>()),
        correlation in proptest::option::of("[!-~]{1,40}"),
        node in proptest::option::of("[!-~]{1,40}"),
        own in proptest::option::of(own()),
        payload in any::<Vec<u8>>(),
    ) -> Packet {
        let time_us = u64::from(seconds) * 1_000_000 + microseconds;
        Packet { transport, source, destination, time_us, protocol, agent, auth_key, correlation, node, own, payload }
    }
}

proptest! {
    #[test]
    fn a_packet_is_read_back_as_it_was_written(packet in packet()) {
        let octets = encode(&packet).unwrap();
        prop_assert_eq!(decode(&octets), Ok(packet));
    }

    #[test]
    fn no_octets_make_it_panic(octets in any::<Vec<u8>>()) {
        let _ = decode(&octets);
        let mut framed = b"HEP3".to_vec();
        framed.extend_from_slice(&u16::try_from(octets.len() + 6).unwrap_or(u16::MAX).to_be_bytes());
        framed.extend_from_slice(&octets);
        let _ = decode(&framed);
    }

    #[test]
    fn a_damaged_packet_does_no_harm(packet in packet(), at in any::<prop::sample::Index>(), octet in any::<u8>()) {
        let mut octets = encode(&packet).unwrap();
        let at = at.index(octets.len());
        octets[at] = octet;
        let _ = decode(&octets);
    }

    #[test]
    fn no_part_of_a_packet_is_taken_for_one(packet in packet(), at in any::<prop::sample::Index>()) {
        let octets = encode(&packet).unwrap();
        prop_assert!(decode(&octets[..at.index(octets.len())]).is_err());
    }
}

/// A packet as another's agent builds it, chunk by chunk.
fn chunks(chunks: &[(u16, u16, &[u8])]) -> Vec<u8> {
    let mut octets = b"HEP3\0\0".to_vec();
    for (vendor, kind, value) in chunks {
        octets.extend_from_slice(&vendor.to_be_bytes());
        octets.extend_from_slice(&kind.to_be_bytes());
        octets.extend_from_slice(&u16::try_from(value.len() + 6).unwrap().to_be_bytes());
        octets.extend_from_slice(value);
    }
    let length = u16::try_from(octets.len()).unwrap().to_be_bytes();
    octets[4..6].copy_from_slice(&length);
    octets
}

const HEAD: [(u16, u16, &[u8]); 8] = [
    (0, 1, &[2]),
    (0, 2, &[17]),
    (0, 3, &[192, 0, 2, 1]),
    (0, 4, &[192, 0, 2, 2]),
    (0, 7, &[0x13, 0xc4]),
    (0, 8, &[0x13, 0xce]),
    (0, 9, &[0, 0, 0, 5]),
    (0, 11, &[1]),
];

#[test]
fn what_other_agents_send_beside_is_passed_over() {
    let mut parts = HEAD.to_vec();
    parts.extend([(0, 18, &[0, 1][..]), (0, 0x20, &[1, 2, 3, 4, 5, 6]), (2, 1, b"kamailio"), (0, 19, b"sbc\0")]);
    parts.push((0, 15, b"OPTIONS sip:x SIP/2.0\r\n\r\n"));
    let packet = decode(&chunks(&parts)).unwrap();
    assert_eq!((packet.source.to_string(), packet.node.as_deref()), ("192.0.2.1:5060".into(), Some("sbc")));
    assert_eq!((packet.time_us, packet.agent, packet.own), (5_000_000, 0, None));
}

#[test]
fn a_compressed_payload_is_read_up_to_a_bound() {
    let compressed = |octets: &[u8]| {
        let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        writer.write_all(octets).unwrap();
        writer.finish().unwrap()
    };
    let with = |payload: &[u8]| decode(&chunks(&[&HEAD[..], &[(0, 16, payload)]].concat()));
    assert_eq!(with(&compressed(b"OPTIONS")).unwrap().payload, b"OPTIONS");
    assert_eq!(with(&compressed(&vec![0; 10_000_000])), Err(Malformed::Value(16)));
    assert_eq!(with(b"not zlib"), Err(Malformed::Value(16)));
}

#[test]
fn what_is_wrong_with_a_packet_is_named() {
    let without = |at: usize| {
        let mut parts = HEAD.to_vec();
        parts.push((0, 15, b"x"));
        parts.remove(at);
        decode(&chunks(&parts)).unwrap_err()
    };
    assert_eq!(without(0), Malformed::Missing(1));
    assert_eq!(without(2), Malformed::Missing(3));
    assert_eq!(without(6), Malformed::Missing(9));
    assert_eq!(without(7), Malformed::Missing(11));
    assert_eq!(without(8), Malformed::Missing(15));
    let with = |part| decode(&chunks(&[&HEAD[..], &[(0, 15, b"x"), part]].concat())).unwrap_err();
    assert_eq!(with((0, 1, &[10])), Malformed::Family);
    assert_eq!(with((0, 3, &[1, 2, 3])), Malformed::Value(3));
    assert_eq!(with((0, 10, &[0xff; 4])), Malformed::Value(10));
    assert_eq!(with((0, 19, b"a\r\nb")), Malformed::Value(19));
    assert_eq!(with((0x5749, 1, &[7])), Malformed::Value(1));
    assert_eq!(decode(b"HEP3\0\x06\0"), Err(Malformed::Length));
    assert_eq!(decode(b"HEP3\0\x0c\0\0\0\x0f\0\x05"), Err(Malformed::ChunkLength));
    assert_eq!(decode(b"HEP3\0\x0c\0\0\0\x0f\0\x07"), Err(Malformed::ChunkLength));
}

#[test]
fn a_message_that_fits_in_no_datagram_is_refused_not_cut() {
    let packet = decode(&chunks(&[&HEAD[..], &[(0, 15, b"x")]].concat())).unwrap();
    let long = Packet { payload: vec![b'x'; 65_500], ..packet };
    assert!(matches!(encode(&long), Err(TooLong(length)) if length > 65_507));
}
