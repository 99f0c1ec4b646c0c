//! How long a REGISTER with credentials takes to read: our reader beside rsip's and rsipstack's.

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sip::{Framing, Message};
use std::hint::black_box;

const REGISTER: &str = "REGISTER sip:ims.example SIP/2.0\r\n\
Via: SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bK7d1a5f0c\r\n\
Max-Forwards: 70\r\n\
From: <sip:alice@ims.example>;tag=w1k2j3h4\r\n\
To: <sip:alice@ims.example>\r\n\
Call-ID: r-5d0e7c91@k3f9q2.invalid\r\n\
CSeq: 2 REGISTER\r\n\
Contact: <sip:u8c2@k3f9q2.invalid;transport=ws>;reg-id=1;\
+sip.instance=\"<urn:uuid:0c67d3a4-1f0b-4e1e-9b7e-2f5a6c1d8e90>\";expires=3600\r\n\
Supported: path, outbound, gruu\r\n\
Authorization: Digest username=\"alice-wic@ims.example\", realm=\"ims.example\", \
nonce=\"4d0f2c9b7a1e4f6f8a3b5c7d9e0f1a2b\", uri=\"sip:ims.example\", \
response=\"89c9ce4f5342b949f0bb4d7051643ced1e7cecfe016a064f60f0b71cb86f9c14\", algorithm=SHA-256, \
cnonce=\"0a4f113b5e6d\", qop=auth, nc=00000001\r\n\
User-Agent: webrtc-ims\r\n\
Content-Length: 0\r\n\r\n";

fn readers(c: &mut Criterion) {
    let mut group = c.benchmark_group("read a REGISTER");
    group.throughput(Throughput::Bytes(REGISTER.len() as u64));
    let received = Bytes::from_static(REGISTER.as_bytes());
    group.bench_function("sip", |b| {
        b.iter(|| Message::parse(black_box(received.clone()), Framing::WebSocket).unwrap());
    });
    // A shell hands on what it has just read into a buffer of its own.
    group.bench_function("sip, octets copied in", |b| {
        b.iter(|| Message::parse(black_box(REGISTER.as_bytes().to_vec()), Framing::WebSocket).unwrap());
    });
    group.bench_function("rsip", |b| {
        b.iter(|| rsip::SipMessage::try_from(black_box(REGISTER.as_bytes())).unwrap());
    });
    group.bench_function("rsipstack", |b| {
        b.iter(|| rsipstack::sip::SipMessage::try_from(black_box(REGISTER.as_bytes())).unwrap());
    });
    group.finish();
}

/// What a node does with every request: read it, check it, write it.
fn passage(c: &mut Criterion) {
    let received = Bytes::from_static(REGISTER.as_bytes());
    let Ok(Message::Request(request)) = Message::parse(received, Framing::WebSocket) else { return };
    let mut group = c.benchmark_group("pass a REGISTER on");
    group.bench_function("validate", |b| b.iter(|| black_box(&request).validate().unwrap()));
    group.bench_function("write", |b| b.iter(|| black_box(&request).to_bytes()));
    group.finish();
}

criterion_group!(benches, readers, passage);
criterion_main!(benches);
