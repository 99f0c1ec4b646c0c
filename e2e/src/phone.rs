//! A WIC in a page, as the person before it uses it to call and to write.

use crate::{Bed, Tab};
use anyhow::{Context, Result, ensure};

/// Who registers, and so by which flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// A demo subscriber by IMS digest.
    Digest(&'static str),
    /// A demo subscriber by web authentication.
    WebAuth(&'static str),
    /// A guest of the partner's range.
    Guest,
}

/// A registered page.
pub struct Phone {
    /// The page.
    pub tab: Tab,
    /// The identity to call.
    pub address: String,
}

/// Counters of a call at one side.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
pub struct Counters {
    /// Packets of sound that came.
    pub audio: u64,
    /// Pictures that came and could be shown.
    pub frames: u64,
}

/// The one call on the page.
const CALL: &str = "document.querySelector('#calls > li')";

impl Phone {
    /// Opens a page and registers in it.
    pub async fn register(bed: &Bed, user: User) -> Result<Self> {
        Self::register_with(bed, user, "").await
    }

    /// As [`Phone::register`], after running `script` in the page before any of its own.
    pub async fn register_with(bed: &Bed, user: User, script: &str) -> Result<Self> {
        let (origin, flow) = match user {
            User::Digest(_) => (&bed.ready.wwsf, "digest"),
            User::WebAuth(_) => (&bed.ready.wwsf, "web-auth"),
            User::Guest => (&bed.ready.partner_wwsf, "wildcard"),
        };
        let tab = bed.open_with(&format!("{origin}/?flow={flow}"), script).await?;
        tab.until_state("idle").await?;
        if let User::Digest(name) | User::WebAuth(name) = user {
            tab.click(&format!("#fill-{name}")).await?;
        }
        tab.click("#register").await?;
        tab.until_state("registered").await?;
        let address = tab.identities().await?.into_iter().next().context("no identity")?;
        Ok(Self { tab, address })
    }

    /// Types whom to call, and calls.
    pub async fn call(&self, to: &str, video: bool) -> Result<()> {
        self.tab.fill("#dial", to).await?;
        self.tab.click(if video { "#dial-video" } else { "#dial-audio" }).await
    }

    /// Waits until it rings, and gives who calls.
    pub async fn rings(&self) -> Result<String> {
        self.tab.until("document.querySelector('#incoming').open").await?;
        self.tab.evaluate("document.querySelector('#incoming').dataset.peer").await
    }

    /// Presses a button of the dialog that opens when it rings.
    pub async fn take(&self, button: &str) -> Result<()> {
        self.rings().await?;
        self.tab.click(&format!("#incoming [data-do={button}]")).await
    }

    /// Calls `other`, who answers with the same media, and waits until both are connected.
    pub async fn talk(&self, other: &Self, video: bool) -> Result<()> {
        self.call(&other.address, video).await?;
        let caller = other.rings().await?;
        ensure!(caller == self.address, "{caller} calls, not {}", self.address);
        other.take(if video { "answer-video" } else { "answer-audio" }).await?;
        for phone in [self, other] {
            phone.until("dataset.state === 'established' && call.dataset.media === 'connected'").await?;
        }
        Ok(())
    }

    /// Presses a button of the call: `mute`, `camera`, `hold`, `keypad`, `hang-up`.
    pub async fn press(&self, button: &str) -> Result<()> {
        self.tab.click(&format!("#calls [data-do={button}]:not(:disabled)")).await
    }

    /// Waits until this holds of the call; `call` is its element.
    pub async fn until(&self, condition: &str) -> Result<()> {
        self.tab.until(&format!("(call => call.{condition})({CALL})")).await.with_context(|| self.address.clone())
    }

    /// Waits until no offer is under way.
    pub async fn settled(&self) -> Result<()> {
        self.until("dataset.negotiation === 'idle'").await
    }

    /// The counters of the call.
    pub async fn counters(&self) -> Result<Counters> {
        let read = "({ audio: Number(c.audioPacketsReceived ?? 0), frames: Number(c.framesDecoded ?? 0) })";
        self.tab.evaluate(&format!("(c => {read})({CALL}.dataset)")).await
    }

    /// Waits until sound comes in, and pictures too if there is `video`.
    pub async fn hears(&self, video: bool) -> Result<()> {
        let from = self.counters().await?;
        let (audio, frames) = (from.audio + 10, if video { from.frames + 3 } else { 0 });
        self.until(&format!(
            "dataset.audioPacketsReceived >= {audio} && Number(call.dataset.framesDecoded ?? 0) >= {frames}"
        ))
        .await
    }

    /// Waits until there is no call any more, and gives who ended the last one and the status.
    pub async fn ended(&self) -> Result<(String, String)> {
        self.tab.until(&format!("!{CALL} && document.querySelector('#recent li')")).await?;
        self.tab.evaluate("(li => [li.dataset.by, li.dataset.status])(document.querySelector('#recent li'))").await
    }

    /// Writes `text` to an address.
    pub async fn write(&self, to: &str, text: &str) -> Result<()> {
        self.tab.fill("#dial", to).await?;
        self.tab.click("#dial-chat").await?;
        self.tab.fill("#chat-text", text).await?;
        self.tab.click("#chat-send").await
    }

    /// Waits until a message of ours has this delivery, and gives the status of one that failed.
    pub async fn delivery(&self, text: &str, delivery: &str) -> Result<String> {
        let bubble = format!(
            "[...document.querySelectorAll('#chat-logs [data-direction=sent][data-delivery={delivery}]')]
                .find(b => b.querySelector('.bubble-text').textContent === {text:?})"
        );
        self.tab.until(&bubble).await?;
        self.tab.evaluate(&format!("({bubble}).dataset.status ?? ''")).await
    }

    /// Waits until `from` has written `text`.
    pub async fn reads(&self, from: &str, text: &str) -> Result<()> {
        let log = format!("#chat-logs [data-peer={from:?}] [data-direction=received] .bubble-text");
        self.tab.until(&format!("[...document.querySelectorAll({log:?})].some(p => p.textContent === {text:?})")).await
    }
}
