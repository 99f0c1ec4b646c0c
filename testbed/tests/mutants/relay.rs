//! What stands between a script and a node, and changes what passes.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use bytes::BytesMut;
use conformance::script::{Frame, Opcode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::mutant::{Hook, Mutant};
use crate::spoil::Memory;

/// Tasks that end with it.
#[derive(Debug, Default)]
pub(crate) struct Running(Vec<AbortHandle>);

impl Running {
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push(tokio::spawn(task).abort_handle());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

fn spoilt(hook: Option<Hook>, memory: &Memory, octets: &[u8]) -> Option<Vec<u8>> {
    let Some(hook) = hook else { return Some(octets.to_vec()) };
    match std::str::from_utf8(octets) {
        Ok(text) => hook(memory, text).map(String::into_bytes),
        Err(_) => Some(octets.to_vec()),
    }
}

/// Requests in a dialog go where a contact says: there the relay stands as well.
fn swapped(octets: &[u8], from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    match std::str::from_utf8(octets) {
        Ok(text) => text.replace(&from.to_string(), &to.to_string()).into_bytes(),
        Err(_) => octets.to_vec(),
    }
}

/// Takes datagrams of the script at `near` to `node`, as from `far`; what comes back to `far` goes to
/// whom the script was last, or to `home` before it said anything.
pub(crate) async fn datagrams(
    near: Arc<UdpSocket>,
    far: Arc<UdpSocket>,
    node: SocketAddr,
    senders: Arc<std::sync::Mutex<SocketAddr>>,
) {
    let mut buffer = vec![0; 65_536];
    loop {
        let Ok((length, from)) = near.recv_from(&mut buffer).await else { continue };
        *senders.lock().unwrap_or_else(PoisonError::into_inner) = from;
        let octets = match far.local_addr() {
            Ok(relay) => swapped(&buffer[..length], from, relay),
            Err(_) => buffer[..length].to_vec(),
        };
        let _ = far.send_to(&octets, node).await;
    }
}

/// Takes datagrams of the node at `far` to the script.
pub(crate) async fn back(
    far: Arc<UdpSocket>,
    near: Arc<UdpSocket>,
    hook: Option<Hook>,
    memory: Arc<Memory>,
    senders: Arc<std::sync::Mutex<SocketAddr>>,
) {
    let mut buffer = vec![0; 65_536];
    loop {
        let Ok((length, _)) = far.recv_from(&mut buffer).await else { continue };
        let to = *senders.lock().unwrap_or_else(PoisonError::into_inner);
        let octets = match far.local_addr() {
            Ok(relay) => swapped(&buffer[..length], relay, to),
            Err(_) => buffer[..length].to_vec(),
        };
        if let Some(octets) = spoilt(hook, &memory, &octets) {
            let _ = near.send_to(&octets, to).await;
        }
    }
}

/// Takes WebSocket connections to an eP-CSCF.
pub(crate) async fn websockets(
    listener: TcpListener,
    server: TlsAcceptor,
    client: TlsConnector,
    node: SocketAddr,
    mutant: Mutant,
    memory: Arc<Memory>,
) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (server, client, memory, mutant) = (server.clone(), client.clone(), Arc::clone(&memory), mutant.clone());
        connections.spawn(async move {
            let _ = connection(stream, server, client, node, &mutant, &memory).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(
    stream: TcpStream,
    server: TlsAcceptor,
    client: TlsConnector,
    node: SocketAddr,
    mutant: &Mutant,
    memory: &Memory,
) -> std::io::Result<()> {
    let mut script = server.accept(stream).await?;
    let name = rustls::pki_types::ServerName::try_from("localhost").map_err(std::io::Error::other)?;
    let mut edge = client.connect(name, TcpStream::connect(node).await?).await?;
    let asked = head(&mut script).await?;
    edge.write_all(&spoilt(mutant.upgrade, memory, &asked).unwrap_or_default()).await?;
    let answered = head(&mut edge).await?;
    script.write_all(&spoilt(mutant.upgraded, memory, &answered).unwrap_or_default()).await?;
    let (mut script_read, mut script_write) = tokio::io::split(script);
    let (mut edge_read, mut edge_write) = tokio::io::split(edge);
    let inwards = async {
        let mut buffer = BytesMut::new();
        loop {
            while let Ok(Some(frame)) = Frame::decode(&mut buffer) {
                if frame.opcode == Opcode::Text {
                    *memory.asked.lock().unwrap_or_else(PoisonError::into_inner) =
                        String::from_utf8_lossy(&frame.payload).into_owned();
                }
                pass(&mut edge_write, frame, mutant.from_wic, memory).await?;
            }
            if script_read.read_buf(&mut buffer).await? == 0 {
                return edge_write.shutdown().await;
            }
        }
    };
    let outwards = async {
        let mut buffer = BytesMut::new();
        loop {
            while let Ok(Some(frame)) = Frame::decode(&mut buffer) {
                pass(&mut script_write, frame, mutant.to_wic, memory).await?;
            }
            if edge_read.read_buf(&mut buffer).await? == 0 {
                return script_write.shutdown().await;
            }
        }
    };
    tokio::select! {
        ended = inwards => ended,
        ended = outwards => ended,
    }
}

async fn pass(
    to: &mut (impl AsyncWriteExt + Unpin),
    mut frame: Frame,
    hook: Option<Hook>,
    memory: &Memory,
) -> std::io::Result<()> {
    if frame.opcode == Opcode::Text && frame.fin {
        match spoilt(hook, memory, &frame.payload) {
            Some(octets) => frame.payload = octets.into(),
            None => return Ok(()),
        }
    }
    to.write_all(&frame.encode()).await?;
    to.flush().await
}

async fn head(stream: &mut (impl AsyncReadExt + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < 16_384 {
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}
