//! A token and what the eP-CSCF makes of it, T0 to T9 (TS 33.203 X.3.2.3).

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::Json;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use epcscf::{Judge, KeysAsk, Records, TokenUse, WwsfRecord};
use ims::token::{Claims, Jws, Requested, Step, TokenError};
use ims::{Impi, Impu, Scenario};
use serde_json::Value;
use sip::headers::{BearerStyle, BearerToken};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::api::{Check, Signature, Token, TokenAsk, TokenVerdict};
use crate::compute::Edge;
use crate::problem::Problem;

/// `POST /console/api/compute/token`
pub(crate) async fn token(
    State(edge): State<Edge>,
    ask: Result<Json<TokenAsk>, JsonRejection>,
) -> Result<Json<Token>, Problem> {
    let Json(ask) = ask?;
    compute(&edge, &ask).await.map(Json)
}

async fn compute(edge: &Edge, ask: &TokenAsk) -> Result<Token, Problem> {
    let records = edge.records().await?;
    let record = record(&records, ask)?;
    let mut course = Course { signature: None, skipped: Vec::new() };
    let outcome = course.run(edge, &records, record, ask).await;
    let token = ask.token.trim();
    let part = |at: usize| token.split('.').nth(at).and_then(decoded);
    let header = part(0);
    let named = |name: &str| header.as_ref()?.get(name)?.as_str().map(str::to_owned);
    let (valid, why) = match &course.signature {
        Some(Ok(())) => (Some(true), "verifies under the WWSF's key".to_owned()),
        Some(Err(error)) => (Some(false), error.to_string()),
        None => (None, "was not looked at".to_owned()),
    };
    let signature = Signature { alg: named("alg"), kid: named("kid"), valid, why };
    Ok(Token {
        wwsf: record.id().to_owned(),
        signature,
        claims: part(1),
        checks: checks(edge, &course, &outcome),
        flow: outcome.as_ref().ok().map(|scenario| scenario.number()),
        header,
    })
}

/// The WWSF of the connection: as asked for, else that of the token, else the operator's.
fn record<'a>(records: &'a Records, ask: &TokenAsk) -> Result<&'a WwsfRecord, Problem> {
    let unknown = |id: &str| Problem::unprocessable(format!("the eP-CSCF knows no WWSF {id}"));
    if let Some(id) = &ask.wwsf {
        return records.get(id).map(|record| &**record).ok_or_else(|| unknown(id));
    }
    let claims = ask.token.split('.').nth(1).and_then(decoded);
    let client = claims.as_ref().and_then(|claims| claims.get("client_id")?.as_str());
    let all = records.all();
    let operator = || all.iter().find(|record| !record.is_third_party()).or(all.first()).map(|record| &***record);
    client.and_then(|id| records.get(id)).map(|record| &**record).or_else(operator).ok_or_else(|| unknown("at all"))
}

/// What was found on the way.
struct Course {
    /// None when nobody looked at the signature.
    signature: Option<Result<(), TokenError>>,
    /// Steps that could not be tried here, each with the reason.
    skipped: Vec<(Step, &'static str)>,
}

impl Course {
    /// Goes the way of a REGISTER with this token, in the eP-CSCF's own order.
    async fn run(
        &mut self,
        edge: &Edge,
        records: &Records,
        record: &WwsfRecord,
        ask: &TokenAsk,
    ) -> Result<Scenario, TokenError> {
        let token = ask.token.trim();
        if token.is_empty() {
            return Err(TokenError::Missing);
        }
        BearerToken::new(token, BearerStyle::default()).map_err(|_| TokenError::Malformed)?;
        let jws = Jws::parse(token)?;
        // Keys are only ever asked of issuers that this WWSF may use (RFC 8725 §3.10).
        let issuer = record.issuer(jws.unverified_issuer()).ok_or(TokenError::Issuer)?;
        let keys_ask = KeysAsk { issuer: issuer.issuer.clone(), jwks_url: issuer.jwks_url.clone() };
        let keys = edge.keys.clone().fetch(keys_ask).await.keys.map_err(|_| TokenError::WafUnreachable)?;
        let verified = keys.verify(&jws);
        self.signature = Some(verified);
        let claims = jws.verify(|_| verified)?;
        let scenario = self.judge(edge, records, record, ask, &claims)?;
        let (iss, jti) = (claims.iss.clone(), claims.jti.clone());
        match edge.ask(move |edge| edge.token_use(&iss, &jti)).await {
            Some(TokenUse::Revoked) => Err(TokenError::Revoked),
            Some(TokenUse::Held) => Err(TokenError::Replayed),
            Some(TokenUse::Free) => Ok(scenario),
            None => {
                self.skipped.push((Step::T8, "the eP-CSCF runs in another process"));
                Ok(scenario)
            }
        }
    }

