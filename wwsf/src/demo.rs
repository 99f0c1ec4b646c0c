//! The subscribers of the demonstration, whose passwords everyone knows.

use crate::directory::UserRecord;
use crate::password::PasswordHash;

/// A subscriber of the demonstration.
#[derive(Clone, Copy, Debug)]
pub struct DemoUser {
    /// Web user name.
    pub username: &'static str,
    /// Password of the web login.
    pub web_password: &'static str,
    /// Password of SIP Digest.
    pub digest_password: &'static str,
    /// Private identity.
    pub impi: &'static str,
    /// Public identity.
    pub impu: &'static str,
    /// The web password hashed beforehand, so that starting costs no argon2 runs.
    hash: &'static str,
}

/// alice, bob and carol at `ims.example`.
pub const USERS: [DemoUser; 3] = [
    DemoUser {
        username: "alice",
        web_password: "alice-web",
        digest_password: "alice-secret",
        impi: "alice-wic@ims.example",
        impu: "sip:alice@ims.example",
        hash: "$argon2id$v=19$m=19456,t=2,p=1$uf0OLjH1FHwG9evC75CkDA$va8Aagl0edeTDbWSsy5Cx1l+YbLrnwpAw5OsumhM3Ow",
    },
    DemoUser {
        username: "bob",
        web_password: "bob-web",
        digest_password: "bob-secret",
        impi: "bob-wic@ims.example",
        impu: "sip:bob@ims.example",
        hash: "$argon2id$v=19$m=19456,t=2,p=1$NNLz96SYYxWjAEDQUHXwhg$no5EfL+UZmP1AHAdYEOZRxhbzlutH/w9PL7aBzyx0BE",
    },
    DemoUser {
        username: "carol",
        web_password: "carol-web",
        digest_password: "carol-secret",
        impi: "carol-wic@ims.example",
        impu: "sip:carol@ims.example",
        hash: "$argon2id$v=19$m=19456,t=2,p=1$nS7aI9wSZi7m6P52zktBFw$B71HcJN0rczNu580visTX3XbrDIoBgnVokEN67msbBE",
    },
];

impl DemoUser {
    /// The demo subscriber with this web user name.
    pub fn find(username: &str) -> Option<&'static Self> {
        USERS.iter().find(|user| user.username == username)
    }

    pub(crate) fn record(&self) -> Option<UserRecord> {
        Some(UserRecord {
            username: self.username.to_owned(),
            impi: self.impi.parse().ok()?,
            impus: vec![self.impu.parse().ok()?],
        })
    }

    pub(crate) fn hash(&self) -> Option<PasswordHash> {
        PasswordHash::parse(self.hash).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_passwords_open_the_published_accounts() {
        for user in &USERS {
            assert!(user.hash().unwrap().verify(&user.web_password.into()), "{}", user.username);
            assert!(!user.hash().unwrap().verify(&user.digest_password.into()), "{}", user.username);
            assert_eq!(user.record().unwrap().impus.len(), 1);
        }
    }
}
