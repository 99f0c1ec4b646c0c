//! From what a person types to an address.

use ims::{Impu, ImpuError};
use sip::Host;

/// Where names without a domain are.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    /// The home domain.
    pub(crate) home: Host,
    /// What guests' names begin with, and their domain.
    pub(crate) guests: Option<(String, String)>,
}

impl Directory {
    /// `bob`, `guest-7`, `bob@ims.example`, `sip:bob@ims.example` or `+49 30 1234`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn find(&self, typed: &str) -> Result<Impu, ImpuError> {
        let typed = typed.trim();
        let is = |scheme: &str| typed.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        if is("sip:") || is("sips:") || is("tel:") {
            return Impu::parse(typed);
        }
        if typed.starts_with('+') {
            let number: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
            return Impu::parse(&["tel:", &number].concat());
        }
        if typed.contains('@') {
            return Impu::parse(&["sip:", typed].concat());
        }
        let guests = self.guests.as_ref().filter(|(prefix, _)| is(prefix));
        let domain = guests.map_or(self.home.as_str(), |(_, domain)| domain);
        // In lower case, as identities are given out: user parts are told apart by case.
        Impu::parse(&["sip:", &typed.to_ascii_lowercase(), "@", domain].concat())
    }

    /// How a person is called: the name alone where [`Self::find`] makes the address of it again.
    pub(crate) fn name<'a>(&self, address: &'a Impu) -> &'a str {
        let known = self.find(address.user()).is_ok_and(|found| found == *address);
        let text = address.as_str();
        if known { address.user() } else { text.split_once(':').map_or(text, |(_, rest)| rest) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Directory {
        let guests = Some(("guest-".to_owned(), "partner.ims.example".to_owned()));
        Directory { home: "ims.example".parse().unwrap(), guests }
    }

    #[test]
    fn a_name_alone_is_at_home_and_a_guest_at_the_partner() {
        let table = [
            ("bob", "sip:bob@ims.example"),
            (" Bob ", "sip:bob@ims.example"),
            ("guest-7f3", "sip:guest-7f3@partner.ims.example"),
            ("Guest-7", "sip:guest-7@partner.ims.example"),
            ("guests", "sip:guests@ims.example"),
            ("guest-7@other.example", "sip:guest-7@other.example"),
            ("bob@IMS.example", "sip:bob@ims.example"),
            ("sip:bob@ims.example:5060;transport=ws", "sip:bob@ims.example"),
            ("SIP:bob@ims.example", "sip:bob@ims.example"),
            ("+49 30 1234", "tel:+49301234"),
            ("tel:+49-30-1234", "tel:+49301234"),
            ("1000", "sip:1000@ims.example"),
        ];
        for (typed, address) in table {
            assert_eq!(directory().find(typed).unwrap().as_str(), address, "{typed}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for typed in ["", "   ", "bob smith", "mailto:bob@a", "sip:", "bob@", "<sip:bob@a>", "http://a/"] {
            assert!(directory().find(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn people_are_called_by_the_name_that_one_would_type() {
        let table = [
            ("sip:bob@ims.example", "bob"),
            ("sip:guest-7@partner.ims.example", "guest-7"),
            ("sip:bob@other.example", "bob@other.example"),
            ("tel:+49301234", "+49301234"),
        ];
        for (address, name) in table {
            assert_eq!(directory().name(&Impu::parse(address).unwrap()), name);
        }
    }
}
