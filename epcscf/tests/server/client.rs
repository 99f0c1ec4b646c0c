//! A WebSocket client that can do wrong: it writes its frames by hand.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::rig::Rig;

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
const CONTINUATION: u8 = 0;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const MASK: [u8; 4] = [1, 2, 3, 4];

pub(crate) struct Client {
    stream: TlsStream<TcpStream>,
}

/// A frame from the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Text(String),
    Binary(Vec<u8>),
    Ping,
    Pong(Vec<u8>),
    Close(u16, String),
    Eof,
}

impl Client {
    pub(crate) async fn tls(rig: &Rig) -> Self {
        let stream = TcpStream::connect(rig.addr).await.unwrap();
        let stream = rig.connector().connect("localhost".try_into().unwrap(), stream).await.unwrap();
        Self { stream }
    }

    /// An open WebSocket from a page of this origin.
    pub(crate) async fn open(rig: &Rig, origin: &str) -> Self {
        let mut client = Self::tls(rig).await;
        let head = client.upgrade(&[("Origin", origin)]).await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        client
    }

    /// Asks for an upgrade and gives the head of the answer.
    pub(crate) async fn upgrade(&mut self, extra: &[(&str, &str)]) -> String {
        let mut request = String::from(
            "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: sip\r\n",
        );
        for (name, value) in extra {
            request += &format!("{name}: {value}\r\n");
        }
        self.write(format!("{request}\r\n").as_bytes()).await;
        self.head().await
    }

    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match self.stream.read_u8().await {
                Ok(octet) => head.push(octet),
                Err(_) => break,
            }
        }
        String::from_utf8(head).unwrap()
    }

    /// Everything until the server closes.
    pub(crate) async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let _ = self.stream.read_to_end(&mut rest).await;
        String::from_utf8_lossy(&rest).into_owned()
    }

    pub(crate) async fn write(&mut self, octets: &[u8]) {
        self.stream.write_all(octets).await.unwrap();
        self.stream.flush().await.unwrap();
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.write(&frame(true, TEXT, text.as_bytes(), true)).await;
    }

    pub(crate) async fn frame(&mut self, opcode: u8, payload: &[u8]) {
        self.write(&frame(true, opcode, payload, true)).await;
    }

    pub(crate) async fn unmasked(&mut self, text: &str) {
        self.write(&frame(true, TEXT, text.as_bytes(), false)).await;
    }

    /// One text message in as many frames as there are parts, with a Ping after the first.
    pub(crate) async fn fragments(&mut self, parts: &[&str]) {
        for (at, part) in parts.iter().enumerate() {
            let opcode = if at == 0 { TEXT } else { CONTINUATION };
            self.write(&frame(at + 1 == parts.len(), opcode, part.as_bytes(), true)).await;
            if at == 0 {
                self.frame(PING, b"still there?").await;
            }
        }
    }

    /// The next frame; pings come up and are not answered.
    pub(crate) async fn next(&mut self) -> Frame {
        let Ok(first) = self.stream.read_u8().await else { return Frame::Eof };
        assert_eq!(first & 0x80, 0x80, "the server does not fragment");
        let length = match self.stream.read_u8().await.unwrap() {
            126 => usize::from(self.stream.read_u16().await.unwrap()),
            127 => usize::try_from(self.stream.read_u64().await.unwrap()).unwrap(),
            length => usize::from(length),
        };
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await.unwrap();
        match first & 0x0f {
            TEXT => Frame::Text(String::from_utf8(payload).unwrap()),
            BINARY => Frame::Binary(payload),
            PING => Frame::Ping,
            PONG => Frame::Pong(payload),
            CLOSE => {
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                Frame::Close(code, String::from_utf8(payload[2..].to_vec()).unwrap())
            }
            other => panic!("opcode {other}"),
        }
    }

    /// The next message; pings are passed over.
    pub(crate) async fn message(&mut self) -> String {
        loop {
            match self.next().await {
                Frame::Text(text) => return text,
                Frame::Ping => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The status of the next response.
    pub(crate) async fn status(&mut self) -> u16 {
        let message = self.message().await;
        message.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("{message}"))
    }

    /// The code that the server closes with; whatever comes before is passed over.
    pub(crate) async fn close_code(&mut self) -> u16 {
        loop {
            match self.next().await {
                Frame::Close(code, _) => return code,
                Frame::Eof => panic!("closed without a close frame"),
                _ => {}
            }
        }
    }
}

fn frame(fin: bool, opcode: u8, payload: &[u8], masked: bool) -> Vec<u8> {
    let mut out = vec![if fin { 0x80 | opcode } else { opcode }];
    let mask_bit = if masked { 0x80 } else { 0 };
    match payload.len() {
        short @ 0..126 => out.push(mask_bit | short as u8),
        medium @ 126..65_536 => {
            out.push(mask_bit | 126);
            out.extend((medium as u16).to_be_bytes());
        }
        long => {
            out.push(mask_bit | 127);
            out.extend((long as u64).to_be_bytes());
        }
    }
    if masked {
        out.extend(MASK);
        out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(octet, mask)| octet ^ mask));
    } else {
        out.extend(payload);
    }
    out
}

/// A REGISTER of a guest, without a token unless `extra` has one.
pub(crate) fn register(cseq: u32, extra: &str) -> String {
    format!(
        "REGISTER sip:partner.ims.example SIP/2.0\r\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:guest-1@partner.ims.example>;tag=1\r\n\
         To: <sip:guest-1@partner.ims.example>\r\nCall-ID: c-1\r\nCSeq: {cseq} REGISTER\r\n\
         Contact: <sip:u@a.invalid;transport=ws>;reg-id=1;\
         +sip.instance=\"<urn:uuid:00000000-0000-4000-8000-000000000001>\"\r\n\
         Supported: path, outbound\r\n{extra}\r\n"
    )
}
