//! WebSocket frames (RFC 6455 §5.2), right ones and others.

use bytes::{Buf, Bytes, BytesMut};

/// The longest frame that is read from a system under test.
const MAX_FRAME: u64 = 16 * 1024 * 1024;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// The next part of a fragmented message.
    Continuation,
    /// Text.
    Text,
    /// Binary.
    Binary,
    /// Close.
    Close,
    /// Ping.
    Ping,
    /// Pong.
    Pong,
    /// One that RFC 6455 reserves.
    Reserved(u8),
}

impl Opcode {
    fn code(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
            Self::Reserved(code) => code & 0x0f,
        }
    }

    fn of(code: u8) -> Self {
        match code {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            other => Self::Reserved(other),
        }
    }
}

/// One frame. [`Frame::new`] makes what a client sends; every field may be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Whether it ends its message.
    pub fin: bool,
    /// RSV1 to RSV3, in the three lowest bits.
    pub rsv: u8,
    /// What it is.
    pub opcode: Opcode,
    /// The masking key; a client must have one.
    pub mask: Option<[u8; 4]>,
    /// What it carries, unmasked.
    pub payload: Bytes,
}

impl Frame {
    /// A whole, masked message.
    pub fn new(opcode: Opcode, payload: impl Into<Bytes>) -> Self {
        Self { fin: true, rsv: 0, opcode, mask: Some([0x37, 0xfa, 0x21, 0x3d]), payload: payload.into() }
    }

    /// A Close with a code.
    pub fn close(code: u16, reason: &str) -> Self {
        Self::new(Opcode::Close, [&code.to_be_bytes()[..], reason.as_bytes()].concat())
    }

    /// The same without a masking key, as only a server may send it.
    #[must_use]
    pub fn unmasked(mut self) -> Self {
        self.mask = None;
        self
    }

    /// The same as one of several parts of a message.
    #[must_use]
    pub fn part(mut self, fin: bool) -> Self {
        self.fin = fin;
        self
    }

    /// The octets on the wire.
    pub fn encode(&self) -> Vec<u8> {
        let first = u8::from(self.fin) << 7 | (self.rsv & 7) << 4 | self.opcode.code();
        let mask_bit = if self.mask.is_some() { 0x80 } else { 0 };
        let length = self.payload.len();
        let mut out = vec![first];
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(short @ 0..126), _) => out.push(mask_bit | short),
            (_, Ok(medium)) => {
                out.push(mask_bit | 126);
                out.extend(medium.to_be_bytes());
            }
            _ => {
                out.push(mask_bit | 127);
                out.extend((length as u64).to_be_bytes());
            }
        }
        match self.mask {
            Some(mask) => {
                out.extend(mask);
                out.extend(self.payload.iter().zip(mask.iter().cycle()).map(|(octet, key)| octet ^ key));
            }
            None => out.extend(&self.payload),
        }
        out
    }

    /// Takes the next whole frame out of what was read; `None` until there is one.
    ///
    /// # Errors
    /// When it is longer than is read here.
    pub fn decode(buffer: &mut BytesMut) -> Result<Option<Self>, String> {
        let &[first, second, ref rest @ ..] = &buffer[..] else { return Ok(None) };
        let (extended, length) = match (second & 0x7f, rest) {
            (126, &[a, b, ..]) => (2, u64::from(u16::from_be_bytes([a, b]))),
            (127, &[a, b, c, d, e, f, g, h, ..]) => (8, u64::from_be_bytes([a, b, c, d, e, f, g, h])),
            (126 | 127, _) => return Ok(None),
            (length, _) => (0, u64::from(length)),
        };
        if length > MAX_FRAME {
            return Err(format!("a frame of {length} octets"));
        }
        let masked = second & 0x80 != 0;
        let head = 2 + extended + if masked { 4 } else { 0 };
        let length = usize::try_from(length).map_err(|_| "a frame that does not fit memory".to_owned())?;
        if buffer.len() < head + length {
            return Ok(None);
        }
        let mask = masked.then(|| rest.get(extended..extended + 4)?.try_into().ok()).flatten();
        buffer.advance(head);
        let mut payload = buffer.split_to(length);
        if let Some(mask) = mask {
            let mask: [u8; 4] = mask;
            payload.iter_mut().zip(mask.iter().cycle()).for_each(|(octet, key)| *octet ^= key);
        }
        let (fin, rsv) = (first & 0x80 != 0, first >> 4 & 7);
        Ok(Some(Self { fin, rsv, opcode: Opcode::of(first & 0x0f), mask, payload: payload.freeze() }))
    }

    /// The code and reason of a Close.
    pub fn close_code(&self) -> Option<(u16, String)> {
        match &self.payload[..] {
            &[a, b, ref reason @ ..] if self.opcode == Opcode::Close => {
                Some((u16::from_be_bytes([a, b]), String::from_utf8_lossy(reason).into_owned()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_come_back_as_they_were_sent() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            for frame in
                [Frame::new(Opcode::Binary, vec![7; length]), Frame::new(Opcode::Text, vec![b'x'; length]).unmasked()]
            {
                let octets = frame.encode();
                let mut buffer = BytesMut::from(&octets[..octets.len() - 1]);
                assert_eq!(Frame::decode(&mut buffer), Ok(None), "{length}");
                buffer.extend_from_slice(&octets[octets.len() - 1..]);
                assert_eq!(Frame::decode(&mut buffer), Ok(Some(frame)), "{length}");
                assert!(buffer.is_empty());
            }
        }
    }
}
