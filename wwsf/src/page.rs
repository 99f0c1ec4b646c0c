//! The HTML: made once at the start, because it depends on nothing later.

use askama::Template;
use bytes::Bytes;
use ims::Scenario;
use serde::Serialize;

use crate::assets::Assets;
use crate::config::{Config, Neighbour, Role};
use crate::demo::{self, DemoUser};
use crate::entropy;

/// The pages of one WWSF.
pub(crate) struct Pages {
    pub(crate) index: Page,
    pub(crate) not_found: Page,
}

/// HTML and its validator.
pub(crate) struct Page {
    pub(crate) html: Bytes,
    pub(crate) etag: String,
}

impl Pages {
    pub(crate) fn render(config: &Config, assets: &Assets) -> Result<Self, askama::Error> {
        let island = Island::of(config);
        let index = Index {
            role: config.role.name(),
            title: &config.title,
            wwsf_id: &config.wwsf_id,
            realm: &config.realm,
            wss_url: &config.wss_url,
            epcscf_page: &config.epcscf_page,
            range: config.guests.enabled.then(|| config.guests.range.as_str()),
            guest_pool: GuestPool::of(config),
            console: config.console.as_deref(),
            digest: Offer::of(Scenario::ImsDigest, config),
            web_auth: Offer::of(Scenario::WebAuth, config),
            wildcard: Offer::of(Scenario::WildcardRange, config),
            others: config.others.iter().map(Other::from).collect(),
            demo_users: match config.demo && config.role != Role::Partner {
                true => &demo::USERS,
                false => &[],
            },
            config: escape_island(&serde_json::to_string(&island).unwrap_or_default()),
            version: env!("CARGO_PKG_VERSION"),
            assets,
        };
        let not_found = NotFound { title: &config.title, console: config.console.as_deref(), assets };
        Ok(Self { index: Page::new(index.render()?), not_found: Page::new(not_found.render()?) })
    }
}

impl Page {
    fn new(html: String) -> Self {
        let etag = format!("\"{}\"", entropy::fingerprint(html.as_bytes()).get(..16).unwrap_or_default());
        Self { html: html.into(), etag }
    }
}

#[derive(Template)]
#[template(path = "index.html")]
struct Index<'a> {
    role: &'a str,
    title: &'a str,
    wwsf_id: &'a str,
    realm: &'a str,
    wss_url: &'a str,
    epcscf_page: &'a str,
    range: Option<&'a str>,
    guest_pool: Option<GuestPool<'a>>,
    console: Option<&'a str>,
    digest: Offer,
    web_auth: Offer,
    wildcard: Offer,
    others: Vec<Other<'a>>,
    demo_users: &'a [DemoUser],
    config: String,
    version: &'static str,
    assets: &'a Assets,
}

impl Index<'_> {
    fn asset(&self, name: &'static str) -> &str {
        asset_url(self.assets, name)
    }
}

#[derive(Template)]
#[template(path = "not_found.html")]
struct NotFound<'a> {
    title: &'a str,
    console: Option<&'a str>,
    assets: &'a Assets,
}

impl NotFound<'_> {
    fn asset(&self, name: &'static str) -> &str {
        asset_url(self.assets, name)
    }
}

/// Whether a flow can be run from here, or where else.
struct Offer {
    served: bool,
    elsewhere: Option<String>,
}

impl Offer {
    fn of(flow: Scenario, config: &Config) -> Self {
        let served = config.flows.contains(&flow);
        let elsewhere = config.others.iter().find(|other| other.role != Role::Rogue && other.flows.contains(&flow));
        let elsewhere = elsewhere.filter(|_| !served).map(|other| format!("{}/?flow={flow}", other.origin));
        Self { served, elsewhere }
    }
}

/// A link to another WWSF.
struct Other<'a> {
    title: &'a str,
    url: &'a str,
}

impl<'a> From<&'a Neighbour> for Other<'a> {
    fn from(other: &'a Neighbour) -> Self {
        Self { title: &other.title, url: other.origin.as_str() }
    }
}

/// What the client reads: JSON that no browser executes.
#[derive(Serialize)]
struct Island<'a> {
    role: Role,
    wwsf_id: &'a str,
    realm: &'a str,
    wss_url: &'a str,
    epcscf_page: &'a str,
    scope: &'a str,
    flows: &'a [Scenario],
    authz_servers: Vec<String>,
    guest_pool: Option<GuestPool<'a>>,
}

