//! Flows 2 and 3: a token in Authorization (RFC 8898).

use ims::{Defect, Defects, Token};
use sip::headers::{BearerStyle, BearerToken, Challenge, TypedHeader, WwwAuthenticate};
use sip::{HeaderName, Response};

use super::Verdict;
use crate::{Cause, Failure, TokenAccess};

#[derive(Debug)]
pub(super) struct BearerClient {
    pub(super) token: Token,
    /// Whether this token is the second, since the last success.
    pub(super) renewed: bool,
    pub(super) style: BearerStyle,
    authz_servers: Vec<String>,
    defects: Defects,
}

impl BearerClient {
    pub(super) fn new(access: &TokenAccess, token: Token, defects: Defects) -> Self {
        let authz_servers = access.authz_servers.clone();
        Self { token, renewed: false, style: access.bearer_style, authz_servers, defects }
    }

    pub(super) fn credentials(&self) -> Result<BearerToken, Failure> {
        BearerToken::new(self.token.expose(), self.style)
            .map_err(|e| Failure::new(Cause::Protocol, format!("the token can't be sent: {e}")))
    }

    /// A 401. A server that the challenge names is one of ours or is left alone (RFC 8898 §2.1.1);
    /// then one new token is tried, unless the scope is what is wrong with it (RFC 8898 §4).
    pub(super) fn challenged(&mut self, response: &Response) -> Verdict {
        let challenges = response.headers.values(&HeaderName::WwwAuthenticate);
        let challenge = challenges.filter_map(|value| WwwAuthenticate::parse(value).ok()).find_map(|c| match c.0 {
            Challenge::Bearer(bearer) => Some(bearer),
            _ => None,
        });
        let Some(challenge) = challenge else {
            return Verdict::Refused(
                Failure::new(
                    Cause::UnsupportedChallenge,
                    "the network asks for something other than a token (TS 33.203 X.3.2.3)",
                )
                .advise("The core does not take the eP-CSCF's word (TNA): is the eP-CSCF a trusted node there?"),
            );
        };
        if let Some(server) = challenge.text("authz_server")
            && !self.authz_servers.contains(&server)
            && !self.defects.has(Defect::AsksAnyAuthzServer)
        {
            return Verdict::Refused(
                Failure::new(
                    Cause::UnknownAuthorizationServer,
                    format!(
                        "the challenge names {server}, which is no authorisation server of this WIC \
                         (RFC 8898 §2.1.1)"
                    ),
                )
                .advise("It was not contacted."),
            );
        }
        let error = challenge.text("error");
        if error.as_deref() == Some("invalid_scope") {
            return Verdict::Refused(rejected("its scope does not allow IMS access (RFC 8898 §4)"));
        }
        if self.renewed && !self.defects.has(Defect::RenewsTokenForEver) {
            return Verdict::Refused(rejected("and so was a new one"));
        }
        self.renewed = true;
        Verdict::RenewToken
    }
}

fn rejected(why: &str) -> Failure {
    Failure::new(Cause::TokenRejected, format!("the eP-CSCF refused the token: {why}")).advise(
        "Its issuer, signature or lifetime is not what the eP-CSCF is configured for; check both clocks and the \
         WWSF's keys.",
    )
}
