//! `;name=value` lists.

use crate::syntax;
use std::borrow::Cow;
use std::fmt;

/// One parameter; the value as written, quotes and all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Param {
    /// The name as written; compared without case.
    pub name: Box<str>,
    /// The raw value after `=`, if any.
    pub value: Option<Box<str>>,
}

/// An ordered list of parameters. Printing gives each with its leading `;`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Params(Vec<Param>);

impl Params {
    /// No parameters.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = &Param> {
        self.0.iter()
    }

    /// Whether `name` is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The raw value of `name`; `None` when absent or without a value.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.find(name)?.value.as_deref()
    }

    /// The value of `name` without its quotes and escapes.
    pub fn unquoted(&self, name: &str) -> Option<Cow<'_, str>> {
        self.value(name).map(syntax::unquote)
    }

    /// Sets `name` to a value written as it stands, in place or at the end.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.put(name, Some(value.into().into_boxed_str()));
    }

    /// Sets `name` to a quoted string.
    pub fn set_quoted(&mut self, name: &str, value: &str) {
        self.set(name, syntax::quote(value));
    }

    /// Sets the flag `name` (no value).
    pub fn set_flag(&mut self, name: &str) {
        self.put(name, None);
    }

    /// Removes every `name`; true when there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|p| !p.name.eq_ignore_ascii_case(name));
        self.0.len() != before
    }

    /// Adds a parameter at the end, even where the name is there already.
    pub fn push(&mut self, param: Param) {
        self.0.push(param);
    }

    fn find(&self, name: &str) -> Option<&Param> {
        self.0.iter().find(|p| p.name.eq_ignore_ascii_case(name))
    }

    fn put(&mut self, name: &str, value: Option<Box<str>>) {
        match self.0.iter_mut().find(|p| p.name.eq_ignore_ascii_case(name)) {
            Some(param) => param.value = value,
            None => self.0.push(Param { name: name.into(), value }),
        }
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|p| write!(f, ";{p}"))
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl FromIterator<Param> for Params {
    fn from_iter<I: IntoIterator<Item = Param>>(params: I) -> Self {
        Self(params.into_iter().collect())
    }
}
