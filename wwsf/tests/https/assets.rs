use std::fs;
use std::io::Read;

use reqwest::Response;
use tempfile::TempDir;
use wwsf::Config;

use crate::support::{Browser, Wwsf, header};

/// A WWSF with a small WIC, and the address of its WASM.
async fn served() -> (Wwsf, TempDir, String) {
    let dist = tempfile::tempdir().unwrap();
    fs::write(dist.path().join("wic_wasm.js"), "export default new URL('wic_wasm_bg.wasm', import.meta.url);").unwrap();
    fs::write(dist.path().join("wic_wasm_bg.wasm"), wasm()).unwrap();
    let wwsf = Wwsf::start(Config { assets: vec![dist.path().to_owned()], ..Config::operator() }).await;
    let html = wwsf.browser().get("/").send().await.unwrap().text().await.unwrap();
    let wasm = html.split('"').find(|text| text.ends_with(".wasm")).unwrap().to_owned();
    (wwsf, dist, wasm)
}

fn wasm() -> Vec<u8> {
    let mut content = b"\0asm".to_vec();
    content.extend(b"register ".repeat(500));
    content
}

async fn get(browser: &Browser, path: &str, accept: &str) -> Response {
    browser.get(path).header("accept-encoding", accept).send().await.unwrap()
}

#[tokio::test]
async fn the_smallest_encoding_that_the_browser_takes_is_served() {
    let (wwsf, _dist, path) = served().await;
    let browser = wwsf.browser();
    for (accept, encoding) in [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("", ""), ("br;q=0, gzip;q=0", "")] {
        let response = get(&browser, &path, accept).await;
        assert_eq!(header(&response, "content-encoding"), encoding, "{accept}");
        assert_eq!(header(&response, "content-type"), "application/wasm");
        assert_eq!(header(&response, "vary"), "Accept-Encoding");
        let body = response.bytes().await.unwrap();
        let mut content = Vec::new();
        match encoding {
            "br" => brotli::Decompressor::new(&body[..], 4096).read_to_end(&mut content).unwrap(),
            "gzip" => flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut content).unwrap(),
            _ => (&body[..]).read_to_end(&mut content).unwrap(),
        };
        assert_eq!(content, wasm());
        assert!(encoding.is_empty() || body.len() < 200, "{} octets", body.len());
    }
}

#[tokio::test]
async fn an_asset_may_be_kept_for_ever_and_each_encoding_has_its_validator() {
    let (wwsf, _dist, path) = served().await;
    let browser = wwsf.browser();
    let (br, gzip) = (get(&browser, &path, "br").await, get(&browser, &path, "gzip").await);
    assert_eq!(header(&br, "cache-control"), "public, max-age=31536000, immutable");
    assert_ne!(header(&br, "etag"), header(&gzip, "etag"));
    let request = browser.get(&path).header("accept-encoding", "br").header("if-none-match", header(&br, "etag"));
    let fresh = request.send().await.unwrap();
    assert_eq!(fresh.status(), 304);
    assert_eq!(fresh.bytes().await.unwrap().len(), 0);
}

#[tokio::test]
async fn the_glue_finds_its_wasm_under_the_hashed_name() {
    let (wwsf, _dist, path) = served().await;
    let browser = wwsf.browser();
    let html = browser.get("/").send().await.unwrap().text().await.unwrap();
    let glue = html.split('"').find(|text| text.starts_with("/assets/wic_wasm.")).unwrap();
    let glue = get(&browser, glue, "identity").await;
    assert_eq!(header(&glue, "content-type"), "text/javascript; charset=utf-8");
    assert!(glue.text().await.unwrap().contains(&format!("'{path}'")));
}
