//! Turns what happens in the browser into the agent's inputs, and its outputs into deeds.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use sip::Instant;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Element, Event, EventTarget};
use wic::{Agent, Cause, State};

use crate::browser::{Listener, complain, document, now, window};
use crate::form::{self, Order};
use crate::messages;
use crate::page::{self, element};
use crate::panel;
use crate::phone::Phone;
use crate::session::Session;
use crate::settings::Settings;
use crate::timer::Timer;
use crate::view::Probe;

/// Makes the page live.
pub(crate) fn start() {
    let settings = match Settings::read() {
        Ok(settings) => settings,
        Err(what) => return page::show_crash(&["The WWSF gave no usable ", what].concat()),
    };
    form::prepare(&settings, asked_flow().as_deref());
    panel::show_idle();

    let app = Rc::new_cyclic(|me: &Weak<RefCell<App>>| {
        let handle = Handle(me.clone());
        let timer = Timer::new({
            let handle = handle.clone();
            move || handle.with(App::wake)
        });
        RefCell::new(App {
            handle,
            settings,
            timer,
            session: None,
            sessions: 0,
            tick_at: now().mono,
            clock_distance: clock_distance(),
        })
    });
    let listeners = listeners(&app.borrow().handle);
    // Both live as long as the page.
    std::mem::forget((app, listeners));
}

/// The application, as a callback reaches it.
#[derive(Clone)]
pub(crate) struct Handle(Weak<RefCell<App>>);

impl Handle {
    /// Lets `change` at the application, then does what the agent wants done.
    fn with(&self, change: impl FnOnce(&mut App)) {
        let Some(app) = self.0.upgrade() else { return };
        match app.try_borrow_mut() {
            Ok(mut app) => {
                change(&mut app);
                app.settle();
            }
            // Browsers run one callback at a time.
            Err(_) => complain("a callback ran inside another"),
        }
    }

    /// As [`Self::with`], for the calls of the session there is.
    fn with_phone(&self, change: impl FnOnce(&mut Phone, &mut Agent)) {
        self.with(|app| {
            if let Some(session) = &mut app.session {
                change(&mut session.phone, &mut session.agent);
            }
        });
    }

    /// As [`Self::with`], for what happened in session `number`, which may be over.
    pub(crate) fn with_session(&self, number: u32, change: impl FnOnce(&mut Session)) {
        self.with(|app| {
            if let Some(session) = app.session.as_mut().filter(|session| session.number() == number) {
                change(session);
            }
        });
    }
}

/// How often what is shown by the second is shown.
const SECOND: Duration = Duration::from_secs(1);

struct App {
    handle: Handle,
    settings: Settings,
    timer: Timer,
    session: Option<Session>,
    /// How many there have been: a number for each.
    sessions: u32,
    /// When what is shown by the second is next shown.
    tick_at: Instant,
    /// Wall clock less monotonic clock, in milliseconds, when last looked at.
    clock_distance: f64,
}

impl App {
    fn register(&mut self) {
        if let Some(session) = &mut self.session
            && matches!(session.agent.state(), State::BackingOff { .. })
        {
            return session.network_changed();
        }
        match form::read(&self.settings) {
            Ok(order) => self.begin(order),
            Err(notice) => {
                panel::show_failure(&notice, Probe::Running);
                panel::bring_into_view();
            }
        }
    }

    fn begin(&mut self, order: Order) {
        panel::hide_failure();
        panel::show_connection("closed", None);
        panel::bring_into_view();
        self.sessions += 1;
        // The one before takes its calls from the page first.
        self.session = None;
        self.session = Some(Session::begin(&self.handle, self.sessions, &self.settings, order));
    }

    /// The timer has run out.
    fn wake(&mut self) {
        // The monotonic clock may stand still while the machine sleeps; no connection lives
        // through that, whatever the browser believes.
        let distance = clock_distance();
        let slept = distance - self.clock_distance > 15_000.0;
        self.clock_distance = distance;
        let Some(session) = &mut self.session else { return };
        if slept {
            session.network_changed();
        }
        let now = now();
        if self.tick_at <= now.mono {
            self.tick_at = now.mono + SECOND;
            session.phone.tick();
        }
        if session.agent.poll_timeout().is_some_and(|due| due <= now.mono) {
            session.agent.handle_timeout(now);
        }
    }

    /// The page has come to the front, or gone.
    fn looked_at(&mut self) {
        if document().is_none_or(|document| document.hidden()) {
            return;
        }
        // Timers of a page in the background run late.
        self.wake();
        // The person may just have accepted the eP-CSCF's certificate on its own page.
        if let Some(session) = &mut self.session
            && let State::BackingOff { cause, .. } = session.agent.state()
            && cause.cause == Cause::Unreachable
        {
            session.network_changed();
        }
    }

