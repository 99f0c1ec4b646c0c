//! How long 10 000 records take to be written in each form.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use trace::{Direction, Hub, Leg, Record, hep, json, ladder, mermaid, pcapng, svg};

/// A registration's REGISTERs, over and over.
fn records() -> Vec<Arc<Record>> {
    let hub = Hub::new(10_000);
    let (epcscf, icscf) = (hub.tap("epcscf"), hub.tap("icscf"));
    let at = |port: u16| std::net::SocketAddr::from(([127, 0, 0, 1], port));
    icscf.own_address(at(5070));
    epcscf.own_address(at(5060));
    for n in 0..2_500 {
        let text = format!(
            "REGISTER sip:ims.example SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK{n}\r\n\
             From: <sip:alice@ims.example>;tag={n}\r\nTo: <sip:alice@ims.example>\r\nCall-ID: call-{n}\r\n\
             CSeq: 1 REGISTER\r\nContact: <sip:u@k3f9q2.invalid;transport=ws>;reg-id=1\r\nContent-Length: 0\r\n\r\n"
        );
        epcscf.sip(Direction::In, Leg::Wss, at(7443), at(50_000), text.as_bytes());
        epcscf.sip(Direction::Out, Leg::Udp, at(5060), at(5070), text.as_bytes());
        icscf.sip(Direction::In, Leg::Udp, at(5070), at(5060), text.as_bytes());
        icscf.cx(Direction::Out, "hss", "UAR REGISTRATION", Some("sip:alice@ims.example"), "Uar {}");
    }
    hub.since(0)
}

fn forms(c: &mut Criterion) {
    let records = records();
    let mut group = c.benchmark_group("write 10 000 records");
    group.throughput(Throughput::Elements(records.len() as u64)).sample_size(20);
    group.bench_function("json", |b| b.iter(|| json::encode(black_box(&records))));
    group.bench_function("svg", |b| b.iter(|| svg::encode(black_box(&records))));
    group.bench_function("mermaid", |b| b.iter(|| mermaid::encode(black_box(&records))));
    group.bench_function("pcapng", |b| b.iter(|| pcapng::encode(black_box(&records))));
    group.bench_function("ladder", |b| b.iter(|| ladder::draw(black_box(&records), ladder::Style::default())));
    group.bench_function("hep", |b| {
        b.iter(|| records.iter().map(|r| hep::encode(&hep::Packet::of(r, 1, None)).unwrap().len()).sum::<usize>());
    });
    group.finish();
}

criterion_group!(benches, forms);
criterion_main!(benches);
