//! What the eP-CSCF refuses, seen from the page of a browser.

use anyhow::Result;
use e2e::{Bed, Tab, forge};
use serde_json::{Value, json};

/// A testbed in which nothing crosses the core but what a WIC causes: no range has an anchor that is
/// registered by configuration and watched.
async fn bed() -> Result<Bed> {
    Bed::with_browser(|config| {
        config.epcscf.policy.reg_event.anchors = false;
        config.ims.statics.clear();
    })
    .await
}

/// A script that changes what `/api/token` answers: `change` is the body of a function of `grant`.
fn intercept(change: &str) -> String {
    format!(
        "const fetched = window.fetch;
         window.fetch = async (...args) => {{
             const response = await fetched(...args);
             const url = String(args[0]?.url ?? args[0]);
             if (!url.endsWith('/api/token') || !response.ok) return response;
             const grant = await response.json();
             {change}
             return new Response(JSON.stringify(grant), {{ status: 200, headers: {{ 'Content-Type': 'application/json' }} }});
         }};"
    )
}

async fn alice_with(bed: &Bed, change: &str) -> Result<Tab> {
    let tab = bed.open_with(&format!("{}/?flow=web-auth", bed.ready.wwsf), &intercept(change)).await?;
    tab.until_state("idle").await?;
    tab.fill("#username", "alice").await?;
    tab.fill("#web-password", "alice-web").await?;
    tab.click("#register").await?;
    Ok(tab)
}

async fn guest_with(bed: &Bed, change: &str) -> Result<Tab> {
    let tab = bed.open_with(&format!("{}/?flow=wildcard", bed.ready.partner_wwsf), &intercept(change)).await?;
    tab.until_state("idle").await?;
    tab.click("#register").await?;
    Ok(tab)
}

/// The final answers that the WIC received to a REGISTER, in order.
async fn answers(tab: &Tab) -> Result<Vec<String>> {
    tab.until_state("failed").await?;
    tab.evaluate("[...document.querySelectorAll('#messages li[data-direction=received]')].map(li => li.dataset.status).filter(Boolean)")
        .await
}

/// Nothing may have reached the core.
fn assert_core_untouched(bed: &Bed) {
    assert_eq!(bed.core_messages(), 0, "the core saw a message");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_token_is_401_and_goes_no_further() -> Result<()> {
    let bed = bed().await?;
    let flip = "const t = grant.token, i = t.length - 10;
                grant.token = t.slice(0, i) + (t[i] === 'A' ? 'B' : 'A') + t.slice(i + 1);";
    let tab = alice_with(&bed, flip).await?;
    let answers = answers(&tab).await?;
    assert!(!answers.is_empty() && answers.iter().all(|a| a == "401"), "{answers:?}");
    assert_core_untouched(&bed);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_401_and_goes_no_further() -> Result<()> {
    let bed = bed().await?;
    let mut claims = token_of_alice(&bed).await?;
    let issued = claims["iat"].as_u64().unwrap() - 7200;
    claims["iat"] = json!(issued);
    claims["nbf"] = json!(issued);
    claims["exp"] = json!(issued + 3600);
    let token = forge::sign(&bed.state().join("wwsf"), &claims)?;
    let tab = alice_with(&bed, &format!("grant.token = {token:?};")).await?;
    let answers = answers(&tab).await?;
    assert!(!answers.is_empty() && answers.iter().all(|a| a == "401"), "{answers:?}");
    assert_core_untouched(&bed);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impu_that_is_not_in_the_token_is_403() -> Result<()> {
    let bed = bed().await?;
    let tab = alice_with(&bed, "grant.impu = ['sip:bob@ims.example'];").await?;
    assert_eq!(answers(&tab).await?, ["403"]);
    assert_core_untouched(&bed);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_impu_out_of_the_partners_range_is_403_though_the_token_names_it() -> Result<()> {
    let bed = bed().await?;
    for impu in ["sip:alice@ims.example", "sip:xguest-1@partner.ims.example", "sip:trunk@partner.ims.example"] {
        let mut claims = token_of_guest(&bed).await?;
        claims["impu"] = json!([impu]);
        let token = forge::sign(&bed.state().join("partner-wwsf"), &claims)?;
        let tab = guest_with(&bed, &format!("grant.token = {token:?}; grant.impu = [{impu:?}];")).await?;
        assert_eq!(answers(&tab).await?, ["403"], "{impu}");
    }
    assert_core_untouched(&bed);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rogue_wwsfs_page_gets_no_websocket() -> Result<()> {
    let bed = bed().await?;
    let tab = bed.open(&format!("{}/?flow=web-auth", bed.ready.rogue_wwsf)).await?;
    tab.until_state("idle").await?;
    tab.fill("#username", "alice").await?;
    tab.fill("#web-password", "alice-web").await?;
    tab.click("#register").await?;
    assert_eq!(tab.failure().await?.0, "unreachable");
    assert_eq!(tab.messages("REGISTER").await?, 0);
    let records = bed.testbed.hub().since(0);
    let refused = records.iter().any(|r| r.node == "epcscf" && r.summary.contains("403"));
    assert!(refused, "{:?}", records.iter().map(|r| (&r.node, &r.summary)).collect::<Vec<_>>());
    assert_core_untouched(&bed);
    Ok(())
}

/// The claims of a token that the WWSF really gave.
async fn token_of_alice(bed: &Bed) -> Result<Value> {
    let tab = bed.open(&bed.ready.wwsf).await?;
    let post = "(path, body) => fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })";
    let login = format!("({post})('/api/login', {{ username: 'alice', password: 'alice-web' }}).then(r => r.ok)");
    assert!(tab.evaluate::<bool>(&login).await?);
    let token: String =
        tab.evaluate(&format!("({post})('/api/token', {{}}).then(r => r.json()).then(g => g.token)")).await?;
    tab.close().await?;
    forge::claims(&token)
}

async fn token_of_guest(bed: &Bed) -> Result<Value> {
    let tab = bed.open(&bed.ready.partner_wwsf).await?;
    let post = "fetch('/api/token', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{}' })";
    let token: String = tab.evaluate(&format!("{post}.then(r => r.json()).then(g => g.token)")).await?;
    tab.close().await?;
    forge::claims(&token)
}
