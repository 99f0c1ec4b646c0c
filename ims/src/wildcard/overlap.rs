use std::collections::HashSet;

use regex_automata::Anchored;
use regex_automata::dfa::{Automaton, dense};
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::util::syntax;

/// Octets that an identity may consist of.
const OCTETS: std::ops::RangeInclusive<u8> = b'!'..=b'~';

/// Memory that one automaton may take, in octets.
const SIZE_LIMIT: usize = 1 << 20;

/// Pairs of states to look at before two expressions count as overlapping.
const PAIR_LIMIT: usize = 1 << 16;

/// Whether some text matches both expressions: a walk through the product of
/// their automata. What is too large to decide counts as shared.
pub(super) fn may_share(one: &str, other: &str) -> bool {
    match (automaton(one), automaton(other)) {
        (Some(one), Some(other)) => product_accepts(&one, &other).unwrap_or(true),
        _ => true,
    }
}

type Dfa = dense::DFA<Vec<u32>>;

fn automaton(expression: &str) -> Option<Dfa> {
    dense::Builder::new()
        .configure(
            dense::Config::new()
                .start_kind(regex_automata::dfa::StartKind::Anchored)
                .dfa_size_limit(Some(SIZE_LIMIT))
                .determinize_size_limit(Some(SIZE_LIMIT)),
        )
        .syntax(syntax::Config::new().unicode(false).utf8(false).dot_matches_new_line(true))
        .build(expression)
        .ok()
}

/// `None` when the limit is reached.
fn product_accepts(one: &Dfa, other: &Dfa) -> Option<bool> {
    let start = (start_of(one)?, start_of(other)?);
    let mut seen = HashSet::from([start]);
    let mut open = vec![start];
    while let Some((a, b)) = open.pop() {
        if one.is_match_state(one.next_eoi_state(a)) && other.is_match_state(other.next_eoi_state(b)) {
            return Some(true);
        }
        for octet in OCTETS {
            let next = (one.next_state(a, octet), other.next_state(b, octet));
            if one.is_dead_state(next.0) || other.is_dead_state(next.1) {
                continue;
            }
            if seen.insert(next) {
                if seen.len() > PAIR_LIMIT {
                    return None;
                }
                open.push(next);
            }
        }
    }
    Some(false)
}

fn start_of(dfa: &Dfa) -> Option<StateID> {
    dfa.start_state(&start::Config::new().anchored(Anchored::Yes)).ok()
}
