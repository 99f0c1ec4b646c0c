use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use ims::{Defect, Impi, Impu, Password};
use serde::{Deserialize, Serialize};

use crate::clock;
use crate::directory::{FileDirectory, UserRecord};
use crate::problem::Problem;
use crate::session::SessionId;
use crate::state::App;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    username: String,
    password: Password,
}

/// Who is logged in, and as what.
#[derive(Serialize)]
pub(super) struct LoggedIn {
    username: String,
    impi: Impi,
    impu: Vec<Impu>,
}

impl From<UserRecord> for LoggedIn {
    fn from(user: UserRecord) -> Self {
        Self { username: user.username, impi: user.impi, impu: user.impus }
    }
}

/// Longest password that is hashed, in octets.
const MAX_PASSWORD: usize = 1024;

/// `POST /api/login`: checks a password and opens a session under a fresh
/// cookie (TS 23.228 U.2.1.3 step 1, "an ordinary web procedure").
pub(crate) async fn login(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = body.map_err(|rejection| Problem::of_status(rejection.status()))?;
    // What the parser says could repeat what was typed.
    let Credentials { username, password } = serde_json::from_slice(&body)
        .map_err(|_| Problem::bad_request("The body must be {\"username\": \"…\", \"password\": \"…\"}."))?;
    if username.len() > FileDirectory::MAX_USERNAME || password.expose().len() > MAX_PASSWORD {
        return Err(Problem::bad_request("The user name or the password is too long."));
    }
    if let Err(limited) = app.limits.before_login(&username, peer.ip(), Instant::now())
        && !app.config.has(Defect::LetsPasswordsBeGuessed)
    {
        tracing::warn!(wwsf = %app.wwsf_id, %peer, "too many failed logins");
        return Err(Problem::too_many_logins(limited.seconds()));
    }
    let user = app.directory.authenticate(&username, &password).await.map_err(|error| {
        tracing::error!(wwsf = %app.wwsf_id, %error, "user directory failed");
        Problem::unavailable("The user directory cannot be asked.")
    })?;
    let Some(user) = user else {
        // Not the name: people type passwords there.
        tracing::info!(wwsf = %app.wwsf_id, %peer, "login refused");
        return Err(Problem::wrong_credentials());
    };
    app.limits.after_right_login(&username, peer.ip());
    let planted = app.cookie.read(&headers).filter(|_| app.config.has(Defect::TakesPlantedSession));
    let id = planted.map_or_else(SessionId::random, Ok).map_err(|_| Problem::internal())?;
    let max_age = {
        let mut sessions = app.sessions();
        if let Some(old) = app.cookie.read(&headers) {
            sessions.close(&old.key());
        }
        sessions.open(id.key(), &user.username, clock::unix_now());
        sessions.lifetime()
    };
    tracing::info!(wwsf = %app.wwsf_id, %peer, impi = %user.impi, "logged in");
    let cookie = app.cookie.set(&id, max_age).ok_or(Problem::internal())?;
    let head = AppendHeaders([(header::SET_COOKIE, cookie)]);
    Ok((head, [(header::CACHE_CONTROL, "no-store")], Json(LoggedIn::from(user))).into_response())
}
