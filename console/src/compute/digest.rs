//! Digest from its parts (RFC 7616 §3.4, RFC 8760).

use axum::extract::rejection::JsonRejection;
use axum::response::Json;
use sip::digest::{Algorithm, DigestError, Ha1, ha2, response, rspauth};

use crate::api::{Digest, DigestParts};
use crate::problem::Problem;

/// `POST /console/api/compute/digest`
pub(crate) async fn digest(parts: Result<Json<DigestParts>, JsonRejection>) -> Result<Json<Digest>, Problem> {
    let Json(parts) = parts?;
    compute(&parts).map(Json)
}

fn compute(parts: &DigestParts) -> Result<Digest, Problem> {
    let DigestParts { algorithm, username, realm, password, method, uri, nonce, nc, cnonce, qop } = parts;
    let refuse = |error: DigestError| Problem::unprocessable(error.to_string());
    let algorithm: Algorithm = algorithm.parse().map_err(refuse)?;
    if !qop.eq_ignore_ascii_case("auth") {
        return Err(refuse(DigestError::Qop));
    }
    let is_nc = nc.len() == 8 && nc.bytes().all(|c| c.is_ascii_hexdigit());
    let count = u32::from_str_radix(nc, 16).ok().filter(|_| is_nc).ok_or(refuse(DigestError::Malformed("nc")))?;
    let nc = nc.to_ascii_lowercase();
    let ha1 = Ha1::new(algorithm, username, realm, password);
    let (ha2, ha2_back) = (ha2(algorithm, method, uri), ha2(algorithm, "", uri));
    let input = |ha2: &str| format!("{}:{nonce}:{nc}:{cnonce}:auth:{ha2}", ha1.expose());
    Ok(Digest {
        ha1_input: format!("{username}:{realm}:{password}"),
        ha1: ha1.expose().to_owned(),
        ha2_input: format!("{method}:{uri}"),
        response_input: input(&ha2),
        response: response(algorithm, &ha1, nonce, count, cnonce, &ha2),
        rspauth_ha2_input: format!(":{uri}"),
        rspauth_input: input(&ha2_back),
        rspauth: rspauth(algorithm, &ha1, nonce, count, cnonce, uri),
        ha2,
        rspauth_ha2: ha2_back,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7616 §3.9.1.
    fn example(algorithm: &str) -> DigestParts {
        DigestParts {
            algorithm: algorithm.into(),
            username: "Mufasa".into(),
            realm: "http-auth@example.org".into(),
            password: "Circle of Life".into(),
            method: "GET".into(),
            uri: "/dir/index.html".into(),
            nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v".into(),
            nc: "00000001".into(),
            cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ".into(),
            qop: "auth".into(),
        }
    }

    #[test]
    fn the_steps_lead_to_the_response_of_rfc_7616() {
        for (algorithm, expected) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let digest = compute(&example(algorithm)).unwrap();
            assert_eq!(digest.response, expected);
            let hash = |input: &str| algorithm.parse::<Algorithm>().unwrap().hash_hex(input);
            for (input, output) in [
                (&digest.ha1_input, &digest.ha1),
                (&digest.ha2_input, &digest.ha2),
                (&digest.response_input, &digest.response),
                (&digest.rspauth_ha2_input, &digest.rspauth_ha2),
                (&digest.rspauth_input, &digest.rspauth),
            ] {
                assert_eq!(&hash(input), output, "{input}");
            }
        }
    }

    #[test]
    fn what_ims_does_not_use_is_refused() {
        let with = |change: fn(&mut DigestParts)| {
            let mut parts = example("MD5");
            change(&mut parts);
            compute(&parts).is_err()
        };
        assert!(with(|parts| parts.algorithm = "SHA-512-256".into()));
        assert!(with(|parts| parts.qop = "auth-int".into()));
        assert!(with(|parts| parts.nc = "1".into()));
        assert!(with(|parts| parts.nc = "+0000001".into()));
    }
}
