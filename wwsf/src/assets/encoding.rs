use axum::http::{HeaderMap, header};

/// A content coding (RFC 9110 §8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Encoding {
    Brotli,
    Gzip,
    Identity,
}

impl Encoding {
    /// From the smallest result to the largest.
    const BY_SIZE: [Self; 3] = [Self::Brotli, Self::Gzip, Self::Identity];

    /// The name in Accept-Encoding and Content-Encoding; identity has none there.
    pub(crate) fn token(self) -> Option<&'static str> {
        match self {
            Self::Brotli => Some("br"),
            Self::Gzip => Some("gzip"),
            Self::Identity => None,
        }
    }

    /// The smallest coding that the client takes and that exists (RFC 9110 §12.5.3).
    ///
    /// Preferences among several are not followed: all decode alike, only size
    /// differs. Identity is the answer even to a client that refuses it.
    pub(crate) fn negotiate(headers: &HeaderMap, exists: impl Fn(Self) -> bool) -> Self {
        let accepted = |encoding: Self| encoding.token().is_none_or(|token| accepts(headers, token));
        Self::BY_SIZE.into_iter().find(|encoding| accepted(*encoding) && exists(*encoding)).unwrap_or(Self::Identity)
    }
}

/// The weight of the coding by name, else of `*`, is above 0.
fn accepts(headers: &HeaderMap, token: &str) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    let mut wildcard = false;
    for item in values.flat_map(|value| value.split(',')) {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let wanted = weight.is_none_or(|weight| weight.parse().is_ok_and(|weight: f32| weight > 0.0));
        if name.eq_ignore_ascii_case(token) {
            return wanted;
        }
        if name == "*" {
            wildcard = wanted;
        }
    }
    wildcard
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_acceptable_coding_is_chosen() {
        for (accept, chosen) in [
            ("gzip, deflate, br, zstd", Encoding::Brotli),
            ("gzip;q=1.0, br;q=0.5", Encoding::Brotli),
            ("gzip, br;q=0", Encoding::Gzip),
            ("GZIP", Encoding::Gzip),
            ("*", Encoding::Brotli),
            ("*;q=0, gzip", Encoding::Gzip),
            ("br;q=0, *", Encoding::Gzip),
            ("identity", Encoding::Identity),
            ("gzip;q=nonsense", Encoding::Identity),
            ("browser, brx", Encoding::Identity),
            ("", Encoding::Identity),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, accept.parse().unwrap());
            assert_eq!(Encoding::negotiate(&headers, |_| true), chosen, "{accept}");
        }
        assert_eq!(Encoding::negotiate(&HeaderMap::new(), |_| true), Encoding::Identity);
    }

    #[test]
    fn what_does_not_exist_is_not_chosen() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, "br, gzip".parse().unwrap());
        assert_eq!(Encoding::negotiate(&headers, |e| e != Encoding::Brotli), Encoding::Gzip);
    }
}
