//! What a test purpose is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Boxed;
use crate::tester::Tester;
use crate::verdict::Outcome;

/// A test purpose, with the code that finds out.
#[derive(Clone, Copy, Debug)]
pub struct Purpose {
    /// Stable: family and number.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
    /// What it rests on.
    pub clause: &'static str,
    /// Which node is under test.
    pub role: Role,
    /// The registration flow that it needs.
    pub flow: Flow,
    /// Where the expectation comes from.
    pub basis: Basis,
    /// What must hold before.
    pub given: &'static str,
    /// The stimulus.
    pub when: &'static str,
    /// What is expected.
    pub then: &'static str,
    /// The code.
    pub run: Run,
}

/// The code of a purpose.
#[derive(Clone, Copy)]
pub enum Run {
    /// It runs.
    Test(fn(&mut Tester) -> Boxed<'_, Outcome>),
    /// It cannot run before another part is there.
    Waits(&'static str),
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Test(_) => f.write_str("Test"),
            Self::Waits(reason) => write!(f, "Waits({reason})"),
        }
    }
}

impl Purpose {
    /// The letters of its id.
    pub fn family(&self) -> &'static str {
        self.id.split('-').next().unwrap_or(self.id)
    }

    /// What it waits for, if it cannot run yet.
    pub fn waits_for(&self) -> Option<&'static str> {
        match self.run {
            Run::Waits(reason) => Some(reason),
            Run::Test(_) => None,
        }
    }
}

/// A node that can be under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// eP-CSCF.
    Epcscf,
    /// I-CSCF.
    Icscf,
    /// S-CSCF, or any registrar.
    Scscf,
    /// HSS.
    Hss,
    /// WWSF.
    Wwsf,
    /// WIC.
    Wic,
    /// eIMS-AGW.
    Agw,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Epcscf, Self::Icscf, Self::Scscf, Self::Hss, Self::Wwsf, Self::Wic, Self::Agw];

    /// The name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Epcscf => "eP-CSCF",
            Self::Icscf => "I-CSCF",
            Self::Scscf => "S-CSCF",
            Self::Hss => "HSS",
            Self::Wwsf => "WWSF",
            Self::Wic => "WIC",
            Self::Agw => "eIMS-AGW",
        }
    }

    /// Reads a name, with or without its hyphens.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = |text: &str| text.replace('-', "").to_ascii_lowercase();
        Self::ALL.into_iter().find(|role| plain(role.as_str()) == plain(text))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The registration flow that a purpose needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flow {
    /// None, or any.
    Any,
    /// 1: SIP Digest.
    Digest,
    /// 2: web authentication, token and TNA.
    WebAuth,
    /// 3: an identity out of a wildcard range, with the eP-CSCF as registrar.
    Range,
    /// 3, in its final form: an identity out of a pool, by TNA.
    Pool,
}

impl Flow {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Any, Self::Digest, Self::WebAuth, Self::Range, Self::Pool];

    /// The name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::Digest => "1",
            Self::WebAuth => "2",
            Self::Range => "3",
            Self::Pool => "3 pool",
        }
    }

    /// What a profile calls it among its claims.
    pub fn claim(self) -> Option<&'static str> {
        match self {
            Self::Any => None,
            Self::Digest => Some("digest"),
            Self::WebAuth => Some("web-auth"),
            Self::Range => Some("range"),
            Self::Pool => Some("pool"),
        }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Where an expectation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// A specification requires it.
    Requirement,
    /// A specification allows it.
    Option,
    /// No specification decides it: this testbed's choice.
    Policy,
}

impl Basis {
    /// The word for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requirement => "requirement",
            Self::Option => "option",
            Self::Policy => "policy",
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A table of purposes, data and code in one row:
/// `"ID" Role Flow Basis "clause" { "title", given "…", "stimulus" => "expected", test(function) }`.
macro_rules! purposes {
    ($($id:literal $role:ident $flow:ident $basis:ident $clause:literal {
        $title:literal, $(given $given:literal,)? $when:literal => $then:literal, $kind:ident $args:tt $(,)?
    })+) => {
        /// The purposes of this family.
        pub(super) const PURPOSES: &[crate::purpose::Purpose] = &[$(crate::purpose::Purpose {
            id: $id,
            title: $title,
            clause: $clause,
            role: crate::purpose::Role::$role,
            flow: crate::purpose::Flow::$flow,
            basis: crate::purpose::Basis::$basis,
            given: concat!("" $(, $given)?),
            when: $when,
            then: $then,
            run: purposes!(@run $kind $args),
        }),+];
    };
    (@run test ($function:path $(, $arg:expr)* $(,)?)) => {
        crate::purpose::Run::Test(|t| Box::pin($function(t $(, $arg)*)))
    };
    (@run waits ($reason:expr)) => {
        crate::purpose::Run::Waits($reason)
    };
}

pub(crate) use purposes;
