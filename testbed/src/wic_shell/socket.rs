//! One WebSocket to the eP-CSCF, in a task of its own.

use std::sync::Arc;
use std::time::Duration;

use ::wic::WssUrl;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use sip::{Host, Transport};
use sip_net::Gate;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use trace::Direction;

use super::recorder::Recorder;

/// The longest message that is accepted, in octets; the eP-CSCF's own limit.
const MAX_MESSAGE: usize = 64 * 1024;
/// How long the other side may take to close after we did.
const LINGER: Duration = Duration::from_secs(1);
/// Outgoing messages that may wait for a slow connection.
const BACKLOG: usize = 64;

/// The near end of a WebSocket. Dropping it breaks the connection without a close.
#[derive(Debug)]
pub(super) struct Socket {
    id: u64,
    to: mpsc::Sender<Order>,
    /// `None` once it is to end by itself.
    task: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Order {
    Send(Bytes),
    Close(u16, &'static str),
}

/// What happens on a connection.
#[derive(Debug)]
pub(super) enum Happening {
    Opened,
    Failed(String),
    Received(Bytes),
    Closed(u16, String),
}

/// A [`Happening`] with the number of the connection that it is about.
pub(super) type Report = (u64, Happening);

impl Socket {
    /// Opens connection number `id`; reports go to `to`.
    pub(super) fn open(
        id: u64,
        url: WssUrl,
        origin: &str,
        tls: Arc<ClientConfig>,
        recorder: Recorder,
        gate: Gate,
        to: mpsc::Sender<Report>,
    ) -> Self {
        let (orders, from_owner) = mpsc::channel(BACKLOG);
        let origin = origin.to_owned();
        let task = tokio::spawn(async move {
            let end = match dial(&url, &origin, &tls, &recorder, &gate).await {
                Ok(stream) => {
                    if to.send((id, Happening::Opened)).await.is_err() {
                        return;
                    }
                    serve(id, stream, from_owner, &to).await
                }
                Err(reason) => Some(Happening::Failed(reason)),
            };
            if let Some(end) = end {
                let _ = to.send((id, end)).await;
            }
        });
        Self { id, to: orders, task: Some(task) }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Sends a message; one that finds the backlog full breaks the connection.
    pub(super) fn send(&self, octets: Bytes) {
        if self.to.try_send(Order::Send(octets)).is_err() {
            self.abort();
        }
    }

    /// Closes, after what was sent before; the task finishes by itself.
    pub(super) fn close(mut self, code: u16, reason: &'static str) -> Closing {
        if self.to.try_send(Order::Close(code, reason)).is_err() {
            self.abort();
        }
        Closing(self.task.take())
    }

    fn abort(&self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.abort();
    }
}

/// A connection that is being closed.
#[derive(Debug)]
pub(super) struct Closing(Option<JoinHandle<()>>);

impl Closing {
    /// Waits until it is closed.
    pub(super) async fn done(self) {
        if let Some(task) = self.0 {
            let _ = task.await;
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

type Ws = WebSocketStream<Box<dyn Stream>>;

/// TCP, TLS, then the upgrade with Origin and the subprotocol (RFC 7118 §4.1, TS 33.203 X.3.2.1).
async fn dial(
    url: &WssUrl,
    origin: &str,
    tls: &Arc<ClientConfig>,
    recorder: &Recorder,
    gate: &Gate,
) -> Result<Ws, String> {
    let mut request = url.as_str().into_client_request().map_err(|e| e.to_string())?;
    let host = request.uri().host().unwrap_or_default().to_owned();
    let port = request.uri().port_u16().unwrap_or(if url.transport() == Transport::Wss { 443 } else { 80 });
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", HeaderValue::from_static("sip"));
    headers.insert("origin", HeaderValue::from_str(origin).map_err(|_| "the origin is no header value".to_owned())?);

    let asked = format!("GET {} upgrade", request.uri().path());
    if !gate.pass(|| Some(recorder.preview_upgrade(&asked))).await {
        return Err("the network is not there".into());
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let tcp = TcpStream::connect((bare.as_str(), port)).await.map_err(|e| e.to_string())?;
    recorder.connected(tcp.local_addr().ok(), tcp.peer_addr().ok());
    let _ = tcp.set_nodelay(true);
    let stream: Box<dyn Stream> = match url.transport() {
        Transport::Wss => {
            let name = server_name(&bare)?;
            Box::new(TlsConnector::from(Arc::clone(tls)).connect(name, tcp).await.map_err(|e| e.to_string())?)
        }
        _ => Box::new(tcp),
    };
    recorder.upgrade(Direction::Out, asked);
    let limits = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    match client_async_with_config(request, stream, Some(limits)).await {
        Ok((ws, response)) => {
            recorder.upgrade(Direction::In, response.status().to_string());
            Ok(ws)
        }
        Err(tungstenite::Error::Http(response)) => {
            recorder.upgrade(Direction::In, response.status().to_string());
            Err(refusal(&response))
        }
        Err(error) => Err(error.to_string()),
    }
}

fn server_name(host: &str) -> Result<ServerName<'static>, String> {
    // What `Host` takes for an address, rustls does too.
    let _: Host = host.parse().or_else(|_| format!("[{host}]").parse()).map_err(|_| "malformed host".to_owned())?;
    ServerName::try_from(host.to_owned()).map_err(|e| e.to_string())
}

/// The eP-CSCF's reason for not upgrading, from the body that it sends along.
fn refusal(response: &tungstenite::http::Response<Option<Vec<u8>>>) -> String {
    let body = response.body().as_deref().unwrap_or_default();
    let body = String::from_utf8_lossy(&body[..body.len().min(300)]);
    let body: String = body.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("the upgrade was answered {} {}", response.status(), body.trim()).trim_end().to_owned()
}

/// Passes messages both ways until the connection ends. `None`: its owner ended it.
async fn serve(id: u64, mut ws: Ws, mut orders: mpsc::Receiver<Order>, to: &mpsc::Sender<Report>) -> Option<Happening> {
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Send(octets)) => {
                    if let Err(error) = ws.send(message(octets)).await {
                        return Some(Happening::Closed(1006, error.to_string()));
                    }
                }
                Some(Order::Close(code, reason)) => {
                    close(ws, code, reason).await;
                    return None;
                }
                None => return None,
            },
            received = ws.next() => match received {
                Some(Ok(Message::Text(text))) => to.send((id, Happening::Received(text.into()))).await.ok()?,
                Some(Ok(Message::Binary(octets))) => to.send((id, Happening::Received(octets))).await.ok()?,
                Some(Ok(Message::Close(frame))) => {
                    let (code, reason) = frame.map_or((1005, String::new()), |f| (f.code.into(), f.reason.to_string()));
                    // The answer to it goes out with the flush.
                    let _ = tokio::time::timeout(LINGER, ws.flush()).await;
                    return Some(Happening::Closed(code, reason));
                }
                // Pings are answered by the library.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Some(Happening::Closed(1006, error.to_string())),
                None => return Some(Happening::Closed(1006, "the connection broke".into())),
            },
        }
    }
}

/// Text when it is UTF-8, else binary (RFC 7118 §4.2).
fn message(octets: Bytes) -> Message {
    match tungstenite::Utf8Bytes::try_from(octets.clone()) {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Binary(octets),
    }
}

async fn close(mut ws: Ws, code: u16, reason: &'static str) {
    let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
    let closing = async {
        ws.close(Some(frame)).await.ok()?;
        while let Some(Ok(_)) = ws.next().await {}
        Some(())
    };
    let _ = tokio::time::timeout(LINGER, closing).await;
}
