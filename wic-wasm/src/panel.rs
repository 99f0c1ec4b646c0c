//! The state panel.

use std::time::Duration;

use ims::{Impi, Scenario};
use sip::Instant;
use web_sys::{Element, ScrollIntoViewOptions, ScrollLogicalPosition};
use wic::{Binding, State};

use crate::page::{create, element, set_attribute, set_disabled, set_hidden, set_text};
use crate::summary::join;
use crate::view::{Headline, IDLE, Notice, Probe, countdown};

/// Before anything was asked of the client.
pub(crate) fn show_idle() {
    set_attribute("state", "data-state", State::Idle.name());
    set_text("state-name", "Not registered");
    set_text("state-detail", IDLE);
    set_buttons(&State::Idle);
}

/// On a small screen the panel is below the form.
pub(crate) fn bring_into_view() {
    if let Some(panel) = element("state-panel") {
        let options = ScrollIntoViewOptions::new();
        options.set_block(ScrollLogicalPosition::Nearest);
        panel.scroll_into_view_with_scroll_into_view_options(&options);
    }
}

/// The state, its times left out: [`show_times`] follows.
pub(crate) fn show_state(state: &State, scenario: Scenario, impi: Option<&Impi>) {
    let headline = Headline::of(state, scenario);
    set_attribute("state", "data-state", state.name());
    set_text("state-name", headline.name);
    set_text("state-detail", &headline.detail);
    set_buttons(state);

    let binding = state.binding();
    let impi = binding.and(impi);
    set_text("registered-impi", impi.map_or("–", Impi::as_str));
    show_identities(binding);
    let routes = binding.map(|b| b.service_route.iter().map(|r| r.to_string()).collect::<Vec<_>>().join(", "));
    set_text("service-route", routes.as_deref().filter(|r| !r.is_empty()).unwrap_or("–"));
    set_hidden("lifetime", binding.is_none());
    set_hidden("retry", !matches!(state, State::BackingOff { .. }));
}

/// The times left. True when there are any, and the page wants to be told again in a second.
pub(crate) fn show_times(state: &State, now: Instant) -> bool {
    if let State::BackingOff { until, .. } = state {
        show_time("retry-in", until.since(now));
        return true;
    }
    let Some(binding) = state.binding() else { return false };
    let left = binding.expires_at.since(now);
    show_time("refresh-in", binding.refresh_at.since(now));
    show_time("expires-in", left);
    let granted = binding.granted.as_secs();
    set_text("granted", &join([&granted.to_string(), " s"]));
    set_attribute("granted", "data-seconds", &granted.to_string());
    set_attribute("lifetime-bar", "max", &granted.to_string());
    set_attribute("lifetime-bar", "value", &left.as_secs().to_string());
    true
}

/// `connection` is one of `closed`, `connecting`, `open`, `failed`.
pub(crate) fn show_connection(connection: &str, url: Option<&str>) {
    set_attribute("connection", "data-connection", connection);
    set_text("connection-text", connection);
    if let Some(url) = url {
        set_text("connection-url", url);
    }
}

/// What went wrong. It stays until it is repaired or dismissed.
pub(crate) fn show_failure(notice: &Notice, probe: Probe) {
    let status = notice.status.map(|code| code.to_string()).unwrap_or_default();
    set_attribute("failure", "data-cause", notice.cause);
    set_attribute("failure", "data-status", &status);
    set_text("failure-cause", notice.title);
    set_text("failure-status", &notice.text);
    let Some(hint) = element("failure-hint") else { return };
    hint.set_text_content(None);
    match (&notice.unreachable, notice.advice) {
        (Some(page), _) => {
            let probe_name = match probe {
                Probe::Running => "running",
                Probe::Answers => "answers",
                Probe::Silent => "silent",
            };
            set_attribute("failure", "data-probe", probe_name);
            let parts = [create("p", "", probe.meaning()), explain(page, probe)];
            parts.into_iter().flatten().for_each(|part| drop(hint.append_child(&part)));
        }
        (None, Some(advice)) => drop(create("p", "", advice).map(|p| hint.append_child(&p))),
        (None, None) => {}
    }
    set_hidden("failure", false);
}

/// No more failure to show.
pub(crate) fn hide_failure() {
    set_hidden("failure", true);
    for name in ["data-cause", "data-status", "data-probe"] {
        if let Some(failure) = element("failure") {
            let _ = failure.remove_attribute(name);
        }
    }
}

/// What a person can do, and the causes which this page can't tell apart.
fn explain(page: &str, probe: Probe) -> Option<Element> {
    let list = create("ul", "", "")?;
    let link = create("a", "", "Open the eP-CSCF’s page")?;
    for (name, value) in [("id", "failure-link"), ("data-testid", "failure-link"), ("href", page), ("target", "_blank")]
    {
        let _ = link.set_attribute(name, value);
    }
    let accept = create("li", "", "")?;
    let _ = accept.append_child(&link);
    let _ = accept.append_child(&*create("span", "", probe.errand())?);
    let _ = list.append_child(&accept);
    for cause in probe.other_causes() {
        let _ = list.append_child(&*create("li", "", cause)?);
    }
    Some(list)
}

fn set_buttons(state: &State) {
    let waiting = matches!(state, State::BackingOff { .. });
    let resting = matches!(state, State::Idle | State::Failed(_));
    set_disabled("register", !resting && !waiting);
    set_text("register", if waiting { "Try now" } else { "Register" });
    set_disabled("refresh", !matches!(state, State::Registered(_)));
    set_disabled("deregister", resting || matches!(state, State::Deregistering));
    set_text("deregister", if state.binding().is_some() || resting { "De-register" } else { "Cancel" });
    set_disabled("flows", !resting);
    set_disabled("fields", !resting);
}

fn show_identities(binding: Option<&Binding>) {
    let Some(list) = element("identities") else { return };
    list.set_text_content(None);
    let Some(binding) = binding else {
        let none = create("li", "none", "none registered");
        none.into_iter().for_each(|none| drop(list.append_child(&none)));
        return;
    };
    for (at, impu) in binding.impus.iter().enumerate() {
        let Some(item) = create("li", "", impu.as_str()) else { return };
        let _ = item.set_attribute("data-impu", impu.as_str());
        if at == 0
            && let Some(tag) = create("span", "tag", "default")
        {
            let _ = item.append_child(&tag);
        }
        let _ = list.append_child(&item);
    }
}

fn show_time(id: &str, left: Duration) {
    set_text(id, &countdown(left));
    set_attribute(id, "data-seconds", &left.as_secs().to_string());
}
