//! Clients by others: JsSIP and SIP.js in a page of the operator's origin.

use anyhow::{Context, Result, ensure};
use e2e::{Bed, Phone, Tab, User, peers};
use ims::Password;
use mock_ims::hss::{AdminRequest, Subscriber};
use mock_ims::policy::DigestAlgorithm;
use serde_json::{Value, json};

/// A testbed with a browser, and `dave`, a subscriber as such clients need one.
async fn bed() -> Result<Bed> {
    // They answer the first challenge and know MD5 alone, so SHA-256 is not offered.
    let bed = Bed::with_browser(|config| config.ims.policy.digest_algorithms = vec![DigestAlgorithm::Md5]).await?;
    // Their first REGISTER has no credentials, so the IMPI must be the one that follows from the IMPU
    // (TS 33.203 N.2.1.1).
    let dave = Subscriber {
        impi: "dave@ims.example".parse()?,
        password: Some(Password::new("dave-secret")),
        impus: vec!["sip:dave@ims.example".parse()?],
        allowed_wafs: Vec::new(),
        allowed_wwsfs: Vec::new(),
    };
    let core = bed.testbed.ims().context("the core runs here")?;
    core.hss(|hss| hss.admin(AdminRequest::AddUser(dave))).await.context("the HSS runs")??;
    Ok(bed)
}

fn by_digest(bed: &Bed) -> Value {
    json!({
        "url": bed.ready.epcscf,
        "domain": "ims.example",
        "uri": "sip:dave@ims.example",
        "authorization_user": "dave@ims.example",
        "password": "dave-secret",
    })
}

async fn by_token(bed: &Bed) -> Result<Value> {
    let wwsf = testbed::wic_shell::Wwsf::new(&bed.ready.wwsf, &bed.ready.ca)?;
    wwsf.login("bob", "bob-web").await?;
    let grant = wwsf.token().await?;
    Ok(json!({
        "url": bed.ready.epcscf,
        "domain": "ims.example",
        "uri": "sip:bob@ims.example",
        "jwt": grant.token.expose(),
    }))
}

/// A page in which a client by others has registered.
async fn peer(bed: &Bed, name: &str, options: &Value) -> Result<Tab> {
    let tab = bed.open(&bed.ready.wwsf).await?;
    peers::load(&tab, name, options).await?;
    until(&tab, "registered").await?;
    Ok(tab)
}

async fn until(tab: &Tab, state: &str) -> Result<()> {
    tab.until(&format!("document.documentElement.dataset.peer === {state:?}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn jssip_and_sipjs_register_and_leave() -> Result<()> {
    let bed = bed().await?;
    for (name, options) in [("jssip", by_digest(&bed)), ("sipjs", by_digest(&bed)), ("jssip", by_token(&bed).await?)] {
        let tab = peer(&bed, name, &options).await?;
        tab.evaluate::<bool>("peer.stop()").await?;
        until(&tab, "unregistered").await?;
        tab.close().await?;
    }
    Ok(())
}

/// Audio packets are sent and received, more and more.
async fn hears(tab: &Tab) -> Result<()> {
    for count in ["peerPacketsReceived", "peerPacketsSent"] {
        let now = format!("Number(document.documentElement.dataset.{count} ?? 0)");
        let before: u64 = tab.evaluate(&now).await?;
        tab.until(&format!("{now} > {before} + 20")).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn jssip_and_our_wic_call_each_other_with_sound_both_ways() -> Result<()> {
    let bed = bed().await?;
    let alice = Phone::register(&bed, User::Digest("alice")).await?;
    for options in [by_digest(&bed), by_token(&bed).await?] {
        let address = options["uri"].as_str().context("an address")?;
        let tab = peer(&bed, "jssip", &options).await?;

        tab.evaluate::<bool>(&format!("peer.call({:?})", alice.address)).await?;
        ensure!(alice.rings().await? == address);
        alice.take("answer-audio").await?;
        until(&tab, "established").await?;
        hears(&tab).await?;
        alice.hears(false).await?;
        tab.evaluate::<bool>("peer.hangUp()").await?;
        ensure!(alice.ended().await?.0 == "peer");

        alice.call(address, false).await?;
        until(&tab, "incoming").await?;
        let from: String = tab.evaluate("document.documentElement.dataset.peerFrom").await?;
        ensure!(from == format!("<{}>", alice.address), "{from}");
        tab.evaluate::<bool>("peer.answer()").await?;
        until(&tab, "established").await?;
        hears(&tab).await?;
        alice.hears(false).await?;
        alice.press("hang-up").await?;
        until(&tab, "ended").await?;
        tab.evaluate::<bool>("peer.stop()").await?;
        until(&tab, "unregistered").await?;
        tab.close().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sipjs_and_our_wic_write_to_each_other() -> Result<()> {
    let bed = bed().await?;
    let alice = Phone::register(&bed, User::Digest("alice")).await?;
    let tab = peer(&bed, "sipjs", &by_digest(&bed)).await?;
    tab.evaluate::<bool>(&format!("peer.message({:?}, 'Hello Alice')", alice.address)).await?;
    alice.reads("sip:dave@ims.example", "Hello Alice").await?;
    tab.until("document.documentElement.dataset.peerSent === 'delivered'").await?;
    alice.write("dave", "Hello Dave").await?;
    tab.until("document.documentElement.dataset.peerText === 'Hello Dave'").await?;
    let from: String = tab.evaluate("document.documentElement.dataset.peerFrom").await?;
    ensure!(from == format!("<{}>", alice.address), "{from}");
    alice.delivery("Hello Dave", "delivered").await?;
    Ok(())
}
