//! Turns what happens in the browser into the agent's inputs, and its outputs into deeds.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use ims::Impi;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{Element, Event as DomEvent, EventTarget};
use wic::{Access, Agent, Cause, Event, Failure, Output, State, TokenFailure, TokenGrant, TokenReason, WssUrl};

use crate::browser::{BrowserEntropy, Listener, complain, document, now, window};
use crate::form::{self, Order};
use crate::http::{self, Login};
use crate::messages::{self, Direction};
use crate::page;
use crate::panel;
use crate::settings::Settings;
use crate::socket::{Socket, SocketEvent};
use crate::timer::Timer;
use crate::view::{Notice, Probe};

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
        RefCell::new(App { handle, settings, timer, session: None, sessions: 0, asleep: 0.0, _listeners: Vec::new() })
    });
    let handle = app.borrow().handle.clone();
    app.borrow_mut()._listeners = listeners(&handle);
    app.borrow_mut().asleep = clock_distance();
    // The page is the application: it lives as long as the window.
    std::mem::forget(app);
}

/// The application, as a callback reaches it.
#[derive(Clone)]
struct Handle(Weak<RefCell<App>>);

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
}

struct App {
    handle: Handle,
    settings: Settings,
    timer: Timer,
    session: Option<Session>,
    /// How many there have been: a number for each.
    sessions: u32,
    /// Wall clock less monotonic clock, in milliseconds, when last looked at.
    asleep: f64,
    _listeners: Vec<Listener>,
}

/// From the press of a button to the next one.
struct Session {
    number: u32,
    agent: Agent,
    login: Option<Login>,
    socket: Option<Socket>,
    /// IMPI that came with the token.
    impi: Option<Impi>,
    /// The last final response.
    answered: Option<u16>,
    /// What is shown as failed.
    notice: Option<Notice>,
}

impl App {
    fn register(&mut self) {
        if let Some(Session { agent, .. }) = &mut self.session
            && matches!(agent.state(), State::BackingOff { .. })
        {
            return agent.network_changed(now());
        }
        match form::read(&self.settings) {
            Ok(order) => self.begin(order),
            Err(notice) => {
                panel::show_failure(&notice, Probe::Running);
                panel::bring_into_view();
            }
        }
    }

    fn begin(&mut self, Order { config, login }: Order) {
        panel::hide_failure();
        panel::show_connection("closed", None);
        panel::bring_into_view();
        let impi = match &config.access {
            Access::Digest(digest) => Some(digest.impi.clone()),
            Access::Token(_) => None,
        };
        let mut agent = Agent::new(config, BrowserEntropy);
        agent.start(now());
        self.sessions += 1;
        let number = self.sessions;
        self.session = Some(Session { number, agent, login, socket: None, impi, answered: None, notice: None });
    }

    /// The timer has run out.
    fn wake(&mut self) {
        // The monotonic clock may stand still while the machine sleeps; no connection lives
        // through that, whatever the browser believes.
        let distance = clock_distance();
        let slept = distance - self.asleep > 15_000.0;
        self.asleep = distance;
        let Some(session) = &mut self.session else { return };
        if slept {
            session.agent.network_changed(now());
        }
        let now = now();
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
        if let Some(Session { agent, .. }) = &mut self.session
            && let State::BackingOff { cause, .. } = agent.state()
            && cause.cause == Cause::Unreachable
        {
            agent.network_changed(now());
        }
    }

    /// Does what the agent wants done, then sleeps until it wants something again.
    fn settle(&mut self) {
        let Self { handle, timer, session: Some(session), .. } = self else { return };
        while let Some(output) = session.agent.poll_output() {
            session.perform(output, handle);
        }
        let now = now().mono;
        let ticking = panel::show_times(session.agent.state(), now).then_some(Duration::from_secs(1));
        let due = session.agent.poll_timeout().map(|at| at.since(now));
        timer.set([ticking, due].into_iter().flatten().min());
    }

    /// Something happened in session `number`, which may be over.
    fn in_session(&mut self, number: u32, change: impl FnOnce(&mut Session)) {
        if let Some(session) = self.session.as_mut().filter(|session| session.number == number) {
            change(session);
        }
    }
}

impl Session {
    fn perform(&mut self, output: Output, handle: &Handle) {
        match output {
            Output::Connect { url } => self.connect(&url, handle),
            Output::Send(octets) => {
                if let Some(socket) = &self.socket {
                    socket.send(&octets);
                }
            }
            Output::Close { code, reason } => {
                if let Some(socket) = self.socket.take() {
                    socket.close(code, reason);
                }
                panel::show_connection("closed", None);
            }
            Output::FetchToken { reason } => self.fetch_token(reason, handle),
            Output::Event(event) => self.show(event, handle),
        }
    }

