//! The blocks of a capture file, little-endian.

const SECTION_HEADER: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1A2B_3C4D;

const COMMENT: u16 = 1;
const USER_APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;

/// A section that grows by blocks.
pub(super) struct Blocks(Vec<u8>);

impl Blocks {
    /// Begins a section.
    pub(super) fn begin(application: &str, comment: &str) -> Self {
        let mut body = Body::default();
        body.u32(BYTE_ORDER);
        body.u16(1);
        body.u16(0);
        // The length of the section is not told.
        body.u32(u32::MAX);
        body.u32(u32::MAX);
        body.option(COMMENT, comment);
        body.option(USER_APPLICATION, application);
        body.end_options();
        let mut blocks = Self(Vec::new());
        blocks.block(SECTION_HEADER, &body.0);
        blocks
    }

    /// Describes the next interface; times are in microseconds, which is the default.
    pub(super) fn interface(&mut self, link_type: u16, name: &str) {
        let mut body = Body::default();
        body.u16(link_type);
        body.u16(0);
        body.u32(0);
        body.option(INTERFACE_NAME, name);
        body.end_options();
        self.block(INTERFACE, &body.0);
    }

    /// Adds a packet; an empty comment is none.
    pub(super) fn packet(&mut self, interface: u32, time_us: u64, octets: &[u8], comment: &str) {
        let length = u32::try_from(octets.len()).unwrap_or(u32::MAX);
        let mut body = Body::default();
        body.u32(interface);
        body.u32((time_us >> 32) as u32);
        body.u32((time_us & u64::from(u32::MAX)) as u32);
        body.u32(length);
        body.u32(length);
        body.padded(octets);
        if !comment.is_empty() {
            body.option(COMMENT, comment);
            body.end_options();
        }
        self.block(ENHANCED_PACKET, &body.0);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn block(&mut self, kind: u32, body: &[u8]) {
        // Type, length, body, length again; each body is a multiple of four octets.
        let length = u32::try_from(body.len() + 12).unwrap_or(u32::MAX).to_le_bytes();
        self.0.reserve(body.len() + 12);
        self.0.extend_from_slice(&kind.to_le_bytes());
        self.0.extend_from_slice(&length);
        self.0.extend_from_slice(body);
        self.0.extend_from_slice(&length);
    }
}

#[derive(Default)]
struct Body(Vec<u8>);

impl Body {
    fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    fn padded(&mut self, octets: &[u8]) {
        self.0.extend_from_slice(octets);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    fn option(&mut self, code: u16, text: &str) {
        let text = text.as_bytes();
        let text = text.get(..usize::from(u16::MAX)).unwrap_or(text);
        self.u16(code);
        self.u16(u16::try_from(text.len()).unwrap_or(u16::MAX));
        self.padded(text);
    }

    fn end_options(&mut self) {
        self.u32(0);
    }
}
