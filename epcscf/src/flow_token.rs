//! Flow tokens: the user part of the Path URI that leads back to one connection (RFC 5626 §5.2).

use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sip::FlowId;

/// Octets of the MAC that a token keeps: HMAC-SHA256-80.
const MAC_LEN: usize = 10;
const PAYLOAD_LEN: usize = 12;
/// How far up in a [`FlowId`] the shard's number stands.
const SHARD_SHIFT: u32 = 48;

/// Mints and reads flow tokens: `b64url(connection(64) ‖ epoch(32) ‖ HMAC-SHA256-80)`.
///
/// The epoch changes with every start, so that a token of an earlier run is known for what it is:
/// a flow that is gone (430), not a forgery (403).
#[derive(Debug)]
pub struct FlowTokens {
    key: hmac::Key,
    epoch: u32,
}

impl FlowTokens {
    /// The tokens made with `key` in this `epoch`.
    pub fn new(key: &[u8; 32], epoch: u32) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, key), epoch }
    }

    /// The token of a connection.
    pub fn mint(&self, flow: FlowId) -> String {
        let mut octets = [0; PAYLOAD_LEN + MAC_LEN];
        let (payload, mac) = octets.split_at_mut(PAYLOAD_LEN);
        let (id, epoch) = payload.split_at_mut(8);
        id.copy_from_slice(&flow.0.to_be_bytes());
        epoch.copy_from_slice(&self.epoch.to_be_bytes());
        let tag = hmac::sign(&self.key, payload);
        for (to, from) in mac.iter_mut().zip(tag.as_ref()) {
            *to = *from;
        }
        URL_SAFE_NO_PAD.encode(octets)
    }

    /// The connection that a token names.
    ///
    /// # Errors
    /// [`BadToken::Forged`] is answered 403, [`BadToken::OldEpoch`] 430 (RFC 5626 §5.3.1).
    pub fn read(&self, token: &str) -> Result<FlowId, BadToken> {
        let Dissected { flow, epoch_is_ours, mac_is_right, .. } = self.dissect(token).ok_or(BadToken::Forged)?;
        match (mac_is_right, epoch_is_ours) {
            (false, _) => Err(BadToken::Forged),
            (true, false) => Err(BadToken::OldEpoch),
            (true, true) => Ok(flow),
        }
    }

    /// The parts of a token; `None` when it is not as long as ours are, or no base64url.
    pub fn dissect(&self, token: &str) -> Option<Dissected> {
        let octets: [u8; PAYLOAD_LEN + MAC_LEN] = URL_SAFE_NO_PAD.decode(token).ok()?.try_into().ok()?;
        let (payload, mac) = octets.split_at(PAYLOAD_LEN);
        let tag = hmac::sign(&self.key, payload);
        let mac_is_right = constant_time::verify_slices_are_equal(tag.as_ref().get(..MAC_LEN)?, mac).is_ok();
        let (id, epoch) = payload.split_at(8);
        let epoch = u32::from_be_bytes(epoch.try_into().ok()?);
        Some(Dissected {
            flow: FlowId(u64::from_be_bytes(id.try_into().ok()?)),
            epoch,
            epoch_is_ours: epoch == self.epoch,
            mac: mac.try_into().ok()?,
            mac_is_right,
        })
    }
}

/// What stands in a flow token, whether or not it is one of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dissected {
    /// The connection that it names.
    pub flow: FlowId,
    /// The start that it is from, Unix seconds.
    pub epoch: u32,
    /// Whether that is this run's.
    pub epoch_is_ours: bool,
    /// The MAC in it.
    pub mac: [u8; MAC_LEN],
    /// Whether the MAC is right.
    pub mac_is_right: bool,
}

/// Why a token leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadToken {
    /// Not ours, or changed.
    #[error("flow token is not one of ours (RFC 5626 §5.3.1)")]
    Forged,
    /// Ours, from before a restart.
    #[error("flow token is from before a restart (RFC 5626 §5.3.1)")]
    OldEpoch,
}

/// Hands out connection numbers; a shard's number is in their upper bits, so that a token tells
/// which shard owns the connection.
#[derive(Debug)]
pub struct FlowIds {
    next: std::sync::atomic::AtomicU64,
}

impl FlowIds {
    /// The numbers of one shard.
    pub const fn new(shard: u8) -> Self {
        Self { next: std::sync::atomic::AtomicU64::new(((shard as u64) << SHARD_SHIFT) | 1) }
    }

    /// A number not given before.
    pub fn next(&self) -> FlowId {
        FlowId(self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
    }
}

/// The shard that owns a connection.
pub fn shard_of(flow: FlowId) -> u8 {
    (flow.0 >> SHARD_SHIFT) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_back_to_its_connection_and_shard() {
        let tokens = FlowTokens::new(&[7; 32], 3);
        let flow = FlowIds::new(5).next();
        assert_eq!(tokens.read(&tokens.mint(flow)), Ok(flow));
        assert_eq!(shard_of(flow), 5);
    }

    #[test]
    fn no_changed_token_is_taken() {
        let tokens = FlowTokens::new(&[7; 32], 3);
        let token = tokens.mint(FlowId(42));
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(tokens.read(&forged), Err(BadToken::Forged), "{forged}");
        }
        assert_eq!(tokens.read(""), Err(BadToken::Forged));
        assert_eq!(tokens.read(&token[1..]), Err(BadToken::Forged));
        assert_eq!(FlowTokens::new(&[8; 32], 3).read(&token), Err(BadToken::Forged));
    }

    #[test]
    fn a_token_from_before_a_restart_is_no_forgery() {
        let token = FlowTokens::new(&[7; 32], 3).mint(FlowId(42));
        assert_eq!(FlowTokens::new(&[7; 32], 4).read(&token), Err(BadToken::OldEpoch));
    }
}