    fn judge(
        &self,
        edge: &Edge,
        records: &Records,
        record: &WwsfRecord,
        ask: &TokenAsk,
        claims: &Claims,
    ) -> Result<Scenario, TokenError> {
        let impu = |text: &Option<String>| text.as_deref().map(Impu::parse).transpose().map_err(TokenError::BadImpu);
        let to = impu(&ask.to)?.or_else(|| claims.impu.first().cloned()).ok_or(TokenError::Impu)?;
        let from = impu(&ask.from)?.unwrap_or_else(|| to.clone());
        let impi = ask.impi.as_deref().map(Impi::parse).transpose().map_err(|_| TokenError::Impi)?;
        let judge = Judge { config: &edge.config, checks: &edge.config.policy.token_checks(), records };
        let now = ask.now.unwrap_or_else(unix_now);
        judge.registration(record, claims, Requested { to: &to, from: &from, impi: impi.as_ref() }, now)
    }
}

const STEPS: [(Step, &str, &str); 10] = [
    (Step::T0, "There is a token", "RFC 8898 §2.2"),
    (Step::T1, "The credentials are well-formed, and the only ones", "RFC 6750 §2.1"),
    (Step::T2, "Form, header, key and signature", "RFC 8725 §3, RFC 7515 §5.2"),
    (Step::T3, "Issuer, audience and WWSF are the right ones", "TS 33.203 REQ 2.1, 2.2"),
    (Step::T4, "It is valid now", "RFC 7519 §4.1.4, §4.1.5"),
    (Step::T5, "Its scope allows access to IMS", "TS 33.203 X.3.2.3"),
    (Step::T6, "To, From and IMPI are those of the token", "TS 33.203 REQ 2.4"),
    (Step::T7, "The WWSF may give this identity away", "TS 23.228 U.1.3.3"),
    (Step::T8, "It is neither revoked nor in use elsewhere", "RFC 7009 §2, RFC 8725 §3.8"),
    (Step::T9, "The WAF can be asked", "TS 23.228 U.1.3.5"),
];

fn checks(edge: &Edge, course: &Course, outcome: &Result<Scenario, TokenError>) -> Vec<Check> {
    let policy = edge.config.policy.token_checks();
    let failed = outcome.as_ref().err();
    let stopped_at = failed.map(TokenError::step);
    STEPS
        .iter()
        .map(|(step, title, clause)| {
            let not_here = course.skipped.iter().find(|(skipped, _)| skipped == step).map(|(_, why)| (*why).to_owned());
            let unverified = *step == Step::T2 && course.signature.is_none() && stopped_at > Some(Step::T2);
            let (verdict, why) = match (stopped_at, failed) {
                (Some(at), Some(error)) if at == *step => (TokenVerdict::Fail, Some(error.to_string())),
                _ if unverified => (
                    TokenVerdict::Skipped,
                    Some("the form is right; the key was not at hand to verify with".to_owned()),
                ),
                // The keys are fetched before any claim is looked at.
                (Some(Step::T9), _) if *step >= Step::T3 => (TokenVerdict::Skipped, Some(stop(Step::T9))),
                (Some(at), _) if *step == Step::T9 && at != Step::T9 => match course.signature {
                    Some(_) => (TokenVerdict::Pass, None),
                    None => (TokenVerdict::Skipped, Some(stop(at))),
                },
                (Some(at), _) if *step > at => (TokenVerdict::Skipped, Some(stop(at))),
                _ if not_here.is_some() => (TokenVerdict::Skipped, not_here),
                _ => (TokenVerdict::Pass, None),
            };
            let fails = verdict == TokenVerdict::Fail;
            Check {
                id: step.to_string(),
                title: (*title).to_owned(),
                clause: (*clause).to_owned(),
                status: fails.then(|| policy.answer(*step).status),
                verdict,
                why,
            }
        })
        .collect()
}

fn stop(at: Step) -> String {
    format!("the eP-CSCF has stopped at {at}")
}

/// A part of a token as JSON, if it is that, for people to look at.
fn decoded(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
