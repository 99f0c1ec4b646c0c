//! The three registration flows in Chromium, and what ends them.

use anyhow::Result;
use e2e::{Bed, Tab};

async fn digest(bed: &Bed, password: &str) -> Result<Tab> {
    let tab = bed.open(&format!("{}/?flow=digest", bed.ready.wwsf)).await?;
    tab.until_state("idle").await?;
    tab.fill("#impi", "alice-wic@ims.example").await?;
    tab.fill("#impu", "sip:alice@ims.example").await?;
    tab.fill("#password", password).await?;
    tab.click("#register").await?;
    Ok(tab)
}

async fn web_auth(bed: &Bed) -> Result<Tab> {
    let tab = bed.open(&format!("{}/?flow=web-auth", bed.ready.wwsf)).await?;
    tab.until_state("idle").await?;
    tab.fill("#username", "alice").await?;
    tab.fill("#web-password", "alice-web").await?;
    tab.click("#register").await?;
    Ok(tab)
}

async fn guest(bed: &Bed) -> Result<Tab> {
    let tab = bed.open(&format!("{}/?flow=wildcard", bed.ready.partner_wwsf)).await?;
    tab.until_state("idle").await?;
    tab.click("#register").await?;
    Ok(tab)
}

/// What crossed the core so far, as `node: summary`.
fn core(bed: &Bed) -> Vec<String> {
    let records = bed.testbed.hub().since(0);
    records.iter().filter(|r| r.node == "scscf").map(|r| r.summary.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_flow_registers_refreshes_and_deregisters() -> Result<()> {
    let bed = Bed::with_browser(|_| {}).await?;

    // Flow 3 first: the core knows of the range, whose anchor the eP-CSCF watches, and of no guest.
    let tab = guest(&bed).await?;
    tab.until_state("registered").await?;
    let impus = tab.identities().await?;
    assert!(impus[0].starts_with("sip:guest-") && impus[0].ends_with("@partner.ims.example"), "{impus:?}");
    refresh_and_leave(&tab).await?;
    let seen = core(&bed);
    let registers = |s: &String| ["REGISTER", "UAR", "MAR"].iter().any(|start| s.starts_with(start));
    assert!(!seen.iter().any(|s| registers(s) || s.contains(&impus[0])), "{seen:?}");

    // Flow 1: a challenge, an answer, and the network proves itself.
    let tab = digest(&bed, "alice-secret").await?;
    tab.until_state("registered").await?;
    assert_eq!(tab.identities().await?[0], "sip:alice@ims.example");
    assert_eq!(tab.messages("SIP/2.0 401").await?, 1);
    assert!(core(&bed).iter().any(|s| s.starts_with("MAR")), "{:?}", core(&bed));
    refresh_and_leave(&tab).await?;

    // Flow 2: no challenge, and no MAR for a registration by TNA.
    let before = core(&bed).len();
    let tab = web_auth(&bed).await?;
    tab.until_state("registered").await?;
    assert_eq!(tab.identities().await?[0], "sip:alice@ims.example");
    assert_eq!(tab.messages("SIP/2.0 401").await?, 0);
    refresh_and_leave(&tab).await?;
    let seen = &core(&bed)[before..];
    assert!(seen.iter().any(|s| s.starts_with("SAR")) && !seen.iter().any(|s| s.starts_with("MAR")), "{seen:?}");
    Ok(())
}

/// How many 200 OK to REGISTER the page shows. Others belong to what watches the registration.
const ACCEPTED: &str = "[...document.querySelectorAll('#messages pre')]\
    .filter(p => /^SIP\\/2.0 200[^]*^CSeq: \\d+ REGISTER/m.test(p.textContent)).length";

async fn refresh_and_leave(tab: &Tab) -> Result<()> {
    let before: usize = tab.evaluate(ACCEPTED).await?;
    tab.click("#refresh").await?;
    tab.until(&format!("{ACCEPTED} === {}", before + 1)).await?;
    tab.until_state("registered").await?;
    tab.click("#deregister").await?;
    tab.until_state("idle").await?;
    assert_eq!(tab.evaluate::<usize>(ACCEPTED).await?, before + 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_recovers_by_itself_when_the_epcscf_comes_back() -> Result<()> {
    let mut bed = Bed::with_browser(|_| {}).await?;
    let tab = web_auth(&bed).await?;
    tab.until_state("registered").await?;
    bed.testbed.stop_epcscf().await;
    tab.until_state("backing-off").await?;
    let (cause, _) = tab.failure().await?;
    assert!(["connection-lost", "unreachable"].contains(&cause.as_str()), "{cause}");
    bed.testbed.restart_epcscf(|_| {}).await?;
    tab.until_state("registered").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wss_that_does_not_open_is_explained_with_a_link() -> Result<()> {
    let mut bed = Bed::with_browser(|_| {}).await?;
    bed.testbed.stop_epcscf().await;
    let tab = web_auth(&bed).await?;
    assert_eq!(tab.failure().await?.0, "unreachable");
    let link: String = tab.evaluate("document.querySelector('#failure-link').href").await?;
    let page = bed.ready.epcscf.replace("wss://", "https://");
    assert_eq!(link.trim_end_matches('/'), page.trim_end_matches('/'));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_ends_with_403() -> Result<()> {
    let bed = Bed::with_browser(|_| {}).await?;
    let tab = digest(&bed, "not-her-secret").await?;
    tab.until_state("failed").await?;
    let (cause, status) = tab.failure().await?;
    assert!(cause == "wrong-password" || status == "403", "{cause} {status}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_web_password_gets_no_token() -> Result<()> {
    let bed = Bed::with_browser(|_| {}).await?;
    let tab = bed.open(&format!("{}/?flow=web-auth", bed.ready.wwsf)).await?;
    tab.until_state("idle").await?;
    tab.fill("#username", "alice").await?;
    tab.fill("#web-password", "not-hers").await?;
    tab.click("#register").await?;
    tab.failure().await?;
    assert_eq!(tab.messages("REGISTER").await?, 0);
    Ok(())
}
