//! What the clients are, and how a page makes them do things.

use anyhow::{Context, Result};
use conformance::lab::WicAccess;
use conformance::script::Epcscf;
use serde_json::{Value, json};
use std::path::Path;

use crate::peers;

/// A client that runs in a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Client {
    Own,
    JsSip,
    SipJs,
}

/// Of those that are told their identity by the test.
pub(super) const IMPI: &str = "alice-wic@ims.example";
pub(super) const IMPU: &str = "sip:alice@ims.example";
pub(super) const HOME: &str = "ims.example";
pub(super) const PASSWORD: &str = "correct horse battery";
pub(super) const TOKEN: &str = "eyJ0.eyJ9.c2ln";

impl Client {
    /// The name for the report.
    pub(super) fn name(self) -> Result<String> {
        let version = |package: &str| -> Result<String> {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("js/node_modules").join(package).join("package.json");
            let text = std::fs::read_to_string(path).context("the clients by others are not installed")?;
            let package: Value = serde_json::from_str(&text)?;
            Ok(package["version"].as_str().unwrap_or_default().to_owned())
        };
        Ok(match self {
            Self::Own => "webrtc-ims, the WIC in the browser".into(),
            Self::JsSip => format!("JsSIP {}", version("jssip")?),
            Self::SipJs => format!("SIP.js {}", version("sip.js")?),
        })
    }

    /// The library and what drives it; our own page brings its WIC with it.
    pub(super) async fn script(self) -> Result<String> {
        match self {
            Self::Own => Ok(String::new()),
            Self::JsSip => peers::bundle("jssip").await,
            Self::SipJs => peers::bundle("sipjs").await,
        }
    }

    /// The flows that it knows.
    pub(super) fn claims(self, claim: &str) -> bool {
        match self {
            Self::Own | Self::JsSip => matches!(claim, "digest" | "web-auth"),
            Self::SipJs => claim == "digest",
        }
    }

    /// An expression that begins to register.
    pub(super) fn start(self, access: WicAccess, epcscf: &Epcscf) -> String {
        if self == Self::Own {
            return "(document.querySelector('#fill-alice').click(), document.querySelector('#register').click())"
                .into();
        }
        let mut options = json!({ "url": epcscf.url(), "domain": HOME, "uri": IMPU });
        match access {
            WicAccess::Digest => {
                options["authorization_user"] = IMPI.into();
                options["password"] = PASSWORD.into();
            }
            WicAccess::Token => options["jwt"] = TOKEN.into(),
        }
        // Whether it gets a connection is for the purpose to see.
        format!("void Promise.resolve(peer.start({options})).catch(() => {{}})")
    }

    /// An expression that leaves.
    pub(super) fn leave(self) -> &'static str {
        match self {
            Self::Own => "clock.press('#deregister')",
            Self::JsSip | Self::SipJs => "void peer.leave()",
        }
    }

    /// An expression that takes the call that rings; whether there was one.
    pub(super) fn answer(self) -> &'static str {
        match self {
            Self::Own => "clock.press('#incoming [data-do=answer-audio]')",
            Self::JsSip | Self::SipJs => "peer.answer()",
        }
    }

    /// An expression that holds the call; whether there was one.
    pub(super) fn hold(self) -> &'static str {
        match self {
            Self::Own => "clock.press('#calls [data-do=hold]:not(:disabled)')",
            Self::JsSip | Self::SipJs => "peer.hold()",
        }
    }

    /// An expression: whether it takes itself for registered.
    pub(super) fn registered(self) -> &'static str {
        match self {
            Self::Own => "['registered', 'refreshing'].includes(document.querySelector('#state').dataset.state)",
            Self::JsSip | Self::SipJs => "document.documentElement.dataset.peer === 'registered'",
        }
    }
}
