//! What is taken away can be read elsewhere (issue 4 point 6).

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use e2e::Tab;
use e2e::peers::Captured;

pub(crate) async fn are_valid(tab: &Tab) -> Result<()> {
    let pcapng = STANDARD.decode(exported(tab, "pcapng").await?)?;
    assert_eq!(&pcapng[..4], b"\x0a\x0d\x0d\x0a", "a section header block");
    let dissected = Captured::of(&pcapng)?.dissect(&[], "sip", &["sip.Method", "sip.Status-Code"]).await?;
    let registers = dissected.iter().filter(|line| line.starts_with("REGISTER")).count();
    let accepted = dissected.iter().filter(|line| line.contains("200")).count();
    assert!(registers >= 3 && accepted >= 3, "WIC, eP-CSCF and I-CSCF each sent one: {dissected:?}");
    let malformed = Captured::of(&pcapng)?.dissect(&[], "_ws.malformed", &["frame.number"]).await?;
    assert_eq!(malformed, Vec::<String>::new());

    let mermaid = String::from_utf8(STANDARD.decode(exported(tab, "mermaid").await?)?)?;
    assert!(mermaid.starts_with("sequenceDiagram") && mermaid.contains("REGISTER"), "{mermaid}");
    let json: Vec<serde_json::Value> = serde_json::from_slice(&STANDARD.decode(exported(tab, "json").await?)?)?;
    assert!(json.iter().any(|record| record["leg"] == "cx"), "{json:?}");
    let svg: String = tab.evaluate(SVG).await?;
    assert!(svg.starts_with("svg ") && svg.ends_with(" true"), "{svg}");
    let png: Vec<u32> = tab.evaluate(PNG).await.context("drawing the ladder")?;
    assert!(png[0] > 500 && png[1] > 500, "{png:?}");

    // And the menu does it: it closes when the file is there, and says why when not.
    for format in ["pcapng", "svg", "png", "mermaid", "json"] {
        tab.click("[data-testid=export] summary").await?;
        tab.click(&format!("[data-testid=export-{format}]")).await?;
        tab.until(
            "!document.querySelector('[data-testid=export]').open || !document.querySelector('.menu-failure').hidden",
        )
        .await?;
        assert_eq!(tab.text(".menu-failure").await?, "", "{format}");
    }
    Ok(())
}

/// All that is kept in this format, as base64.
async fn exported(tab: &Tab, format: &str) -> Result<String> {
    let script = format!(
        "(async () => {{
            const {{ app }} = await import(document.querySelector('script[type=module]').src);
            const seqs = app.store.arrows.map(arrow => arrow.seq);
            const answer = await fetch('/console/api/export?format={format}', {{
                method: 'POST', headers: {{ 'content-type': 'application/json' }}, body: JSON.stringify({{ seqs }}) }});
            const octets = new Uint8Array(await answer.arrayBuffer());
            return btoa(octets.reduce((text, octet) => text + String.fromCharCode(octet), ''));
        }})()"
    );
    tab.evaluate(&script).await.with_context(|| format!("exporting {format}"))
}

const SVG: &str = "(async () => {
    const { app } = await import(document.querySelector('script[type=module]').src);
    const answer = await fetch('/console/api/export?format=svg', {
        method: 'POST', headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ seqs: app.store.arrows.map(arrow => arrow.seq) }) });
    const drawing = new DOMParser().parseFromString(await answer.text(), 'image/svg+xml');
    return `${drawing.documentElement.nodeName} ${!drawing.querySelector('parsererror')}`;
})()";

/// Width and height of the picture, which is not blank.
const PNG: &str = "(async () => {
    const module = performance.getEntriesByType('resource').find(entry => /\\/exports\\.[^/]+\\.js$/.test(entry.name));
    const { png } = await import(module.name);
    const { app } = await import(document.querySelector('script[type=module]').src);
    const answer = await fetch('/console/api/export?format=svg', {
        method: 'POST', headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ seqs: app.store.arrows.map(arrow => arrow.seq) }) });
    const picture = await createImageBitmap(await png(await answer.blob()));
    const canvas = new OffscreenCanvas(picture.width, picture.height).getContext('2d');
    canvas.drawImage(picture, 0, 0);
    const { data } = canvas.getImageData(0, 0, picture.width, picture.height);
    const drawn = data.some((octet, at) => octet !== data[at % 4]);
    return drawn ? [picture.width, picture.height] : [0, 0];
})()";