    /// Does what the agent wants done, then sleeps until it wants something again.
    fn settle(&mut self) {
        let Self { handle, timer, tick_at, session: Some(session), .. } = self else { return };
        while let Some(output) = session.agent.poll_output() {
            session.perform(output, handle);
        }
        session.phone.show(&session.agent);
        let now = now().mono;
        let ticks = panel::show_times(session.agent.state(), now) || session.phone.is_busy();
        let ticking = ticks.then(|| tick_at.since(now).min(SECOND));
        let due = session.agent.poll_timeout().map(|at| at.since(now));
        timer.set([ticking, due].into_iter().flatten().min());
    }
}

fn listeners(handle: &Handle) -> Vec<Listener> {
    let (Some(window), Some(document)) = (window(), document()) else { return Vec::new() };
    let (window, document): (EventTarget, EventTarget) = (window.into(), document.into());
    let on = |target: &EventTarget, names, act: fn(&Handle, Event)| {
        let handle = handle.clone();
        Listener::new(target.clone(), names, move |event| act(&handle, event))
    };
    let dialog = element("incoming").map(|dialog| {
        // It tells nobody above it when it is closed.
        on(&dialog.into(), &["close"], |handle, _| handle.with_phone(|phone, _| phone.silence()))
    });
    let page = vec![
        on(&document, &["click"], |handle, event| clicked(handle, &event)),
        on(&document, &["change"], |_, _| form::chosen().into_iter().for_each(form::show)),
        on(&document, &["submit"], |handle, event| submitted(handle, &event)),
        on(&document, &["visibilitychange"], |handle, _| handle.with(App::looked_at)),
        // The person goes; whoever they talk to need not wait for them.
        on(&window, &["pagehide"], |handle, _| {
            handle.with_phone(|phone, agent| phone.hang_up(agent));
        }),
        // Back online, or back out of the page cache, whose pages have lost their connections.
        on(&window, &["online", "pageshow"], |handle, _| {
            handle.with(|app| {
                app.session.iter_mut().for_each(Session::network_changed);
            });
        }),
    ];
    page.into_iter().chain(dialog).collect()
}

fn clicked(handle: &Handle, event: &Event) {
    let Some(button) = element_of(event).and_then(|target| target.closest("button").ok().flatten()) else { return };
    if let Some(deed) = button.get_attribute("data-do") {
        return handle.with_phone(|phone, agent| phone.pressed(agent, &deed, &button));
    }
    let with_agent = |act: fn(&mut Agent)| handle.with(|app| app.session.iter_mut().for_each(|s| act(&mut s.agent)));
    match button.id().as_str() {
        "refresh" => with_agent(|agent| agent.refresh(now())),
        "deregister" => handle.with(|app| app.session.iter_mut().for_each(Session::deregister)),
        "dial-audio" => handle.with_phone(|phone, agent| phone.dial(agent, "call-audio")),
        "dial-chat" => handle.with_phone(|phone, agent| phone.dial(agent, "write")),
        "copy-address" => copy(button, element("own-address").and_then(|own| own.text_content()).unwrap_or_default()),
        "failure-dismiss" => panel::hide_failure(),
        "clear-messages" => messages::clear(),
        "copy-messages" => copy(button, messages::text()),
        _ if button.has_attribute("data-impi") => form::fill(&button),
        _ if button.class_list().contains("copy") => {
            let raw = button.previous_element_sibling().and_then(|pre| pre.text_content());
            copy(button, raw.unwrap_or_default());
        }
        _ => {}
    }
}

fn submitted(handle: &Handle, event: &Event) {
    event.prevent_default();
    match element_of(event).map(|form| form.id()).as_deref() {
        Some("form-dial") => handle.with_phone(|phone, agent| phone.dial(agent, "call-video")),
        Some("form-chat") => handle.with_phone(|phone, agent| phone.write(agent)),
        _ => handle.with(App::register),
    }
}

fn element_of(event: &Event) -> Option<Element> {
    event.target()?.dyn_into().ok()
}

/// Copies, and says so on the button.
fn copy(button: Element, text: String) {
    let Some(window) = window() else { return };
    let promise = window.navigator().clipboard().write_text(&text);
    spawn_local(async move {
        let said = if JsFuture::from(promise).await.is_ok() { "Copied" } else { "Not allowed" };
        button.set_text_content(Some(said));
    });
}

/// `?flow=…` of the address.
fn asked_flow() -> Option<String> {
    let query = window()?.location().search().ok()?;
    web_sys::UrlSearchParams::new_with_str(&query).ok()?.get("flow")
}

fn clock_distance() -> f64 {
    let monotonic = window().and_then(|w| w.performance()).map_or(0.0, |p| p.now());
    js_sys::Date::now() - monotonic
}
