//! What Wireshark makes of the captures. Needs tshark, which `cargo xtask setup` installs.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use trace::{Direction, Hub, Leg, Record, pcapng};

const WIC: &str = "127.0.0.1:50000";
const WIC6: &str = "[::1]:50001";

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// All legs, both address families, and a message that is larger than a segment.
fn records() -> Vec<Record> {
    let hub = Hub::new(100);
    let (wwsf, epcscf, icscf) = (hub.tap("wwsf"), hub.tap("epcscf"), hub.tap("icscf"));
    icscf.own_address(addr("127.0.0.1:5070"));
    epcscf.own_address(addr("127.0.0.1:5060"));
    let register = |via: &str, padding: usize| {
        format!(
            "REGISTER sip:ims.example SIP/2.0\r\nVia: SIP/2.0/{via} k3f9q2.invalid;branch=z9hG4bK1\r\n\
             From: <sip:alice@ims.example>;tag=1\r\nTo: <sip:alice@ims.example>\r\nCall-ID: c1\r\n\
             CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nSubject: {}\r\nContent-Length: 0\r\n\r\n",
            "x".repeat(padding)
        )
    };
    let response = |status: &str| {
        format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/WSS k3f9q2.invalid;branch=z9hG4bK1\r\n\
             From: <sip:alice@ims.example>;tag=1\r\nTo: <sip:alice@ims.example>;tag=2\r\nCall-ID: c1\r\n\
             CSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let (web, browser) = (Some(addr("127.0.0.1:8443")), Some(addr("127.0.0.1:49999")));
    wwsf.http(Direction::In, Leg::Https, web, browser, "POST /api/token", None, None, "POST /api/token");
    wwsf.http(Direction::Out, Leg::Https, web, browser, "200 /api/token", None, None, "200\r\n\r\nimpi: a@x\r\n");
    let (w2, wic) = (Some(addr("127.0.0.1:7443")), Some(addr(WIC)));
    epcscf.http(Direction::In, Leg::Upgrade, w2, wic, "WebSocket upgrade", None, None, "");
    epcscf.http(Direction::Out, Leg::Upgrade, w2, wic, "101 Switching Protocols", None, None, "");
    let (w2, mw, core) = (addr("127.0.0.1:7443"), addr("127.0.0.1:5060"), addr("127.0.0.1:5070"));
    epcscf.sip(Direction::In, Leg::Wss, w2, addr(WIC), register("WSS", 0).as_bytes());
    epcscf.sip(Direction::Out, Leg::Udp, mw, core, register("UDP", 2_000).as_bytes());
    icscf.sip(Direction::In, Leg::Udp, core, mw, register("UDP", 2_000).as_bytes());
    icscf.cx(Direction::Out, "hss", "UAR REGISTRATION", Some("sip:alice@ims.example"), "Uar {\n    a: 1,\n}");
    icscf.sip(
        Direction::Out,
        Leg::Tcp,
        addr("127.0.0.1:41000"),
        addr("127.0.0.1:5080"),
        register("TCP", 40_000).as_bytes(),
    );
    icscf.sip(
        Direction::In,
        Leg::Tcp,
        addr("127.0.0.1:41000"),
        addr("127.0.0.1:5080"),
        response("401 Unauthorized").as_bytes(),
    );
    epcscf.sip(Direction::Out, Leg::Wss, w2, addr(WIC), response("401 Unauthorized").as_bytes());
    // A connection whose beginning nobody recorded, over IPv6.
    epcscf.sip(Direction::Out, Leg::Wss, addr("[::1]:7443"), addr(WIC6), response("403 Forbidden").as_bytes());
    epcscf.sip(Direction::In, Leg::Wss, addr("[::1]:7443"), addr(WIC6), register("WSS", 70_000).as_bytes());
    hub.since(0).iter().map(|record| (**record).clone()).collect()
}

fn tshark(file: &Path, options: &[&str]) -> String {
    let output = Command::new("tshark").arg("-r").arg(file).args(options).output();
    let output = output.expect("tshark is missing: `cargo xtask setup` installs it");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Protocol, then some fields, of the packets that have any of them.
fn fields(file: &Path, names: &[&str]) -> Vec<String> {
    let mut options = vec!["-T", "fields", "-E", "separator=|", "-e", "_ws.col.Protocol"];
    names.iter().for_each(|name| options.extend(["-e", name]));
    let lines = tshark(file, &options);
    let said = |line: &&str| line.split('|').skip(1).any(|field| !field.is_empty());
    lines.lines().filter(said).map(str::to_owned).collect()
}

#[test]
fn a_capture_is_dissected_down_to_sip_and_nothing_is_malformed() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("flow.pcapng");
    std::fs::write(&file, pcapng::encode(&records())).unwrap();
    let whole = tshark(
        &file,
        &["-V", "-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"],
    );
    for wrong in ["alformed", "Expert Info (Error", "Expert Info (Warning", "Bad checksum", "incorrect"] {
        assert!(!whole.contains(wrong), "{wrong}:\n{whole}");
    }
    let seen = fields(&file, &["http.request.uri", "http.response.code", "sip.Method", "sip.Status-Code"]);
    assert_eq!(
        seen,
        [
            "HTTP|/api/token|||".to_owned(),
            "HTTP||200||".to_owned(),
            "HTTP|/|||".to_owned(),
            "HTTP||101||".to_owned(),
            "SIP|||REGISTER|".to_owned(),
            "SIP|||REGISTER|".to_owned(),
            "SIP|||REGISTER|".to_owned(),
            "SIP||||401".to_owned(),
            "SIP||||401".to_owned(),
            "HTTP|/|||".to_owned(),
            "HTTP||101||".to_owned(),
            "SIP||||403".to_owned(),
            "SIP|||REGISTER|".to_owned(),
        ]
    );
}

#[test]
fn each_message_has_a_comment_that_names_its_nodes_and_step() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("flow.pcapng");
    std::fs::write(&file, pcapng::encode(&records())).unwrap();
    let comments = tshark(&file, &["-T", "fields", "-e", "frame.comment"]);
    let comments: Vec<&str> = comments.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(comments[0], "WIC → WWSF, step 1");
    assert_eq!(comments[4], "WIC → eP-CSCF, flow 1 step 3");
    assert_eq!(comments[5], "eP-CSCF → I-CSCF, flow 1 step 4");
    assert!(comments.iter().any(|comment| comment.ends_with("failed")), "{comments:?}");
    let columns = ["_ws.col.Protocol", "frame.comment"].map(|column| ["-e", column]).concat();
    let of_cx = ["-Y", "frame.interface_id == 1", "-T", "fields", "-E", "separator=|"];
    let cx = tshark(&file, &[&of_cx[..], &columns].concat());
    assert_eq!(cx.trim(), "Cx|I-CSCF → HSS: UAR REGISTRATION, flow 1 step 4");
}
