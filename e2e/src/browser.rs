//! The system's Chromium, driven over its own protocol.

use anyhow::{Context, Result, bail};
use chromiumoxide::browser::{Browser, BrowserConfig};
use chromiumoxide::cdp::browser_protocol::emulation::{MediaFeature, SetDeviceMetricsOverrideParams};
use chromiumoxide::cdp::browser_protocol::target::{CreateBrowserContextParams, CreateTargetParams};
use chromiumoxide::cdp::js_protocol::runtime::{CallFunctionOnParams, EvaluateParams};
use chromiumoxide::page::{Page, ScreenshotParams};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long anything in the page may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// One browser process with a profile of its own; it ends when this is dropped.
pub struct Chromium {
    browser: Browser,
    events: JoinHandle<()>,
    _profile: tempfile::TempDir,
}

impl Chromium {
    /// Starts the browser. It trusts no certificate but those whose public key hashes to `spki`
    /// (base64 of SHA-256), and has a fake camera and microphone.
    pub async fn launch(spki: &str) -> Result<Self> {
        let profile = tempfile::tempdir()?;
        let config = BrowserConfig::builder()
            .chrome_executable(executable()?)
            .user_data_dir(profile.path())
            .no_sandbox()
            .new_headless_mode()
            .respect_https_errors()
            .launch_timeout(Duration::from_secs(60))
            .request_timeout(PATIENCE)
            .window_size(1440, 900)
            .viewport(None)
            .arg(("ignore-certificate-errors-spki-list", spki))
            .args(["disable-gpu", "disable-quic", "no-first-run", "disable-background-networking"])
            .args(["disable-component-update", "disable-sync"])
            .args(["use-fake-ui-for-media-stream", "use-fake-device-for-media-stream"])
            .arg(("autoplay-policy", "no-user-gesture-required"))
            // All pages are looked at, whichever is in front.
            .args(["disable-background-timer-throttling", "disable-renderer-backgrounding"])
            .arg("disable-backgrounding-occluded-windows")
            .build()
            .map_err(anyhow::Error::msg)?;
        let (browser, mut handler) = Browser::launch(config).await.context("starting Chromium")?;
        // New Chromiums send events that the driver's types do not know: they are passed over.
        let events = tokio::spawn(async move { while handler.next().await.is_some() {} });
        Ok(Self { browser, events, _profile: profile })
    }

    /// Opens `url` in a fresh profile: no cookies, no storage.
    pub async fn open(&self, url: &str) -> Result<Tab> {
        self.open_with(url, "").await
    }

    /// As [`Chromium::open`], after running `script` in the page before any of its own.
    pub async fn open_with(&self, url: &str, script: &str) -> Result<Tab> {
        let context = self.browser.execute(CreateBrowserContextParams::default()).await?.result.browser_context_id;
        let target = CreateTargetParams::builder().url("about:blank").browser_context_id(context).build();
        let page = self.browser.new_page(target.map_err(anyhow::Error::msg)?).await?;
        if !script.is_empty() {
            page.evaluate_on_new_document(script).await?;
        }
        let tab = Tab { page };
        tab.goto(url).await?;
        Ok(tab)
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        self.events.abort();
    }
}

/// One page.
#[derive(Clone)]
pub struct Tab {
    page: Page,
}

impl Tab {
    /// Loads `url` and waits until it is there.
    pub async fn goto(&self, url: &str) -> Result<()> {
        self.page.goto(url).await.with_context(|| format!("opening {url}"))?;
        Ok(())
    }

    /// Loads the page anew.
    pub async fn reload(&self) -> Result<()> {
        self.page.reload().await?;
        Ok(())
    }

    /// Closes the page.
    pub async fn close(self) -> Result<()> {
        self.page.close().await?;
        Ok(())
    }

    /// The value of a JavaScript expression; a promise is awaited.
    pub async fn evaluate<T: DeserializeOwned>(&self, expression: &str) -> Result<T> {
        let params = EvaluateParams::builder().expression(expression).await_promise(true).return_by_value(true).build();
        let result = self.page.evaluate_expression(params.map_err(anyhow::Error::msg)?).await;
        let result = result.with_context(|| format!("evaluating {expression}"))?;
        result.into_value().with_context(|| format!("the value of {expression}"))
    }

