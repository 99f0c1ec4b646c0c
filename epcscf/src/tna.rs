//! Trusted-node authentication: the header by which this node says that it has authenticated the
//! identities itself (TS 33.203 Annex U, X.3.2.3 step 5).

use ims::Impi;
use sip::Params;
use sip::headers::{Authorization, Credentials, DigestCredentials};

use crate::policy::EntityTable;
use crate::trust_boundary::{INTEGRITY_PROTECTED, Integrity};

/// The third parties that vouch for an identity, as far as they are to be named to the S-CSCF.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entities {
    /// The WAF, when it is in a third party's domain.
    pub(crate) waf: Option<String>,
    /// The WWSF.
    pub(crate) wwsf: Option<String>,
}

/// Digest credentials with the IMPI, an empty response and `integrity-protected="auth-done"`.
pub(crate) fn authorization(impi: &Impi, realm: &str, entities: &Entities, names: &EntityTable) -> Authorization {
    let mut params = Params::new();
    params.set_quoted("username", impi.as_str());
    params.set_quoted("realm", realm);
    params.set_quoted("uri", &format!("sip:{realm}"));
    params.set_quoted("nonce", "");
    params.set_quoted("response", "");
    params.set_quoted(INTEGRITY_PROTECTED, Integrity::AuthDone.as_str());
    if let Some(waf) = &entities.waf {
        params.set_quoted(&names.param_name, waf);
    }
    if let Some(wwsf) = &entities.wwsf {
        params.set_quoted(&names.wwsf_param_name, wwsf);
    }
    Authorization(Credentials::Digest(DigestCredentials { params }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_built_as_the_profile_says() {
        let impi: Impi = "alice-wic@ims.example".parse().unwrap();
        let names = EntityTable::default();
        let own = authorization(&impi, "ims.example", &Entities::default(), &names);
        assert_eq!(
            own.to_string(),
            "Digest username=\"alice-wic@ims.example\", realm=\"ims.example\", uri=\"sip:ims.example\", \
             nonce=\"\", response=\"\", integrity-protected=\"auth-done\""
        );
        let entities = Entities { waf: Some("waf.partner.example".into()), wwsf: Some("wwsf.partner.example".into()) };
        let foreign = authorization(&impi, "ims.example", &entities, &names).to_string();
        assert!(foreign.ends_with(
            "integrity-protected=\"auth-done\", authorization-entity=\"waf.partner.example\", \
             wwsf-entity=\"wwsf.partner.example\""
        ));
    }
}
