//! The form: which flow, with what.

use ims::{Impi, Impu, Scenario};
use web_sys::Element;
use wic::{Access, Config, DigestAccess, InstanceId, TokenAccess, TokenScenario};

use crate::browser::{BrowserEntropy, storage};
use crate::http::Login;
use crate::page::{all, element, input, set_attribute, set_hidden};
use crate::settings::Settings;
use crate::view::Notice;

/// One to talk in and one that waits. Who calls then is told 486.
const CALLS: usize = 2;

/// What the person asks for.
pub(crate) struct Order {
    pub(crate) config: Config,
    pub(crate) login: Option<Login>,
}

/// Fills in what this browser remembers and chooses a flow: the one that the address names, the
/// one used last, or the first.
pub(crate) fn prepare(settings: &Settings, asked: Option<&str>) {
    for (id, key) in [("impi", storage::IMPI), ("impu", storage::IMPU), ("password", storage::PASSWORD)] {
        if let Some(value) = storage::load(key) {
            set_value(id, &value);
        }
    }
    if let Some(remember) = input("remember-password") {
        remember.set_checked(storage::load(storage::PASSWORD).is_some());
    }
    let last = storage::load(storage::FLOW);
    let candidates = [asked, last.as_deref()].into_iter().flatten().filter_map(|name| name.parse().ok());
    let served = candidates.chain(settings.flows.iter().copied()).find(|flow| settings.flows.contains(flow));
    if let Some(flow) = served {
        if let Some(button) = input(&["flow-", flow.name()].concat()) {
            button.set_checked(true);
        }
        show(flow);
    }
}

/// Which flow is chosen.
pub(crate) fn chosen() -> Option<Scenario> {
    let mut buttons = Scenario::ALL.into_iter().map(|flow| (flow, input(&["flow-", flow.name()].concat())));
    buttons.find(|(_, button)| button.as_ref().is_some_and(|b| b.checked())).map(|(flow, _)| flow)
}

/// Shows the fields of a flow.
pub(crate) fn show(flow: Scenario) {
    for element in all("[data-flow]") {
        let hidden = element.get_attribute("data-flow").as_deref() != Some(flow.name());
        let _ = element.toggle_attribute_with_force("hidden", hidden);
    }
    // Enter in a field then presses the button of the form that the field is in.
    set_attribute("register", "form", &["form-", flow.name()].concat());
    set_hidden("demo-users", flow == Scenario::WildcardRange);
}

/// Fills in a demo subscriber from the button that names it.
pub(crate) fn fill(button: &Element) {
    for id in ["impi", "impu", "password", "username", "web-password"] {
        if let Some(value) = button.get_attribute(&["data-", id].concat()) {
            set_value(id, &value);
            mark(id, true);
        }
    }
}

/// Reads the form, and remembers IMPI, IMPU and flow. The password only when asked.
///
/// # Errors
/// Which field is wrong and why, to be shown.
pub(crate) fn read(settings: &Settings) -> Result<Order, Notice> {
    let flow = chosen().ok_or_else(|| Notice::input("No flow is chosen", String::new()))?;
    let (access, login) = match flow {
        Scenario::ImsDigest => (digest(settings)?, None),
        Scenario::WebAuth => {
            let login = Login { username: required("username")?, password: required("web-password")? };
            (token(TokenScenario::WebAuth, settings), Some(login))
        }
        Scenario::WildcardRange => (token(TokenScenario::WildcardRange, settings), None),
    };
    storage::save(storage::FLOW, flow.name());
    let mut config = Config::new(access, instance());
    config.reg_event = true;
    config.limits.calls = CALLS;
    Ok(Order { config, login })
}

fn digest(settings: &Settings) -> Result<Access, Notice> {
    let wrong = |id, title, reason: String| {
        mark(id, false);
        Notice::input(title, reason)
    };
    let impi = required("impi")?;
    let parsed = Impi::parse(&impi).map_err(|e| wrong("impi", "The IMPI is not one", e.to_string()))?;
    let mut impu = required("impu")?;
    if !impu.contains(':') {
        impu.insert_str(0, "sip:");
    }
    let parsed_impu = Impu::parse(&impu).map_err(|e| wrong("impu", "The IMPU is not one", e.to_string()))?;
    let password = required("password")?;

    storage::save(storage::IMPI, &impi);
    storage::save(storage::IMPU, &impu);
    if input("remember-password").is_some_and(|box_| box_.checked()) {
        storage::save(storage::PASSWORD, &password);
    } else {
        storage::forget(storage::PASSWORD);
    }
    let access =
        DigestAccess::new(settings.wss_url.clone(), parsed, parsed_impu, settings.realm.clone(), password.into());
    Ok(Access::Digest(access))
}

fn token(scenario: TokenScenario, settings: &Settings) -> Access {
    Access::Token(TokenAccess { authz_servers: settings.authz_servers.clone(), ..TokenAccess::new(scenario) })
}

/// The same for this browser for ever, so that a new flow replaces the old one (RFC 5626 §4.1).
fn instance() -> InstanceId {
    storage::load(storage::INSTANCE).and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        let instance = InstanceId::random(&mut BrowserEntropy);
        storage::save(storage::INSTANCE, instance.as_str());
        instance
    })
}

/// The value of a field that must have one. Space around a password may belong to it.
fn required(id: &'static str) -> Result<String, Notice> {
    let value = input(id).map(|field| field.value()).unwrap_or_default();
    let value = if id.ends_with("password") { value } else { value.trim().to_owned() };
    mark(id, !value.is_empty());
    if value.is_empty() {
        let _ = input(id).map(|field| field.focus());
        let text = match id {
            "impi" => "The private identity is missing.",
            "impu" => "The public identity is missing.",
            "username" => "The user name is missing.",
            _ => "The password is missing.",
        };
        return Err(Notice::input("Fill in all fields", text.to_owned()));
    }
    Ok(value)
}

fn set_value(id: &str, value: &str) {
    if let Some(field) = input(id) {
        field.set_value(value);
    }
}

fn mark(id: &str, valid: bool) {
    if let Some(field) = element(id) {
        let _ = field.set_attribute("aria-invalid", if valid { "false" } else { "true" });
    }
}
