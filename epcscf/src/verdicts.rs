//! The verdicts on tokens that one connection has presented, so that a signature is verified once
//! and not on every request.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use ims::Token;
use ims::token::Claims;

/// How many tokens of one connection are remembered.
const CAPACITY: usize = 4;

type Hash = [u8; SHA256_OUTPUT_LEN];

/// Tokens with a good signature, by their SHA-256. The claims are still to be checked against the
/// time and the request; a token past its `exp` falls out.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(Vec<(Hash, Arc<Claims>)>);

impl Verdicts {
    /// The claims of a token seen before.
    pub(crate) fn of(&self, token: &Token) -> Option<Arc<Claims>> {
        let hash = hash(token);
        self.0.iter().find(|(seen, _)| *seen == hash).map(|(_, claims)| claims.clone())
    }

    /// Remembers a token whose signature is right.
    pub(crate) fn remember(&mut self, token: &Token, claims: Arc<Claims>, now_unix: u64) {
        self.0.retain(|(_, claims)| claims.exp > now_unix);
        if self.0.len() == CAPACITY {
            self.0.remove(0);
        }
        self.0.push((hash(token), claims));
    }
}

fn hash(token: &Token) -> Hash {
    let mut hash = [0; SHA256_OUTPUT_LEN];
    for (to, from) in hash.iter_mut().zip(digest(&SHA256, token.expose().as_bytes()).as_ref()) {
        *to = *from;
    }
    hash
}
