//! The catalogue is fit to be quoted: every purpose is there once and says what it is.

use std::collections::HashSet;

use conformance::catalogue;

#[test]
fn ids_are_unique_and_well_formed() {
    let mut seen = HashSet::new();
    for purpose in catalogue::all() {
        let id = purpose.id;
        let (family, number) = id.split_once('-').unwrap();
        assert!(family.bytes().all(|c| c.is_ascii_uppercase()), "{id}");
        assert!(number.len() == 2 && number.bytes().all(|c| c.is_ascii_digit()), "{id}");
        assert!(seen.insert(id), "{id} is there twice");
    }
}

#[test]
fn every_purpose_says_what_is_done_what_is_expected_and_why() {
    for purpose in catalogue::all() {
        for text in [purpose.title, purpose.clause, purpose.when, purpose.then] {
            assert!(!text.is_empty() && !text.contains('\n') && !text.contains("  "), "{}: {text:?}", purpose.id);
        }
        assert!(
            purpose.clause.contains(|c: char| c.is_ascii_digit()) || purpose.clause.starts_with("Fetch"),
            "{}",
            purpose.id
        );
    }
}

/// Every row of the test purposes that the project set out with has its purpose.
#[test]
fn the_catalogue_is_complete() {
    let families = [
        ("WS", 18),
        ("ORI", 10),
        ("TOK", 32),
        ("DIG", 21),
        ("TNA", 12),
        ("WLD", 17),
        ("REG", 14),
        ("DER", 6),
        ("NET", 8),
        ("EVT", 6),
        ("ORG", 14),
        ("TRM", 11),
        ("DLG", 10),
        ("SDP", 14),
        ("MED", 12),
        ("CX", 12),
        ("PAR", 50),
        ("SEC", 8),
    ];
    let ids: HashSet<&str> = catalogue::all().map(|purpose| purpose.id).collect();
    let missing: Vec<String> = families
        .iter()
        .flat_map(|(family, count)| (1..=*count).map(move |number| format!("{family}-{number:02}")))
        .filter(|id| !ids.contains(id.as_str()))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}