    fn connect(&mut self, url: &WssUrl, handle: &Handle) {
        panel::show_connection("connecting", Some(url.as_str()));
        let (handle, number) = (handle.clone(), self.number);
        let opened = Socket::open(url.as_str(), move |event| {
            handle.with(|app| app.in_session(number, |session| session.socket_event(event)));
        });
        match opened {
            Ok(socket) => self.socket = Some(socket),
            Err(reason) => {
                panel::show_connection("failed", None);
                self.agent.connect_failed(now(), &reason);
            }
        }
    }

    fn socket_event(&mut self, event: SocketEvent) {
        match event {
            SocketEvent::Open => {
                panel::show_connection("open", None);
                self.agent.connected(now());
            }
            SocketEvent::Message(octets) => self.agent.received(now(), octets),
            SocketEvent::Closed { code, reason } => {
                self.socket = None;
                if matches!(self.agent.state(), State::Connecting) {
                    panel::show_connection("failed", None);
                    self.agent.connect_failed(now(), "it closed before it was open");
                } else {
                    panel::show_connection("closed", None);
                    self.agent.closed(now(), code, &reason);
                }
            }
        }
    }

    fn fetch_token(&self, reason: TokenReason, handle: &Handle) {
        let (handle, number, login) = (handle.clone(), self.number, self.login.clone());
        spawn_local(async move {
            let answer = http::token(login, reason == TokenReason::First).await;
            handle.with(|app| app.in_session(number, |session| session.token(answer)));
        });
    }

    fn token(&mut self, answer: Result<TokenGrant, TokenFailure>) {
        if let Ok(grant) = &answer {
            self.impi = Some(grant.impi.clone());
        }
        self.agent.token(now(), answer);
    }

    fn show(&mut self, event: Event, handle: &Handle) {
        match event {
            Event::StateChanged(state) => {
                if state.binding().is_some() && self.notice.take().is_some() {
                    panel::hide_failure();
                }
                panel::show_state(&state, self.agent.config().scenario(), self.impi.as_ref());
            }
            // Keep-alives are not SIP messages.
            Event::MessageSent(wire) if !wire.is_keepalive() => {
                messages::add(Direction::Sent, &wire);
            }
            Event::MessageReceived(wire) if !wire.is_keepalive() => {
                let summary = messages::add(Direction::Received, &wire);
                self.answered = summary.status.or(self.answered);
            }
            Event::Failed(failure) => self.show_failure(&failure, handle),
            Event::Discarded { reason } => complain(&reason),
            Event::MessageSent(_)
            | Event::MessageReceived(_)
            | Event::TokenRefreshed { .. }
            | Event::Registered(_)
            | Event::Deregistered { .. } => {}
        }
    }

    fn show_failure(&mut self, failure: &Failure, handle: &Handle) {
        let notice = Notice::of(failure, self.answered);
        panel::show_failure(&notice, Probe::Running);
        if let Some(page) = notice.unreachable.clone() {
            let (handle, number) = (handle.clone(), self.number);
            spawn_local(async move {
                let probe = if http::answers(&page).await { Probe::Answers } else { Probe::Silent };
                handle.with(|app| app.in_session(number, |session| session.probed(&page, probe)));
            });
        }
        self.notice = Some(notice);
    }

    fn probed(&mut self, page: &str, probe: Probe) {
        if let Some(notice) = &self.notice
            && notice.unreachable.as_deref() == Some(page)
        {
            panel::show_failure(notice, probe);
        }
    }
}

fn listeners(handle: &Handle) -> Vec<Listener> {
    let (Some(window), Some(document)) = (window(), document()) else { return Vec::new() };
    let (window, document): (EventTarget, EventTarget) = (window.into(), document.into());
    let on = |target: &EventTarget, names, act: fn(&Handle, DomEvent)| {
        let handle = handle.clone();
        Listener::new(target.clone(), names, move |event| act(&handle, event))
    };
    vec![
        on(&document, &["click"], |handle, event| clicked(handle, &event)),
        on(&document, &["change"], |_, _| form::chosen().into_iter().for_each(form::show)),
        on(&document, &["submit"], |handle, event| {
            event.prevent_default();
            handle.with(App::register);
        }),
        on(&document, &["visibilitychange"], |handle, _| handle.with(App::looked_at)),
        // Back online, or back out of the page cache, whose pages have lost their connections.
        on(&window, &["online", "pageshow"], |handle, _| {
            handle.with(|app| {
                if let Some(session) = &mut app.session {
                    session.agent.network_changed(now());
                }
            });
        }),
    ]
}

fn clicked(handle: &Handle, event: &DomEvent) {
    let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
    let Some(button) = target.and_then(|target| target.closest("button").ok().flatten()) else { return };
    let with_agent = |act: fn(&mut Agent)| handle.with(|app| app.session.iter_mut().for_each(|s| act(&mut s.agent)));
    match button.id().as_str() {
        "refresh" => with_agent(|agent| agent.refresh(now())),
        "deregister" => with_agent(|agent| agent.deregister(now())),
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
