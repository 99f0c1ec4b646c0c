//! The computed things, step by step (issue 4 point 3).

use anyhow::Result;
use e2e::{Bed, Tab};

pub(crate) async fn compute_what_the_nodes_compute(bed: &Bed, tab: &Tab) -> Result<()> {
    digests(tab).await?;
    tokens(tab).await?;
    ranges(tab).await?;
    origins(bed, tab).await?;
    flow_tokens(tab).await
}

async fn show(tab: &Tab, tool: &str) -> Result<()> {
    tab.evaluate::<bool>(&format!("(location.hash = 'tools/{tool}', true)")).await?;
    tab.until(&format!(
        "document.querySelector('[data-testid=tool-{tool}]').ariaCurrent === 'page' && document.querySelector('[data-testid=tool-result] *')"
    ))
    .await
}

/// A REGISTER of `alice-wic@ims.example` whose hashes were computed elsewhere.
async fn digests(tab: &Tab) -> Result<()> {
    show(tab, "digest").await?;
    for (algorithm, step, value) in [
        ("MD5", "HA1", "5edf8ae38d86bc1c0bc5323d077845cc"),
        ("MD5", "HA2", "08f2edaca4e4c12ad6152f832d2826a6"),
        ("MD5", "response", "fea8fb1809a8cf387270223509755d28"),
        ("MD5", "rspauth", "80339508340532d302a61b765b217933"),
        ("SHA-256", "HA1", "a54089f7a68f97e7657fea5c6553c9c14643aba36cd839751e7136a40d424dea"),
        ("SHA-256", "HA2", "923846ef996232e7572a9f49694687e351952ee4e935cfeb6868ccc1af8f2a34"),
        ("SHA-256", "response", "89c9ce4f5342b949f0bb4d7051643ced1e7cecfe016a064f60f0b71cb86f9c14"),
        ("SHA-256", "rspauth", "377a15e32723e8b435a277261f0ff8d6bf5e839260e1409aa746ac5eff1cdf91"),
    ] {
        tab.until(&computed(algorithm, step, value)).await?;
    }
    tab.fill("[data-testid=field-nc]", "00000002").await?;
    let second = "c7b7b42375edcbef3e8829a339c4b20b1c458bb8284a7b2a73d0ef81e8906e67";
    tab.until(&computed("SHA-256", "response", second)).await?;
    tab.until(&computed("MD5", "response", "ee2801fe0e35e47e680fd2e7c36e6b4c")).await?;
    tab.fill("[data-testid=field-sent]", second).await?;
    tab.until("document.querySelector('[data-testid=compared]').dataset.ok === 'true'").await
}

fn computed(algorithm: &str, step: &str, value: &str) -> String {
    format!(
        "document.querySelector('[data-algorithm={algorithm:?}] [data-step={step:?}] .value').textContent === {value:?}"
    )
}

/// A good token passes T0 to T9; one with another signature stops at T2.
async fn tokens(tab: &Tab) -> Result<()> {
    show(tab, "token").await?;
    tab.click("[data-testid=issue-alice]").await?;
    tab.until("document.querySelector('[data-testid=token-outcome]').innerText.includes('flow 2')").await?;
    let passed: usize = tab.evaluate("document.querySelectorAll('.check-line[data-state=passed]').length").await?;
    assert_eq!(passed, 10, "{}", tab.text("[data-testid=tool-result]").await?);
    tab.evaluate::<bool>(
        "(() => { const field = document.querySelector('[data-testid=field-token]');
            const at = field.value.length - 10;
            field.value = field.value.slice(0, at) + (field.value[at] === 'A' ? 'B' : 'A') + field.value.slice(at + 1);
            field.dispatchEvent(new Event('input')); return true; })()",
    )
    .await?;
    tab.until("document.querySelector('.check-line[data-check=T2]').dataset.state === 'failed'").await?;
    tab.until("document.querySelector('.check-line[data-check=T3]').dataset.state === 'skipped'").await
}

async fn ranges(tab: &Tab) -> Result<()> {
    show(tab, "wildcard").await?;
    tab.until("document.querySelector('[data-testid=wildcard-outcome]').dataset.ok === 'true'").await?;
    assert!(tab.text("[data-testid=pieces]").await?.contains("042"));
    tab.fill("[data-testid=field-impu]", "sip:alice@ims.example").await?;
    tab.until("document.querySelector('[data-testid=wildcard-outcome]').dataset.ok === 'false'").await
}

async fn origins(bed: &Bed, tab: &Tab) -> Result<()> {
    show(tab, "origin").await?;
    tab.until("document.querySelector('[data-testid=origin-outcome]').innerText.startsWith('101')").await?;
    for refused in [bed.ready.rogue_wwsf.as_str(), "null", &format!("{}.evil.example", bed.ready.wwsf)] {
        tab.fill("[data-testid=field-origin]", refused).await?;
        tab.until("document.querySelector('[data-testid=origin-outcome]').innerText.startsWith('403')").await?;
        tab.fill("[data-testid=field-origin]", &bed.ready.partner_wwsf).await?;
        tab.until("document.querySelector('[data-testid=origin-outcome]').innerText.startsWith('101')").await?;
    }
    Ok(())
}

/// From a message to the connection behind its Path.
async fn flow_tokens(tab: &Tab) -> Result<()> {
    tab.evaluate::<bool>("(location.hash = 'ladder', true)").await?;
    tab.until("!document.querySelector('#trace').hidden").await?;
    let row = "[...document.querySelectorAll('.row:not([hidden])')].find(r => /^REGISTER.*from eP-CSCF/.test(r.getAttribute('aria-label')))";
    tab.until(row).await?;
    tab.evaluate::<bool>(&format!("({row}.click(), true)")).await?;
    tab.click("[data-testid=take-flow-token]").await?;
    tab.until("document.querySelector('[data-testid=flow-outcome]').dataset.ok === 'true'").await?;
    tab.fill("[data-testid=field-token]", "AAAAAAAAAAJrBosbG1Cjpvcu6fovtg").await?;
    tab.until("document.querySelector('[data-testid=flow-outcome]').innerText.includes('403')").await
}
