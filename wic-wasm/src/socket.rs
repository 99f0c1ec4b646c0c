//! SIP over a WebSocket of the browser (RFC 7118).

use bytes::Bytes;
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BinaryType, CloseEvent, Event, MessageEvent, WebSocket};

use crate::browser::Listener;

/// The subprotocol (RFC 7118 §4.1).
const SUBPROTOCOL: &str = "sip";

/// What happens on a socket.
pub(crate) enum SocketEvent {
    /// It is open.
    Open,
    /// A WebSocket message came in: one SIP message, or a keep-alive.
    Message(Bytes),
    /// It did not open, or is closed. Code 1006 when the other side gave none.
    Closed { code: u16, reason: String },
}

/// A WebSocket to the eP-CSCF. Dropping it ends the events, not the connection.
pub(crate) struct Socket {
    socket: WebSocket,
    _listener: Listener,
}

impl Socket {
    /// Begins to open a connection.
    ///
    /// # Errors
    /// What the browser said to the address.
    pub(crate) fn open(url: &str, mut handler: impl FnMut(SocketEvent) + 'static) -> Result<Self, String> {
        let socket = WebSocket::new_with_str(url, SUBPROTOCOL).map_err(|error| describe(&error))?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        // An error event says nothing, and a close event always follows it.
        let listener = Listener::new(socket.clone().into(), &["open", "message", "close"], move |event| {
            if let Some(event) = read(event) {
                handler(event);
            }
        });
        Ok(Self { socket, _listener: listener })
    }

    /// Sends one message: as text when it is UTF-8, else as binary (RFC 7118 §4.2).
    pub(crate) fn send(&self, octets: &[u8]) {
        // Fails only when it is not open; a close event tells of that.
        let _ = match str::from_utf8(octets) {
            Ok(text) => self.socket.send_with_str(text),
            Err(_) => self.socket.send_with_u8_array(octets),
        };
    }

    /// Closes it once what was sent has gone out, or gives up opening it.
    pub(crate) fn close(&self, code: u16, reason: &str) {
        let _ = self.socket.close_with_code_and_reason(code, reason);
    }
}

/// What an exception says of itself.
pub(crate) fn describe(error: &JsValue) -> String {
    error.dyn_ref::<js_sys::Error>().map_or_else(|| "unknown error".to_owned(), |e| String::from(e.message()))
}

fn read(event: Event) -> Option<SocketEvent> {
    match event.dyn_into::<MessageEvent>() {
        Ok(message) => {
            let data = message.data();
            let octets = match data.as_string() {
                Some(text) => text.into_bytes(),
                None => Uint8Array::new(&data).to_vec(),
            };
            Some(SocketEvent::Message(octets.into()))
        }
        Err(event) => match event.dyn_into::<CloseEvent>() {
            Ok(close) => Some(SocketEvent::Closed { code: close.code(), reason: close.reason() }),
            Err(_) => Some(SocketEvent::Open),
        },
    }
}
