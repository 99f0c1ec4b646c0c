//! What one account and one address may do.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::entropy;
use crate::rate_limit::{Limited, Rate, RateLimit};

/// The buckets of a running server.
pub(crate) struct Limits {
    accounts: Mutex<RateLimit<String>>,
    login_peers: Mutex<RateLimit<IpAddr>>,
    guest_peers: Mutex<RateLimit<IpAddr>>,
}

impl Limits {
    /// Accounts and addresses that are remembered.
    const KEYS: usize = 100_000;

    pub(crate) fn new(config: &Config) -> Self {
        let bucket = |burst, interval| Rate { burst, interval };
        let seconds = Duration::from_secs;
        let (login, guests) = (&config.login, &config.guests);
        Self {
            accounts: limit(bucket(login.account_burst, seconds(login.account_interval))),
            login_peers: limit(bucket(login.peer_burst, seconds(login.peer_interval))),
            guest_peers: limit(bucket(guests.peer_burst, Duration::from_millis(guests.peer_interval_ms))),
        }
    }

    /// Counts a login before its password is looked at, so that many at once
    /// cannot slip through.
    pub(crate) fn before_login(&self, username: &str, peer: IpAddr, now: Instant) -> Result<(), Limited> {
        take(&self.login_peers, network(peer), now)?;
        take(&self.accounts, account(username), now).inspect_err(|_| refund(&self.login_peers, &network(peer)))
    }

    /// A login that was right does not count.
    pub(crate) fn after_right_login(&self, username: &str, peer: IpAddr) {
        refund(&self.login_peers, &network(peer));
        refund(&self.accounts, &account(username));
    }

    /// Counts a guest who needs a new identity.
    pub(crate) fn before_new_guest(&self, peer: IpAddr, now: Instant) -> Result<(), Limited> {
        take(&self.guest_peers, network(peer), now)
    }
}

/// A name of fixed size: what a person types there may even be a password.
fn account(username: &str) -> String {
    entropy::fingerprint(username.as_bytes())
}

/// One subscriber has a whole /64 of IPv6.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

fn limit<K: Eq + std::hash::Hash>(rate: Rate) -> Mutex<RateLimit<K>> {
    Mutex::new(RateLimit::new(rate, Limits::KEYS))
}

fn take<K: Eq + std::hash::Hash>(limit: &Mutex<RateLimit<K>>, key: K, now: Instant) -> Result<(), Limited> {
    limit.lock().unwrap_or_else(PoisonError::into_inner).take(key, now)
}

fn refund<K: Eq + std::hash::Hash>(limit: &Mutex<RateLimit<K>>, key: &K) {
    limit.lock().unwrap_or_else(PoisonError::into_inner).refund(key);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_limited_from_wherever_it_is_tried() {
        let (limits, now) = (Limits::new(&Config::operator()), Instant::now());
        let peer = |n: u8| IpAddr::from([192, 0, 2, n]);
        for n in 0..5 {
            assert_eq!(limits.before_login("alice", peer(n), now), Ok(()));
        }
        assert!(limits.before_login("alice", peer(9), now).is_err());
        assert_eq!(limits.before_login("bob", peer(9), now), Ok(()));
    }

    #[test]
    fn an_address_is_limited_whatever_it_tries() {
        let (limits, now) = (Limits::new(&Config::operator()), Instant::now());
        let peer = IpAddr::from([192, 0, 2, 1]);
        for n in 0..20 {
            assert_eq!(limits.before_login(&format!("user{n}"), peer, now), Ok(()));
        }
        assert!(limits.before_login("user20", peer, now).is_err());
    }

    #[test]
    fn addresses_of_one_ipv6_subscriber_count_as_one() {
        let parse = |text: &str| network(text.parse().unwrap());
        assert_eq!(parse("2001:db8::1"), parse("2001:db8::ffff:2"));
        assert_ne!(parse("2001:db8::1"), parse("2001:db8:0:1::1"));
        assert_eq!(parse("::ffff:192.0.2.1"), parse("192.0.2.1"));
        assert_ne!(parse("192.0.2.1"), parse("192.0.2.2"));
    }
}
