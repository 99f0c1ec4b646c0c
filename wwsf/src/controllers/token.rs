use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use ims::token::Reg;
use ims::{Defect, Impi, Impu, Token};
use serde::Serialize;

use crate::clock;
use crate::directory::UserRecord;
use crate::keys::KeyRing;
use crate::lease::{LeaseError, Leases};
use crate::observer::Identities;
use crate::problem::Problem;
use crate::session::SessionId;
use crate::state::App;
use crate::token::Grant;

#[derive(Serialize)]
struct Body<'a> {
    token: Token,
    token_type: &'static str,
    expires_in: u64,
    impi: &'a Impi,
    impu: &'a [Impu],
    wss_url: &'a str,
    realm: &'a str,
}

/// `POST /api/token`: a token for whoever is logged in (TS 23.228 U.2.1.3
/// step 1), else for an anonymous guest, if this WWSF serves them (U.2.1.4).
pub(crate) async fn token(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let now = clock::unix_now();
    let keys = app.keys.current();
    let (grant, cookie) = match (app.logged_in(&headers, now).await?, &app.leases) {
        (Some(user), _) => (user_grant(&app, &keys, user), None),
        (None, Some(leases)) => guest_grant(&app, &keys, leases, peer, &headers, now)?,
        (None, None) => return Err(Problem::not_logged_in()),
    };
    let identities = Identities { impi: grant.impi.clone(), impus: grant.impus.clone() };
    let token = app.issuer.issue(&keys, grant, now).map_err(|error| {
        tracing::error!(wwsf = %app.wwsf_id, %error, "no token issued");
        Problem::internal()
    })?;
    tracing::info!(wwsf = %app.wwsf_id, %peer, impi = %identities.impi, "token issued");
    let body = Json(Body {
        token,
        token_type: "Bearer",
        expires_in: app.issuer.lifetime(),
        impi: &identities.impi,
        impu: &identities.impus,
        wss_url: &app.config.wss_url,
        realm: &app.config.realm,
    })
    .into_response();
    let kept = if app.config.has(Defect::LetsTokensBeCached) { "max-age=600" } else { "no-store" };
    let mut response = (Extension(identities), [(header::CACHE_CONTROL, kept)], body).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

fn user_grant(app: &App, keys: &KeyRing, user: UserRecord) -> Grant {
    let guests = &app.config.guests;
    let of_range = guests.enabled && user.impus.iter().all(|impu| guests.range.matches(impu));
    Grant {
        sub: if app.config.has(Defect::TellsLoginName) { user.username } else { keys.subject(&user.username) },
        impi: user.impi,
        impus: user.impus,
        reg: if of_range { guests.reg } else { Reg::Tna },
    }
}

/// The identity that the guest holds, or a free one. The hold outlives the
/// token, so that no two live tokens name one identity.
fn guest_grant(
    app: &App,
    keys: &KeyRing,
    leases: &Leases,
    peer: SocketAddr,
    headers: &HeaderMap,
    now: u64,
) -> Result<(Grant, Option<HeaderValue>), Problem> {
    let guests = &app.config.guests;
    // A cookie that names no lease may have been planted; it gets no lease either.
    let known = app.cookie.read(headers).filter(|id| leases.knows(&id.key()));
    let id = match known {
        Some(id) => id,
        None => {
            app.limits
                .before_new_guest(peer.ip(), Instant::now())
                .map_err(|limited| Problem::too_many_guests(limited.seconds()))?;
            SessionId::random().map_err(|_| Problem::internal())?
        }
    };
    let ends = now.saturating_add(app.issuer.lifetime()).saturating_add(guests.grace);
    let lease = leases.hold(&id.key(), now, ends).map_err(|error| match error {
        LeaseError::Exhausted(exhausted) => {
            tracing::warn!(wwsf = %app.wwsf_id, capacity = guests.capacity, "no identity free");
            Problem::pool_exhausted(exhausted.retry_after)
        }
        LeaseError::Journal(error) => {
            tracing::error!(wwsf = %app.wwsf_id, %error, "lease not recorded");
            Problem::internal()
        }
    })?;
    let number = if app.config.has(Defect::GivesGuestsOneIdentity) { 1 } else { lease.number };
    let impu = guests.impu(number).map_err(|_| Problem::internal())?;
    let grant = Grant {
        sub: format!("anon-{}", keys.subject(id.key().as_str())),
        impi: impu.to_impi_default().map_err(|_| Problem::internal())?,
        impus: vec![impu],
        reg: guests.reg,
    };
    let cookie = app.cookie.set(&id, lease.ends - now).ok_or(Problem::internal())?;
    Ok((grant, Some(cookie)))
}
