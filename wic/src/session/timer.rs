//! Session timers (RFC 4028).

use std::time::Duration;

use sip::headers::{MinSe, Refresher, SessionExpires};
use sip::{HeaderName, Headers, Instant, Request, Response, StatusCode};

use crate::Timers;

/// The tag of the extension.
const TIMER: &str = "timer";

/// A session that ends unless it is refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionTimer {
    interval: u32,
    /// Whether the refreshing is ours.
    pub(super) ours: bool,
    pub(super) refresh_at: Option<Instant>,
    pub(super) expires_at: Instant,
}

impl SessionTimer {
    /// What a 2xx settles; `we_asked` tells which side sent the request (RFC 4028 §7.2, §9).
    pub(super) fn settled(now: Instant, response: &Headers, we_asked: bool) -> Option<Self> {
        let settled = response.opt::<SessionExpires>().ok().flatten()?;
        let interval = settled.interval();
        let ours = (settled.refresher().unwrap_or(Refresher::Uac) == Refresher::Uac) == we_asked;
        let span = Duration::from_secs(interval.into());
        // The one that waits gives up a little before the end (RFC 4028 §10).
        let margin = (span / 3).min(Duration::from_secs(32));
        Some(Self { interval, ours, refresh_at: ours.then(|| now + span / 2), expires_at: now + (span - margin) })
    }

    pub(super) fn poll_timeout(&self) -> Instant {
        self.refresh_at.map_or(self.expires_at, |at| at.min(self.expires_at))
    }
}

/// What we ask for in a request (RFC 4028 §7.1, §7.4): `current` keeps its roles.
pub(super) fn ask(headers: &mut Headers, timers: &Timers, current: Option<&SessionTimer>, at_least: u32) {
    let (interval, refresher) = match current {
        Some(timer) => (timer.interval, Some(if timer.ours { Refresher::Uac } else { Refresher::Uas })),
        None => (seconds(timers.session), None),
    };
    let min = seconds(timers.min_session).max(at_least);
    headers.replace(&SessionExpires::after(interval.max(min), refresher));
    headers.replace(&MinSe::new(&min.to_string()));
}

/// The Min-SE of a 422, when it is more than `asked` (RFC 4028 §7.3).
pub(super) fn too_small(response: &Response, asked: &Headers) -> Option<u32> {
    let min = response.headers.opt::<MinSe>().ok().flatten()?.interval();
    let asked = asked.opt::<SessionExpires>().ok().flatten().map_or(0, |s| s.interval());
    (response.status == StatusCode::SESSION_INTERVAL_TOO_SMALL && min > asked).then_some(min)
}

/// 422 to a request whose interval is too short for us, if its sender understands that
/// (RFC 4028 §9).
pub(super) fn refuse(request: &Request, timers: &Timers) -> Option<Response> {
    let asked = request.headers.opt::<SessionExpires>().ok().flatten()?;
    let min = seconds(timers.min_session);
    (asked.interval() < min && knows(&request.headers))
        .then(|| request.respond(StatusCode::SESSION_INTERVAL_TOO_SMALL).with(&MinSe::new(&min.to_string())))
}

/// Settles the interval in our 2xx (RFC 4028 §9): the other side refreshes if it can and does not
/// ask us to. A request without an interval gets ours.
pub(super) fn answer(request: &Request, response: &mut Response, timers: &Timers, current: Option<&SessionTimer>) {
    let knows = knows(&request.headers);
    let asked = request.headers.opt::<SessionExpires>().ok().flatten();
    let min = request.headers.opt::<MinSe>().ok().flatten().map_or(0, |m| m.interval());
    let (interval, refresher) = match (&asked, current) {
        (Some(asked), _) => (asked.interval(), asked.refresher()),
        (None, Some(timer)) => (timer.interval, Some(if timer.ours { Refresher::Uas } else { Refresher::Uac })),
        (None, None) => (seconds(timers.session), None),
    };
    let refresher = match refresher {
        Some(Refresher::Uac) if !knows => Refresher::Uas,
        Some(refresher) => refresher,
        None if knows => Refresher::Uac,
        None => Refresher::Uas,
    };
    let interval = interval.max(min).max(seconds(timers.min_session));
    response.headers.replace(&SessionExpires::after(interval, Some(refresher)));
    if refresher == Refresher::Uac {
        response.headers.push(HeaderName::Require, TIMER);
    }
}

fn knows(headers: &Headers) -> bool {
    headers.lists(&HeaderName::Supported, TIMER) || headers.lists(&HeaderName::Require, TIMER)
}

fn seconds(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(HeaderName, &str)]) -> Request {
        let request = Request::new(sip::Method::Invite, "sip:a@b".parse().unwrap());
        headers.iter().fold(request, |request, (name, value)| request.with_raw(name.clone(), (*value).to_owned()))
    }

    /// RFC 4028 §9, Table 2.
    #[test]
    fn the_refresher_is_the_one_that_can_and_was_asked_for() {
        use HeaderName::{SessionExpires as Se, Supported};
        for (headers, settled) in [
            (&[(Se, "600"), (Supported, "timer")][..], "600;refresher=uac"),
            (&[(Se, "600;refresher=uac"), (Supported, "timer")], "600;refresher=uac"),
            (&[(Se, "600;refresher=uas"), (Supported, "timer")], "600;refresher=uas"),
            (&[(Se, "600")], "600;refresher=uas"),
            (&[(Supported, "timer")], "1800;refresher=uac"),
            (&[], "1800;refresher=uas"),
            (&[(Se, "600"), (HeaderName::MinSe, "700"), (Supported, "timer")], "700;refresher=uac"),
        ] {
            let request = request(headers);
            let mut response = request.respond(StatusCode::OK);
            answer(&request, &mut response, &Timers::default(), None);
            assert_eq!(response.headers.value(&Se), Some(settled), "{headers:?}");
            assert_eq!(response.headers.lists(&HeaderName::Require, TIMER), settled.ends_with("uac"), "{headers:?}");
        }
    }

    /// DLG-10.
    #[test]
    fn too_short_an_interval_gets_a_422_from_those_who_understand_it() {
        use HeaderName::{SessionExpires as Se, Supported};
        for (headers, refused) in [
            (&[(Se, "89"), (Supported, "timer")][..], true),
            (&[(Se, "90"), (Supported, "timer")], false),
            (&[(Se, "30")], false),
            (&[(Supported, "timer")], false),
        ] {
            let answer = refuse(&request(headers), &Timers::default());
            assert_eq!(answer.is_some(), refused, "{headers:?}");
            if let Some(answer) = answer {
                assert_eq!((answer.status.code(), answer.headers.value(&HeaderName::MinSe)), (422, Some("90")));
            }
        }
    }

    #[test]
    fn who_waits_gives_up_before_the_end_and_who_refreshes_does_so_at_half() {
        let headers = request(&[(HeaderName::SessionExpires, "1800;refresher=uac")]).headers;
        let at = |secs: u64| Instant::from_millis(secs * 1000);
        let ours = SessionTimer::settled(at(0), &headers, true).unwrap();
        assert_eq!((ours.refresh_at, ours.expires_at), (Some(at(900)), at(1768)));
        let theirs = SessionTimer::settled(at(0), &headers, false).unwrap();
        assert_eq!((theirs.refresh_at, theirs.expires_at), (None, at(1768)));
    }
}
