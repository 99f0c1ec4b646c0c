//! Takes pictures of every page: wide and narrow, light and dark.
//!
//! `cargo run -p e2e --example screenshots -- FOLDER [pages|console|calls]` writes
//! `page-state-width-scheme.png` files; `docs/demo.png` of the README is one of them.

use anyhow::{Context, Result};
use e2e::{Bed, Phone, Tab, User};
use std::path::{Path, PathBuf};

const WIDTHS: [(i64, i64); 2] = [(1440, 900), (390, 844)];
const SCHEMES: [&str; 2] = ["light", "dark"];

#[tokio::main]
async fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).context("usage: screenshots FOLDER")?);
    std::fs::create_dir_all(&folder)?;
    let only = std::env::args().nth(2);
    let wanted = |part| only.as_deref().is_none_or(|only| only == part);
    let bed = Bed::with_browser(|_| {}).await?;
    // The console's ladder shows the registrations of the pages.
    if wanted("pages") || wanted("console") {
        pages(&bed, &folder).await?;
    }
    if wanted("console") {
        console(&bed, &folder).await?;
    }
    if wanted("calls") {
        calls(&bed, &folder).await?;
    }
    Ok(())
}

async fn pages(bed: &Bed, folder: &Path) -> Result<()> {
    let tab = bed.open(&format!("{}/?flow=digest", bed.ready.wwsf)).await?;
    tab.until_state("idle").await?;
    shoot(&tab, folder, "operator-idle").await?;
    tab.fill("#impi", "alice-wic@ims.example").await?;
    tab.fill("#impu", "sip:alice@ims.example").await?;
    tab.fill("#password", "wrong").await?;
    tab.click("#register").await?;
    tab.until_state("failed").await?;
    shoot(&tab, folder, "operator-failed").await?;

    let tab = bed.open(&format!("{}/?flow=web-auth", bed.ready.wwsf)).await?;
    tab.until_state("idle").await?;
    tab.fill("#username", "alice").await?;
    tab.fill("#web-password", "alice-web").await?;
    tab.click("#register").await?;
    tab.until_state("registered").await?;
    shoot(&tab, folder, "operator-registered").await?;

    let tab = bed.open(&bed.ready.partner_wwsf).await?;
    tab.until_state("idle").await?;
    tab.click("#register").await?;
    tab.until_state("registered").await?;
    shoot(&tab, folder, "partner-registered").await?;

    let tab = bed.open(&bed.ready.rogue_wwsf).await?;
    tab.until_state("idle").await?;
    shoot(&tab, folder, "rogue-idle").await?;

    let tab = bed.open(&bed.ready.epcscf.replace("wss://", "https://")).await?;
    shoot(&tab, folder, "epcscf").await?;
    let tab = bed.open(&format!("{}/nowhere", bed.ready.wwsf)).await?;
    shoot(&tab, folder, "not-found").await?;
    Ok(())
}

/// The console, with the registrations above in its ladder.
async fn console(bed: &Bed, folder: &Path) -> Result<()> {
    let tab = bed.open(&format!("{}/console", bed.ready.wwsf)).await?;
    tab.until("document.querySelector('.row.failed')").await?;
    shoot(&tab, folder, "console-ladder").await?;
    tab.press("?").await?;
    shoot(&tab, folder, "console-help").await?;
    tab.press("Escape").await?;

    let tna = "[...document.querySelectorAll('.row')].find(r => /^REGISTER.*from eP-CSCF to I-CSCF.*2·4/.test(r.getAttribute('aria-label')))";
    tab.fill("#filter", "flow:2").await?;
    tab.until(tna).await?;
    tab.evaluate::<bool>(&format!("({tna}.click(), true)")).await?;
    tab.until("document.querySelector('.hl')").await?;
    shoot(&tab, folder, "console-message").await?;
    tab.press("x").await?;
    shoot(&tab, folder, "console-explained").await?;

    for view in
        ["lessons", "faults", "tools/digest", "tools/token", "tools/wildcard", "tools/flow-token", "tools/origin"]
    {
        let tab = bed.open(&format!("{}/console#{view}", bed.ready.wwsf)).await?;
        let loaded = "document.querySelector(document.body.dataset.view === 'tools' ? '[data-testid=tool-result] *' : '#side h2')";
        tab.until(loaded).await?;
        shoot(&tab, folder, &format!("console-{}", view.replace('/', "-"))).await?;
    }
    let tab = bed.open(&format!("{}/console#lessons/digest", bed.ready.wwsf)).await?;
    tab.click("[data-testid=run-steps]").await?;
    for step in 0..4 {
        tab.until(&format!("document.querySelector('[data-testid=step-{step}]').dataset.state === 'waiting'")).await?;
        tab.click("[data-testid=next-step]").await?;
    }
    tab.until("document.querySelector('[data-testid=step-4]').dataset.state === 'waiting'").await?;
    shoot(&tab, folder, "console-lesson-halted").await
}

/// Two people who are called, talk and write.
async fn calls(bed: &Bed, folder: &Path) -> Result<()> {
    let alice = Phone::register(bed, User::Digest("alice")).await?;
    let guest = Phone::register(bed, User::Guest).await?;

    for (from, to, text) in [
        (&guest, &alice, "Hello Alice, a guest of the partner here. Do you have a minute for a call?"),
        (&alice, &guest, "Yes. I see your address vouched for by the network."),
    ] {
        from.write(&to.address, text).await?;
        to.reads(&from.address, text).await?;
    }
    alice.write("nobody", "Is anybody there?").await?;
    alice.delivery("Is anybody there?", "failed").await?;
    shoot(&alice.tab, folder, "chat-failed").await?;
    alice.tab.click(&format!("#chat-peers [data-peer={:?}]", guest.address)).await?;
    shoot(&alice.tab, folder, "chat").await?;

    guest.call("alice", true).await?;
    alice.rings().await?;
    shoot(&alice.tab, folder, "incoming").await?;
    shoot(&guest.tab, folder, "ringing").await?;
    alice.take("answer-video").await?;
    for phone in [&alice, &guest] {
        phone.until("dataset.media === 'connected'").await?;
        phone.hears(true).await?;
    }
    shoot(&alice.tab, folder, "in-call").await?;
    alice.tab.click(".quality summary").await?;
    alice.press("keypad").await?;
    alice.press("mute").await?;
    shoot(&alice.tab, folder, "in-call-details").await?;
    guest.press("hold").await?;
    alice.until("dataset.hold === 'remote'").await?;
    shoot(&guest.tab, folder, "on-hold").await?;
    shoot(&alice.tab, folder, "held").await?;

    // A second one calls.
    let carol = Phone::register(bed, User::WebAuth("carol")).await?;
    carol.call("alice", false).await?;
    alice.take("answer-audio").await?;
    carol.until("dataset.media === 'connected'").await?;
    shoot(&alice.tab, folder, "two-calls").await?;
    carol.press("hang-up").await?;
    guest.press("hang-up").await?;
    alice.ended().await?;
    alice.call("nobody", false).await?;
    alice.ended().await?;
    shoot(&alice.tab, folder, "after-calls").await
}

async fn shoot(tab: &Tab, folder: &Path, name: &str) -> Result<()> {
    for (width, height) in WIDTHS {
        for scheme in SCHEMES {
            tab.look(width, height, scheme).await?;
            tab.screenshot(&folder.join(format!("{name}-{width}-{scheme}.png"))).await?;
        }
    }
    tab.look(1440, 900, "light").await
}
