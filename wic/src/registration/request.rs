//! REGISTER as a WIC builds it (TS 24.229 §5.1.1.2, RFC 7118 §5, RFC 5626 §4.2).

use ims::Defect;
use sip::headers::{Authorization, CSeq, CallId, Contact, Credentials, From, MaxForwards, NameAddr, To, Via};
use sip::{Entropy, HeaderName, Host, Method, Params, Request, SipUri, Uri};

use super::{Auth, Purpose, Registration, Sent};
use crate::{Cause, Failure};

/// The IMS communication service of multimedia telephony, escaped as a feature tag wants it
/// (TS 24.229 §7.2A.8.2, §7.9.2).
const MMTEL: &str = "urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel";

impl Registration {
    pub(super) fn request(&mut self, purpose: Purpose, entropy: &mut dyn Entropy) -> Result<Request, Failure> {
        if self.cseq == 0 || !self.defects.has(Defect::RepeatsCseq) {
            self.cseq += 1;
        }
        let uri = Uri::Sip(bare(None, self.domain.clone()));
        let impu: Uri = self.impu.as_str().parse().map_err(|e| protocol("the IMPU", &e))?;
        let host: Host = self.host.parse().map_err(|e| protocol("the Via host", &e))?;
        let via = Via::new(self.url.transport(), host, None, &entropy.token(16));
        let branch = via.branch().unwrap_or_default().to_owned();

        let mut from = From::new(impu.clone());
        from.set_tag(&self.tag);
        let authorization = self.credentials(&uri.to_string(), entropy)?;

        let mut request = Request::new(Method::Register, uri)
            .with(&via)
            .with(&MaxForwards(70))
            .with(&from)
            .with(&To::new(impu))
            .with(&CallId(self.call_id.as_str().into()))
            .with(&CSeq { number: self.cseq, method: Method::Register })
            .with(&self.contact(purpose))
            .with_raw(HeaderName::Supported, "path, outbound, gruu");
        if let Some(authorization) = authorization {
            request.headers.add(&authorization);
        }
        self.sent = Some(Sent { purpose, branch });
        Ok(request)
    }

    /// The URI of the one contact. `transport=ws` on TLS too (RFC 7118 §5.2).
    pub(crate) fn contact_uri(&self) -> Uri {
        let host = self.host.parse().unwrap_or_else(|_| self.domain.clone());
        let mut uri = bare(Some(&self.contact_user), host);
        uri.params.set("transport", "ws");
        Uri::Sip(uri)
    }

    fn contact(&self, purpose: Purpose) -> Contact {
        let mut contact = Contact(NameAddr::new(self.contact_uri()));
        let params = &mut contact.params;
        params.set("reg-id", "1");
        params.set_quoted("+sip.instance", &format!("<{}>", self.instance));
        params.set_quoted("+g.3gpp.icsi-ref", MMTEL);
        let expires = if purpose == Purpose::Unbind { 0 } else { self.expires };
        params.set("expires", expires.to_string());
        contact
    }

    fn credentials(&mut self, uri: &str, entropy: &mut dyn Entropy) -> Result<Option<Authorization>, Failure> {
        let credentials = match &mut self.auth {
            Auth::Digest(digest) => digest.credentials(uri, entropy)?.map(Credentials::Digest),
            Auth::Bearer(bearer) => Some(Credentials::Bearer(bearer.credentials()?)),
        };
        Ok(credentials.map(Authorization))
    }
}

fn bare(user: Option<&str>, host: Host) -> SipUri {
    SipUri {
        secure: false,
        user: user.map(Into::into),
        password: None,
        host,
        port: None,
        params: Params::new(),
        headers: None,
    }
}

fn protocol(what: &str, error: &sip::HeaderError) -> Failure {
    Failure::new(Cause::Protocol, format!("{what} can't be written in a REGISTER: {error}"))
}