/// How a guest's name is told from a subscriber's, so that a person need not type domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct GuestPool<'a> {
    /// What guests' names begin with.
    prefix: &'a str,
    /// Where they are.
    domain: &'a str,
}

impl<'a> GuestPool<'a> {
    /// Of `sip:guest-!.*!@partner.ims.example`; none when names or domains would have to be guessed.
    fn of(config: &'a Config) -> Option<Self> {
        let (prefix, rest) = config.guests.range.as_str().strip_prefix("sip:")?.split_once('!')?;
        let (_, domain) = rest.rsplit_once("!@")?;
        (!prefix.is_empty() && !domain.is_empty()).then_some(Self { prefix, domain })
    }
}

impl<'a> Island<'a> {
    fn of(config: &'a Config) -> Self {
        Self {
            role: config.role,
            wwsf_id: &config.wwsf_id,
            realm: &config.realm,
            wss_url: &config.wss_url,
            epcscf_page: &config.epcscf_page,
            scope: &config.scope,
            flows: &config.flows,
            authz_servers: config.authz_servers(),
            guest_pool: GuestPool::of(config),
        }
    }
}

/// An asset that is not there, such as a WIC that is not built, is a 404; the
/// page then says that its client did not start.
fn asset_url<'a>(assets: &'a Assets, name: &'static str) -> &'a str {
    match assets.url(name) {
        Some(url) => url,
        None => {
            tracing::warn!(name, "the page wants an asset that is not there");
            "/assets/missing"
        }
    }
}

/// In a script element nothing ends the text but `</`, and `<!--` changes how
/// it is read (HTML §4.12.1.3); without `<` neither can be.
fn escape_island(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(config: &Config) -> String {
        let dir = tempfile::tempdir().unwrap();
        let assets = Assets::load(&[], dir.path()).unwrap();
        let pages = Pages::render(config, &assets).unwrap();
        String::from_utf8(pages.index.html.to_vec()).unwrap()
    }

    #[test]
    fn no_configured_text_can_break_out_of_the_page() {
        let hostile = "</script><script>alert(1)</script>\"'&";
        let config =
            Config { title: hostile.into(), wwsf_id: hostile.into(), scope: hostile.into(), ..Config::operator() };
        let html = page(&config);
        assert!(!html.contains("<script>alert"), "{html}");
    }

    #[test]
    fn the_island_is_json_with_the_flows_of_this_wwsf() {
        let html = page(&Config::partner());
        let (_, rest) = html.split_once("id=\"config\">").unwrap();
        let (json, _) = rest.split_once("</script>").unwrap();
        let island: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(island["role"], "partner");
        assert_eq!(island["flows"], serde_json::json!(["wildcard"]));
        assert_eq!(island["authz_servers"], serde_json::json!(["https://localhost:9443/api/token"]));
    }

    #[test]
    fn a_guest_is_known_by_the_name_where_the_range_allows_it() {
        let pool = |range: &str| {
            let mut config = Config::operator();
            config.guests.range = range.parse().unwrap();
            GuestPool::of(&config).map(|pool| (pool.prefix.to_owned(), pool.domain.to_owned()))
        };
        let known = |prefix: &str, domain: &str| Some((prefix.to_owned(), domain.to_owned()));
        assert_eq!(pool("sip:guest-!.*!@partner.ims.example"), known("guest-", "partner.ims.example"));
        assert_eq!(pool("sip:!.*!@partner.ims.example"), None);
    }

    #[test]
    fn demo_passwords_are_shown_in_a_demo_only() {
        assert!(page(&Config::operator()).contains("alice-web"));
        assert!(!page(&Config { demo: false, ..Config::operator() }).contains("alice-web"));
        assert!(!page(&Config::partner()).contains("alice-web"));
    }

    #[test]
    fn a_flow_that_is_not_served_here_points_to_where_it_is() {
        assert!(page(&Config::operator()).contains("https://localhost:9443/?flow=wildcard"));
    }

    #[test]
    fn nothing_on_the_page_is_inline() {
        let html = page(&Config::operator());
        assert!(!html.contains(" style=") && !html.contains("<style") && !html.contains(" onclick="));
        for script in html.split("<script").skip(1) {
            let tag = script.split_once('>').unwrap().0;
            assert!(tag.contains("src=") || tag.contains("application/json"), "{tag}");
        }
    }
}
