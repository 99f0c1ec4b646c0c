//! A user with a WIC of the script.

use crate::script::Msg;

/// A user with a WIC of the script: its identities, and the numbers that its requests have.
#[derive(Clone, Debug)]
pub struct Person {
    /// The private identity.
    pub impi: String,
    /// The public identity.
    pub impu: String,
    /// The password of flow 1.
    pub password: String,
    /// The domain that it registers in.
    pub domain: String,
    /// The host of its Via and Contact.
    pub host: String,
    /// The user part of its Contact.
    pub user: String,
    /// Its `+sip.instance`.
    pub instance: String,
    /// The Call-ID of its registration.
    pub call_id: String,
    /// The last CSeq used.
    pub cseq: u32,
    /// Counts its branches.
    pub branch: u32,
}

impl Person {
    /// Somebody called `name`, told apart from others by `unique`.
    pub fn new(name: &str, domain: &str, unique: &str) -> Self {
        let number: u64 = unique.bytes().fold(17, |sum, c| sum.wrapping_mul(131).wrapping_add(u64::from(c)));
        Self {
            impi: format!("{name}-{unique}-wic@{domain}"),
            impu: format!("sip:{name}-{unique}@{domain}"),
            password: "correct horse battery".into(),
            domain: domain.into(),
            host: format!("{name}{unique}.invalid"),
            user: format!("u{unique}"),
            instance: format!("<urn:uuid:{:08x}-0000-4000-8000-{:012x}>", number >> 32, number & 0xffff_ffff_ffff),
            call_id: format!("r-{unique}@{name}{unique}.invalid"),
            cseq: 0,
            branch: 0,
        }
    }

    /// The same user in another browser.
    #[must_use]
    pub fn elsewhere(&self, unique: &str) -> Self {
        let other = Self::new("other", &self.domain, unique);
        Self { impi: self.impi.clone(), impu: self.impu.clone(), password: self.password.clone(), ..other }
    }

    /// The URI of its Contact.
    pub fn contact_uri(&self) -> String {
        format!("sip:{}@{};transport=ws", self.user, self.host)
    }

    /// Its Contact with an expiry.
    pub fn contact(&self, expires: u32) -> String {
        format!("<{}>;reg-id=1;+sip.instance=\"{}\";expires={expires}", self.contact_uri(), self.instance)
    }

    /// A REGISTER for an hour, without credentials.
    pub fn register(&mut self) -> Msg {
        self.register_for(3600)
    }

    /// A REGISTER without credentials.
    pub fn register_for(&mut self, expires: u32) -> Msg {
        self.cseq += 1;
        let branch = self.next_branch();
        Msg::request("REGISTER", &format!("sip:{}", self.domain))
            .with("Via", format!("SIP/2.0/WSS {};branch={branch}", self.host))
            .with("Max-Forwards", 70)
            .with("From", format!("<{}>;tag=w1", self.impu))
            .with("To", format!("<{}>", self.impu))
            .with("Call-ID", &self.call_id)
            .with("CSeq", format!("{} REGISTER", self.cseq))
            .with("Contact", self.contact(expires))
            .with("Supported", "path, outbound, gruu")
    }

    /// A request other than REGISTER that opens a dialog or stands alone, as its next Call-ID.
    pub fn request(&mut self, method: &str, to: &str) -> Msg {
        let branch = self.next_branch();
        Msg::request(method, to)
            .with("Via", format!("SIP/2.0/WSS {};branch={branch}", self.host))
            .with("Max-Forwards", 70)
            .with("From", format!("<{}>;tag=f{}", self.impu, self.branch))
            .with("To", format!("<{to}>"))
            .with("Call-ID", format!("c{}-{}", self.branch, self.host))
            .with("CSeq", format!("1 {method}"))
            .with("Contact", format!("<{};ob>", self.contact_uri()))
            .with("Supported", "outbound")
    }

    /// A branch that it has not used.
    pub fn next_branch(&mut self) -> String {
        self.branch += 1;
        format!("z9hG4bK{}x{}", self.user, self.branch)
    }
}
