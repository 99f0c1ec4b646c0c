//! What a 200 OK grants (RFC 3261 §10.2.4, §10.3 step 8).

use std::time::Duration;

use ims::Impu;
use sip::headers::{Contact, Contacts, Expires, FlowTimer, PAssociatedUri, ServiceRoute};
use sip::{HeaderName, Instant, Response, Uri};

use crate::{Binding, Cause, Failure};

/// The 200 OK's contents.
#[derive(Debug)]
pub(crate) struct Granted {
    impu: Impu,
    expires: Duration,
    impus: Vec<Impu>,
    service_route: Vec<ServiceRoute>,
    pub_gruu: Option<Uri>,
    temp_gruu: Option<Uri>,
    outbound: bool,
    pub(crate) flow_timer: Option<Duration>,
}

impl Granted {
    /// Reads the 200 OK to a REGISTER of `contact` for `impu`.
    pub(super) fn read(response: &Response, contact: &Uri, impu: &Impu) -> Result<Self, Failure> {
        let headers = &response.headers;
        let malformed = |e: sip::HeaderError| protocol(&e.to_string());
        let Contacts::List(contacts) = headers.contacts().map_err(malformed)? else {
            return Err(protocol("Contact: * (RFC 3261 §10.3 step 8)"));
        };
        let ours = contacts.iter().find(|c| c.uri.equivalent(contact));
        let expires = match ours {
            Some(contact) => match contact.expires() {
                Some(expires) => Some(expires),
                None => headers.opt::<Expires>().map_err(malformed)?.map(|e| e.0),
            },
            None => None,
        };
        let expires = expires
            .filter(|secs| *secs > 0)
            .ok_or_else(|| protocol("our contact is not in it, or has no expiry (RFC 3261 §10.3 step 8)"))?;
        let gruu = |name| ours.and_then(|c: &Contact| c.params.unquoted(name)?.parse().ok());
        Ok(Self {
            impu: impu.clone(),
            expires: Duration::from_secs(expires.into()),
            impus: associated(response, impu),
            service_route: headers.all().map_err(malformed)?,
            pub_gruu: gruu("pub-gruu"),
            temp_gruu: gruu("temp-gruu"),
            outbound: headers.lists(&HeaderName::Require, "outbound"),
            flow_timer: headers.opt::<FlowTimer>().ok().flatten().map(|t| Duration::from_secs(t.0.into())),
        })
    }

    /// The binding that begins `now`. `token_left` is what is left of the token's life.
    pub(crate) fn binding(self, now: Instant, token_left: Option<Duration>) -> Binding {
        let refresh = refresh_after(self.expires);
        let refresh = token_left.map_or(refresh, |left| refresh.min(refresh_after(left)));
        Binding {
            impu: self.impu,
            impus: self.impus,
            service_route: self.service_route,
            pub_gruu: self.pub_gruu,
            temp_gruu: self.temp_gruu,
            outbound: self.outbound,
            granted: self.expires,
            expires_at: now + self.expires,
            refresh_at: now + refresh,
        }
    }
}

/// How long after it was granted a registration is refreshed: 600 s before its end when it was
/// granted for more than 1200 s, else at half-life (TS 24.229 §5.1.1.4.1).
pub(crate) fn refresh_after(granted: Duration) -> Duration {
    const MARGIN: Duration = Duration::from_secs(600);
    if granted > 2 * MARGIN { granted - MARGIN } else { granted / 2 }
}

/// P-Associated-URI, the default identity first. What is no distinct IMPU (a wildcard) is left out.
fn associated(response: &Response, impu: &Impu) -> Vec<Impu> {
    let listed = response.headers.all::<PAssociatedUri>().unwrap_or_default();
    let mut impus: Vec<Impu> = Vec::with_capacity(listed.len());
    for identity in listed.iter().filter_map(|p| Impu::parse(&p.uri.to_string()).ok()) {
        if !impus.contains(&identity) {
            impus.push(identity);
        }
    }
    if impus.is_empty() {
        impus.push(impu.clone());
    }
    impus
}

fn protocol(why: &str) -> Failure {
    Failure::new(Cause::Protocol, format!("the 200 OK can't be used: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// REG-07.
    #[test]
    fn the_refresh_time_is_that_of_ts_24_229() {
        for (granted, refresh) in
            [(60, 30), (600, 300), (1200, 600), (1201, 601), (1300, 700), (3600, 3000), (600_000, 599_400)]
        {
            let after = refresh_after(Duration::from_secs(granted));
            assert_eq!(after, Duration::from_secs(refresh), "granted {granted}");
        }
    }
}
