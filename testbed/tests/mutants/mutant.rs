//! A node with a defect.

use std::borrow::Cow;

use ims::{Defect, Defects};

use crate::spoil::Memory;

/// What a defect makes of a message; nothing drops it.
pub(crate) type Hook = fn(&Memory, &str) -> Option<String>;

/// A deliberate defect.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    pub(crate) name: Cow<'static, str>,
    pub(crate) node: &'static str,
    /// What the node does.
    pub(crate) what: &'static str,
    /// The purposes that fail on it.
    pub(crate) caught_by: &'static [&'static str],
    /// What is compiled into the node.
    pub(crate) defects: Defects,
    /// Settings that take a check away.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// Of an upgrade request, and of its answer.
    pub(crate) upgrade: Option<Hook>,
    pub(crate) upgraded: Option<Hook>,
    /// On W2.
    pub(crate) from_wic: Option<Hook>,
    pub(crate) to_wic: Option<Hook>,
    /// On Mw, with the script as core.
    pub(crate) from_epcscf: Option<Hook>,
    /// On Mw, with the script as eP-CSCF.
    pub(crate) from_core: Option<Hook>,
}

impl Mutant {
    /// A node with a compiled-in defect. It does not look at what leaves once more: that lock is beside
    /// each that a defect opens.
    pub(crate) fn of(defect: Defect, caught_by: &'static [&'static str]) -> Self {
        let name = serde_json::to_value(defect).unwrap();
        Self {
            name: name.as_str().unwrap().to_owned().into(),
            node: defect.node(),
            what: defect.what().trim(),
            caught_by,
            defects: [defect, Defect::SendsLeaks].into_iter().collect(),
            ..NONE
        }
    }

    pub(crate) fn is_compiled_in(&self) -> bool {
        !self.defects.is_empty()
    }

    pub(crate) fn is_on_w2(&self) -> bool {
        self.upgrade.is_some()
            || self.upgraded.is_some()
            || self.from_wic.is_some()
            || self.to_wic.is_some()
            // What a WIC asked is remembered there.
            || self.from_epcscf.is_some()
    }

    pub(crate) fn is_on_mw(&self) -> bool {
        self.from_epcscf.is_some()
    }

    /// Where it is.
    pub(crate) fn place(&self) -> &'static str {
        match (self.defects.is_empty(), self.settings.is_empty()) {
            (false, _) => "compiled in",
            (true, false) => "a setting",
            (true, true) => "on the wire",
        }
    }
}

pub(crate) const NONE: Mutant = Mutant {
    name: Cow::Borrowed(""),
    node: "",
    what: "",
    caught_by: &[],
    defects: Defects::NONE,
    settings: &[],
    upgrade: None,
    upgraded: None,
    from_wic: None,
    to_wic: None,
    from_epcscf: None,
    from_core: None,
};
