//! Which S-CSCF serves a user who has none (TS 29.228 §6.7).

use crate::cx::{ServerCapabilities, ServerName};
use sip::Peer;

/// An S-CSCF that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: ServerName,
    /// Where it is.
    pub peer: Peer,
    /// What it can do.
    pub capabilities: Vec<u32>,
}

/// The S-CSCF of that name.
pub(super) fn named<'a>(candidates: &'a [Candidate], name: &ServerName) -> Option<&'a Candidate> {
    candidates.iter().find(|candidate| candidate.name == *name)
}

/// The best of those that have every mandatory capability: one that the HSS prefers, else one with
/// the most optional capabilities, else the first.
pub(super) fn capable<'a>(
    candidates: &'a [Candidate],
    wanted: &ServerCapabilities,
    tried: &[ServerName],
) -> Option<&'a Candidate> {
    let has = |candidate: &Candidate, all: &[u32]| all.iter().filter(|c| candidate.capabilities.contains(c)).count();
    let able = candidates.iter().filter(|candidate| {
        has(candidate, &wanted.mandatory) == wanted.mandatory.len() && !tried.contains(&candidate.name)
    });
    let rank = |candidate: &&Candidate| {
        let preferred = wanted.server_names.iter().position(|name| *name == candidate.name);
        (preferred.unwrap_or(usize::MAX), usize::MAX - has(candidate, &wanted.optional))
    };
    able.min_by_key(rank)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip::Transport;

    fn candidate(name: &str, capabilities: &[u32]) -> Candidate {
        let peer = Peer::new(Transport::Udp, ([127, 0, 0, 1], 5080).into());
        Candidate { name: ServerName::parse(name).unwrap(), peer, capabilities: capabilities.to_vec() }
    }

    #[test]
    fn mandatory_decides_then_preference_then_optional_then_order() {
        let all = [candidate("sip:s1", &[1]), candidate("sip:s2", &[1, 2]), candidate("sip:s3", &[1, 2, 3])];
        let name = |n: &str| ServerName::parse(n).unwrap();
        for (mandatory, optional, preferred, tried, chosen) in [
            (&[][..], &[][..], vec![], vec![], Some("sip:s1")),
            (&[2], &[], vec![], vec![], Some("sip:s2")),
            (&[1], &[3], vec![], vec![], Some("sip:s3")),
            (&[1], &[3], vec![name("sip:s2")], vec![], Some("sip:s2")),
            (&[1], &[3], vec![name("sip:elsewhere")], vec![], Some("sip:s3")),
            (&[2], &[], vec![], vec![name("sip:s2")], Some("sip:s3")),
            (&[4], &[], vec![name("sip:s1")], vec![], None),
        ] {
            let wanted = ServerCapabilities {
                mandatory: mandatory.to_vec(),
                optional: optional.to_vec(),
                server_names: preferred,
            };
            let got = capable(&all, &wanted, &tried).map(|candidate| candidate.name.as_str());
            assert_eq!(got, chosen, "{wanted:?}");
        }
    }
}
