//! The origin of a page beside those of the WWSFs (RFC 6454 §5, TS 33.203 REQ 1.1).

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderValue, Request, header};
use axum::response::Json;
use epcscf::upgrade::{self, Load};
use epcscf::{Origin, Records};

use crate::api::{Compared, OriginAsk, OriginTuple, OriginVerdict};
use crate::compute::Edge;
use crate::problem::Problem;

/// `POST /console/api/compute/origin`
pub(crate) async fn origin(
    State(edge): State<Edge>,
    ask: Result<Json<OriginAsk>, JsonRejection>,
) -> Result<Json<OriginVerdict>, Problem> {
    let Json(ask) = ask?;
    compute(&edge, &*edge.records().await?, &ask).map(Json)
}

fn compute(edge: &Edge, records: &Records, ask: &OriginAsk) -> Result<OriginVerdict, Problem> {
    let tuple = Origin::parse(&ask.origin).ok();
    let wanted = |id: &str| ask.wwsf.as_deref().is_none_or(|wwsf| wwsf == id);
    let mut compared = Vec::new();
    for record in records.all().into_iter().filter(|record| wanted(record.id())) {
        for text in record.origins() {
            let Ok(origin) = Origin::from_config(text) else { continue };
            let same = |part: fn(&Origin) -> String| tuple.as_ref().is_some_and(|given| part(given) == part(&origin));
            compared.push(Compared {
                wwsf: record.id().to_owned(),
                same_scheme: same(|origin| origin.scheme().to_owned()),
                same_host: same(|origin| origin.host().to_owned()),
                same_port: same(|origin| origin.port().to_string()),
                same: tuple.as_ref() == Some(&origin),
                origin: shown(&origin),
            });
        }
    }
    let (wwsf, status, why) = upgrade(edge, records, &ask.origin)?;
    Ok(OriginVerdict { tuple: tuple.as_ref().map(shown), compared, accepted: wwsf.is_some(), wwsf, status, why })
}

fn shown(origin: &Origin) -> OriginTuple {
    OriginTuple { scheme: origin.scheme().to_owned(), host: origin.host().to_owned(), port: origin.port() }
}

/// What the eP-CSCF says to an upgrade that is right but for its Origin; an empty one is none.
fn upgrade(edge: &Edge, records: &Records, origin: &str) -> Result<(Option<String>, u16, String), Problem> {
    let policy = &edge.config.policy;
    let connection = &policy.connection;
    let request = Request::builder()
        .uri(connection.paths.first().map_or("/", String::as_str))
        .header(header::HOST, connection.hosts.first().map_or("localhost", String::as_str))
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ==")
        .header(header::SEC_WEBSOCKET_PROTOCOL, "sip");
    let request = match origin.is_empty() {
        true => request,
        false => {
            let value = HeaderValue::from_str(origin);
            request.header(header::ORIGIN, value.map_err(|_| Problem::unprocessable("no header can hold this text"))?)
        }
    };
    let (parts, ()) = request.body(()).map_err(|error| Problem::internal(error.to_string()))?.into_parts();
    Ok(match upgrade::check(&parts, policy, records, |_| Load::default()) {
        Ok(accepted) => (Some(accepted.record.id().to_owned()), 101, accepted.to_string()),
        Err(refusal) => (None, refusal.status.as_u16(), refusal.reason.to_string()),
    })
}