    /// Waits until `condition` (a JavaScript expression) is true, looking again after each change
    /// of the document.
    pub async fn until(&self, condition: &str) -> Result<()> {
        let function = format!(
            "() => new Promise((resolve) => {{
                // The page's clock may be a test's (`js/clock.js`).
                const {{ setTimeout, clearTimeout }} = window.clock?.real ?? window;
                const holds = () => {{ try {{ return Boolean({condition}); }} catch {{ return false; }} }};
                if (holds()) return resolve(true);
                const observer = new MutationObserver(() => {{
                    if (holds()) {{ observer.disconnect(); clearTimeout(timer); resolve(true); }}
                }});
                observer.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
                const timer = setTimeout(() => {{ observer.disconnect(); resolve(false); }}, {});
            }})",
            PATIENCE.as_millis() - 2_000
        );
        let call = CallFunctionOnParams::builder()
            .function_declaration(function)
            .await_promise(true)
            .return_by_value(true)
            .build()
            .map_err(anyhow::Error::msg)?;
        let held: bool = self.page.evaluate_function(call).await?.into_value()?;
        if held {
            return Ok(());
        }
        let shown: String = self.evaluate("document.body.innerText").await.unwrap_or_default();
        bail!("{condition} did not come true; the page shows:\n{shown}")
    }

    /// Waits for the element `selector` to be there and enabled.
    pub async fn present(&self, selector: &str) -> Result<()> {
        self.until(&format!("document.querySelector({selector:?}) && !document.querySelector({selector:?}).disabled"))
            .await
    }

    /// Clicks the element once it is there.
    pub async fn click(&self, selector: &str) -> Result<()> {
        self.present(selector).await?;
        let element = self.page.find_element(selector).await?;
        element.click().await.with_context(|| format!("clicking {selector}"))?;
        Ok(())
    }

    /// Puts `text` into an input as a person would, in the place of what was there.
    pub async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        self.present(selector).await?;
        self.evaluate::<bool>(&format!("(document.querySelector({selector:?}).value = '', true)")).await?;
        let element = self.page.find_element(selector).await?;
        element.click().await?.type_str(text).await.with_context(|| format!("typing into {selector}"))?;
        Ok(())
    }

    /// Presses a key, named as `KeyboardEvent.key` does, wherever the focus is.
    pub async fn press(&self, key: &str) -> Result<()> {
        self.page.find_element("body").await?.press_key(key).await.with_context(|| format!("pressing {key}"))?;
        Ok(())
    }

    /// The text of an element; empty when it is not there.
    pub async fn text(&self, selector: &str) -> Result<String> {
        self.evaluate(&format!("document.querySelector({selector:?})?.innerText ?? ''")).await
    }

    /// Waits until the WIC's state is `state`, as `#state` says it.
    pub async fn until_state(&self, state: &str) -> Result<()> {
        self.until(&format!("document.querySelector('#state')?.dataset.state === {state:?}")).await
    }

    /// Waits until the page shows a failure, and gives its cause and SIP status.
    pub async fn failure(&self) -> Result<(String, String)> {
        self.until("!document.querySelector('#failure').hidden").await?;
        self.evaluate("(f => [f.dataset.cause ?? '', f.dataset.status ?? ''])(document.querySelector('#failure'))")
            .await
    }

    /// The registered identities, the default one first.
    pub async fn identities(&self) -> Result<Vec<String>> {
        self.evaluate("[...document.querySelectorAll('#identities li')].map(li => li.dataset.impu)").await
    }

    /// How many messages that begin with `start` this WIC sent or received.
    pub async fn messages(&self, start: &str) -> Result<usize> {
        let count = format!(
            "[...document.querySelectorAll('#messages pre')].filter(p => p.textContent.startsWith({start:?})).length"
        );
        self.evaluate(&count).await
    }

    /// Sets the size of the window, in CSS pixels, and light or dark.
    pub async fn look(&self, width: i64, height: i64, scheme: &str) -> Result<()> {
        let metrics = SetDeviceMetricsOverrideParams::builder()
            .width(width)
            .height(height)
            .device_scale_factor(1.0)
            .mobile(false)
            .build()
            .map_err(anyhow::Error::msg)?;
        self.page.execute(metrics).await?;
        self.page.emulate_media_features(vec![MediaFeature::new("prefers-color-scheme", scheme)]).await?;
        Ok(())
    }

    /// Saves a picture of the whole page.
    pub async fn screenshot(&self, path: &Path) -> Result<()> {
        let params = ScreenshotParams::builder().full_page(true).build();
        self.page.save_screenshot(params, path).await?;
        Ok(())
    }
}

fn executable() -> Result<std::path::PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(std::path::PathBuf::from);
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).flat_map(|dir| names.map(|name| dir.join(name))).find(|p| p.is_file());
    named.or(found).context("no Chromium on PATH: install it (Debian: apt-get install chromium) or set CHROMIUM")
}
