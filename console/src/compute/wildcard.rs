//! Which range an identity lies in, and by which of its parts.

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::Json;
use epcscf::Records;
use ims::{Impu, Scheme, WildcardedImpu};

use crate::api::{Pieces, RangeVerdict, Wildcard, WildcardAsk};
use crate::compute::Edge;
use crate::problem::Problem;

/// The most ranges that are tried at once.
const MAX_RANGES: usize = 64;

/// `POST /console/api/compute/wildcard`
pub(crate) async fn wildcard(
    State(edge): State<Edge>,
    ask: Result<Json<WildcardAsk>, JsonRejection>,
) -> Result<Json<Wildcard>, Problem> {
    let Json(ask) = ask?;
    compute(&*edge.records().await?, &ask).map(Json)
}

fn compute(records: &Records, ask: &WildcardAsk) -> Result<Wildcard, Problem> {
    let impu = Impu::parse(&ask.impu).map_err(|error| Problem::unprocessable(error.to_string()))?;
    let ranges: Vec<(Option<String>, WildcardedImpu)> = match &ask.ranges {
        Some(texts) => texts.iter().take(MAX_RANGES).map(|text| parse(text)).collect::<Result<_, _>>()?,
        None => records
            .all()
            .into_iter()
            .flat_map(|record| record.ranges().iter().map(|range| (Some(record.id().to_owned()), range.clone())))
            .collect(),
    };
    let distinct = records.is_distinct(&impu);
    let found = WildcardedImpu::find(ranges.iter().map(|(_, range)| range), &impu);
    let (winner, why) = match (&found, distinct) {
        (_, true) => (None, "provisioned one by one, which beats any range (TS 23.228 §4.3.3.2b)".to_owned()),
        (Ok(Some(range)), false) => (Some(range.to_string()), format!("lies in {range}")),
        (Ok(None), false) => (None, "lies in no range".to_owned()),
        (Err(ambiguous), false) => (None, ambiguous.to_string()),
    };
    Ok(Wildcard {
        scheme: match impu.scheme() {
            Scheme::Sip => "sip",
            Scheme::Tel => "tel",
        }
        .into(),
        user: impu.user().to_owned(),
        host: impu.host().map(str::to_owned),
        distinct,
        ranges: ranges.into_iter().map(|(wwsf, range)| verdict(wwsf, &range, &impu)).collect(),
        winner,
        why,
        impu: impu.to_string(),
    })
}

fn parse(text: &str) -> Result<(Option<String>, WildcardedImpu), Problem> {
    let range = WildcardedImpu::parse(text).map_err(|error| Problem::unprocessable(format!("{text}: {error}")))?;
    Ok((None, range))
}

fn verdict(wwsf: Option<String>, range: &WildcardedImpu, impu: &Impu) -> RangeVerdict {
    let mismatch = range.mismatch(impu);
    RangeVerdict {
        wwsf,
        range: range.to_string(),
        prefix: range.prefix().to_owned(),
        expression: range.expression().to_owned(),
        suffix: range.suffix().to_owned(),
        host: range.host().map(str::to_owned),
        matched: mismatch.is_none(),
        pieces: range.explain(impu).map(|found| Pieces {
            prefix: found.prefix,
            expression: found.matched,
            suffix: found.suffix,
            host: found.host,
        }),
        why: mismatch.map(|mismatch| mismatch.to_string()),
    }
}
