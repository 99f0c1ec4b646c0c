//! What the WWSF tells its page, in the element `#config`.

use ims::Scenario;
use js_sys::{Array, JSON, Reflect};
use sip::Host;
use wasm_bindgen::{JsCast, JsValue};
use wic::WssUrl;

use crate::browser::document;
use crate::phone::Directory;

/// What the WWSF tells its page.
pub(crate) struct Settings {
    /// The eP-CSCF; a token may name another.
    pub(crate) wss_url: WssUrl,
    /// The home domain.
    pub(crate) realm: Host,
    /// The flows that this WWSF serves.
    pub(crate) flows: Vec<Scenario>,
    /// The token servers that a challenge may name (RFC 8898 §2.1.1).
    pub(crate) authz_servers: Vec<String>,
    /// Where the people are that have a name alone.
    pub(crate) directory: Directory,
}

impl Settings {
    /// Reads them from the page.
    ///
    /// # Errors
    /// The name of what is missing or makes no sense.
    pub(crate) fn read() -> Result<Self, &'static str> {
        let text = document().and_then(|d| d.get_element_by_id("config")).and_then(|e| e.text_content());
        let config = text.and_then(|text| JSON::parse(&text).ok()).ok_or("#config")?;
        let realm: Host = string(&config, "realm").and_then(|realm| realm.parse().ok()).ok_or("realm")?;
        let pool = member(&config, "guest_pool");
        let guests = string(&pool, "prefix").zip(string(&pool, "domain"));
        Ok(Self {
            wss_url: string(&config, "wss_url").and_then(|url| url.parse().ok()).ok_or("wss_url")?,
            directory: Directory { home: realm.clone(), guests },
            realm,
            flows: strings(&config, "flows").iter().filter_map(|name| name.parse().ok()).collect(),
            authz_servers: strings(&config, "authz_servers"),
        })
    }
}

/// A member of a JSON object.
pub(crate) fn member(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// A member that is a string.
pub(crate) fn string(object: &JsValue, name: &str) -> Option<String> {
    member(object, name).as_string()
}

/// The strings in a member that is an array; none when it is not one.
pub(crate) fn strings(object: &JsValue, name: &str) -> Vec<String> {
    let member = member(object, name);
    let array = member.dyn_ref::<Array>();
    array.map(|array| array.iter().filter_map(|item| item.as_string()).collect()).unwrap_or_default()
}
