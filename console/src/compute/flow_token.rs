//! The parts of a flow token, and whether its MAC is right (RFC 5626 §5.2).

use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::response::Json;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use epcscf::{BadToken, Dissected, FlowTokens, shard_of};

use crate::api::{FlowToken, FlowTokenAsk};
use crate::compute::Edge;
use crate::problem::Problem;

/// The longest text that is looked at.
const MAX_LEN: usize = 4096;

/// `POST /console/api/compute/flow-token`
pub(crate) async fn flow_token(
    State(edge): State<Edge>,
    ask: Result<Json<FlowTokenAsk>, JsonRejection>,
) -> Result<Json<FlowToken>, Problem> {
    let Json(FlowTokenAsk { token }) = ask?;
    let token = token_of(&token).to_owned();
    if token.len() > MAX_LEN {
        return Err(Problem::unprocessable("a flow token has 30 characters"));
    }
    let of_running = {
        let token = token.clone();
        edge.ask(move |edge| edge.flow_tokens().dissect(&token)).await
    };
    let key = edge.config.flow_token_key.as_ref();
    // Without the node itself, only the key can be asked, not which start is this one.
    let (dissected, running) = match (of_running, key) {
        (Some(dissected), _) => (dissected, true),
        (None, Some(key)) => (FlowTokens::new(key.expose(), 0).dissect(&token), false),
        (None, None) => return Err(Problem::unavailable("The eP-CSCF and its key are in another process.")),
    };
    Ok(Json(explain(token, dissected, running)))
}

fn explain(token: String, dissected: Option<Dissected>, running: bool) -> FlowToken {
    let Some(dissected) = dissected else {
        let octets = URL_SAFE_NO_PAD.decode(&token).map(|octets| octets.len());
        let why = match octets {
            Ok(octets) => format!("{octets} octets, where a flow token of ours has 22"),
            Err(_) => "not base64url (RFC 4648 §5)".to_owned(),
        };
        return FlowToken { token, parts: None, valid: false, status: Some(403), why };
    };
    let Dissected { flow, epoch, epoch_is_ours, mac, mac_is_right } = dissected;
    let (valid, status, why) = match (mac_is_right, epoch_is_ours, running) {
        (false, ..) => (false, Some(403), BadToken::Forged.to_string()),
        (true, false, true) => (false, Some(430), BadToken::OldEpoch.to_string()),
        (true, true, _) => (true, None, "the MAC is right and the token is of this run".to_owned()),
        (true, false, false) => {
            (true, None, "the MAC is right; whether it is of this run, only the eP-CSCF knows".to_owned())
        }
    };
    let parts = crate::api::FlowTokenParts {
        connection: flow.0.to_string(),
        shard: shard_of(flow),
        epoch,
        mac: hex::encode(mac),
        mac_is_right,
        epoch_is_current: running.then_some(epoch_is_ours),
    };
    FlowToken { token, parts: Some(parts), valid, status, why }
}

/// The user part, if somebody hands in a whole URI or header: `<sip:TOKEN@epcscf1…;lr>`.
fn token_of(text: &str) -> &str {
    let text = text.trim().trim_start_matches('<');
    let text = ["sip:", "sips:"].iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
    text.split(['@', '>', ';']).next().unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip::FlowId;

    #[test]
    fn a_token_is_found_in_what_people_copy() {
        for text in ["abc", " abc ", "sip:abc@epcscf1.ims.example;lr", "<sip:abc@epcscf1.ims.example;lr>"] {
            assert_eq!(token_of(text), "abc", "{text}");
        }
    }

    #[test]
    fn each_kind_of_token_gets_its_status() {
        let (ours, earlier) = (FlowTokens::new(&[7; 32], 3), FlowTokens::new(&[7; 32], 2));
        let said = |token: String| {
            let explained = explain(token.clone(), ours.dissect(&token), true);
            (explained.valid, explained.status)
        };
        let token = ours.mint(FlowId(42));
        assert_eq!(said(token.clone()), (true, None));
        assert_eq!(said(earlier.mint(FlowId(42))), (false, Some(430)));
        assert_eq!(said(FlowTokens::new(&[8; 32], 3).mint(FlowId(42))), (false, Some(403)));
        assert_eq!(said("abc".into()), (false, Some(403)));
        assert_eq!(said("ä".into()), (false, Some(403)));
        let parts = explain(token.clone(), ours.dissect(&token), true).parts.unwrap();
        assert_eq!((parts.connection.as_str(), parts.shard, parts.epoch, parts.mac.len()), ("42", 0, 3, 20));
    }
}
