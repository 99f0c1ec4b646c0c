//! What holds for every text, however odd.

use ims::token::Jws;
use ims::{Impi, ImpiRange, Impu, WildcardedImpu};
use proptest::prelude::*;

/// Texts that come near to being identities.
fn near_identity() -> impl Strategy<Value = String> {
    prop_oneof![
        "(sip:|tel:|SIP:)?[a-zA-Z0-9!%@:;=.+*()\\[\\]{}|^$?\\\\-]{0,40}",
        "sip:[a-c!%0-9F]{1,12}@[A-Ca-c0-9.\\-]{1,12}(:[0-9]{1,6})?(;[a-z=]{0,8})?",
        "tel:[+]?[0-9.()-]{1,12}(;phone-context=[+a-z.0-9]{0,8})?",
        any::<String>(),
    ]
}

/// Expressions over two letters, with a matcher that tries everything.
#[derive(Clone, Debug)]
enum Ere {
    Letter(char),
    Any,
    Then(Box<Ere>, Box<Ere>),
    Or(Box<Ere>, Box<Ere>),
    Repeat(Box<Ere>, &'static str),
}

impl Ere {
    fn text(&self) -> String {
        match self {
            Self::Letter(letter) => letter.to_string(),
            Self::Any => ".".into(),
            Self::Then(one, two) => format!("{}{}", one.text(), two.text()),
            Self::Or(one, two) => format!("({}|{})", one.text(), two.text()),
            Self::Repeat(what, how) => format!("({}){how}", what.text()),
        }
    }

    /// Where a match that begins at `at` can end.
    fn ends(&self, text: &[u8], at: usize) -> Vec<usize> {
        let mut ends = match self {
            Self::Letter(letter) => match text.get(at) {
                Some(octet) if char::from(*octet) == *letter => vec![at + 1],
                _ => vec![],
            },
            Self::Any => (at < text.len()).then_some(at + 1).into_iter().collect(),
            Self::Then(one, two) => one.ends(text, at).into_iter().flat_map(|mid| two.ends(text, mid)).collect(),
            Self::Or(one, two) => [one.ends(text, at), two.ends(text, at)].concat(),
            Self::Repeat(what, how) => {
                let (low, high) = match *how {
                    "*" => (0, text.len() + 1),
                    "+" => (1, text.len() + 1),
                    "?" => (0, 1),
                    _ => (2, 3),
                };
                let (mut now, mut all) = (vec![at], vec![]);
                for round in 0..=high {
                    if round >= low {
                        all.extend(&now);
                    }
                    now = now.iter().flat_map(|mid| what.ends(text, *mid)).collect();
                    now.sort_unstable();
                    now.dedup();
                }
                all
            }
        };
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    fn matches(&self, text: &str) -> bool {
        self.ends(text.as_bytes(), 0).contains(&text.len())
    }
}

fn ere() -> impl Strategy<Value = Ere> {
    let leaf = prop_oneof![Just(Ere::Letter('a')), Just(Ere::Letter('b')), Just(Ere::Any)];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            pair.clone().prop_map(|(one, two)| Ere::Then(one.into(), two.into())),
            pair.prop_map(|(one, two)| Ere::Or(one.into(), two.into())),
            (inner, prop::sample::select(vec!["*", "+", "?", "{2,3}"]))
                .prop_map(|(what, how)| Ere::Repeat(what.into(), how)),
        ]
    })
}

fn range(ere: &Ere) -> WildcardedImpu {
    WildcardedImpu::parse(&format!("sip:p!{}!s@h.example", ere.text())).unwrap()
}

/// All words over the two letters up to a length, as identities of the ranges above.
fn words() -> Vec<String> {
    let mut words = vec![String::new()];
    for length in 0..5 {
        let last: Vec<String> = words.iter().filter(|word| word.len() == length).cloned().collect();
        words.extend(last.iter().flat_map(|word| [format!("{word}a"), format!("{word}b")]));
    }
    words
}

fn impu_of(word: &str) -> Impu {
    Impu::parse(&format!("sip:p{word}s@h.example")).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_an_identity_is_read_as_reads_as_itself(text in near_identity()) {
        if let Ok(impu) = Impu::parse(&text) {
            prop_assert_eq!(&Impu::parse(impu.as_str()).unwrap(), &impu);
            prop_assert!(impu.as_str().bytes().all(|b| b.is_ascii_graphic()));
            if let Ok(impi) = impu.to_impi_default() {
                prop_assert_eq!(format!("sip:{impi}"), impu.to_string());
            }
        }
        if let Ok(impi) = Impi::parse(&text) {
            prop_assert_eq!(&Impi::parse(impi.as_str()).unwrap(), &impi);
        }
        if let Ok(range) = WildcardedImpu::parse(&text) {
            prop_assert_eq!(WildcardedImpu::parse(range.as_str()).unwrap(), range);
        }
        let _ = ImpiRange::parse(&text);
    }

    #[test]
    fn no_text_is_both_distinct_and_wildcarded(text in near_identity()) {
        prop_assert!(Impu::parse(&text).is_err() || WildcardedImpu::parse(&text).is_err(), "{}", text);
    }

    #[test]
    fn any_text_may_come_as_a_token(text in "[A-Za-z0-9_=-]{0,40}(\\.[A-Za-z0-9_=-]{0,40}){0,4}") {
        prop_assert!(Jws::parse(&text).is_err());
    }

    #[test]
    fn a_range_matches_what_its_expression_says(ere in ere()) {
        let range = range(&ere);
        for word in words() {
            prop_assert_eq!(range.matches(&impu_of(&word)), ere.matches(&word), "{} on {}", range, word);
        }
    }

    #[test]
    fn ranges_that_match_one_identity_overlap((one, two) in (ere(), ere())) {
        let (left, right) = (range(&one), range(&two));
        let shared = words().iter().any(|word| one.matches(word) && two.matches(word));
        prop_assert!(!shared || left.overlaps(&right), "{} {}", left, right);
        prop_assert_eq!(left.overlaps(&right), right.overlaps(&left));
    }
}
