//! Who takes part.

use ims::Scenario;
use mock_ims::hss::Subscriber;

/// One user with one browser.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) scenario: Scenario,
    pub(crate) impi: String,
    pub(crate) impu: String,
    pub(crate) password: String,
    /// What the token says, when it is not the truth.
    pub(crate) lie: Option<Lie>,
    /// How the registration must end.
    pub(crate) welcome: bool,
}

/// What is wrong with a person's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    /// It names a public identity that the person does not ask for.
    OtherImpu,
    /// It names a private identity that the public one does not belong to.
    OtherImpi,
}

impl Person {
    /// `n` people: users of all three flows, two of them twice, and some who are up to no good.
    pub(crate) fn crowd(n: usize) -> Vec<Self> {
        (0..n)
            .map(|i| match i % 6 {
                0 => Self::digest(i),
                1 => Self::web(i),
                2 => Self::guest(i),
                // Another browser of the user before.
                3 => Self { ..Self::digest(i - 3) },
                4 => Self::web(i),
                _ => Self::villain(i),
            })
            .collect()
    }

    /// What the HSS knows of this person; guests are nobody there.
    pub(crate) fn subscriber(&self) -> Option<Subscriber> {
        if self.scenario == Scenario::WildcardRange {
            return None;
        }
        Some(Subscriber {
            impi: self.impi.parse().unwrap(),
            password: Some(format!("{}-secret", self.impi).as_str().into()),
            impus: vec![self.impu.parse().unwrap()],
            allowed_wafs: vec![],
            allowed_wwsfs: vec![],
        })
    }

    pub(crate) fn origin(&self) -> &'static str {
        match self.scenario {
            Scenario::WildcardRange => "https://localhost:9443",
            _ => "https://localhost:8443",
        }
    }

    pub(crate) fn wwsf(&self) -> &'static str {
        match self.scenario {
            Scenario::WildcardRange => "wwsf.partner.example",
            _ => "wwsf.ims.example",
        }
    }

    fn digest(i: usize) -> Self {
        let impi = format!("user{i}-wic@ims.example");
        Self {
            scenario: Scenario::ImsDigest,
            impu: format!("sip:user{i}@ims.example"),
            password: format!("{impi}-secret"),
            impi,
            lie: None,
            welcome: true,
        }
    }

    fn web(i: usize) -> Self {
        Self { scenario: Scenario::WebAuth, ..Self::digest(i) }
    }

    fn guest(i: usize) -> Self {
        Self {
            scenario: Scenario::WildcardRange,
            impi: format!("guest-{i}@partner.ims.example"),
            impu: format!("sip:guest-{i}@partner.ims.example"),
            password: String::new(),
            lie: None,
            welcome: true,
        }
    }

    fn villain(i: usize) -> Self {
        let bad = match (i / 6) % 4 {
            0 => Self { password: "a guess".into(), ..Self::digest(i) },
            1 => Self { lie: Some(Lie::OtherImpu), ..Self::web(i) },
            2 => Self { lie: Some(Lie::OtherImpi), ..Self::web(i) },
            _ => Self { impu: "sip:user0@ims.example".into(), ..Self::guest(i) },
        };
        Self { welcome: false, ..bad }
    }
}
