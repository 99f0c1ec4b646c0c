//! HEPv3 on sockets: what nodes of this process saw goes out, what others report comes in.

use crate::config::Trace;
use anyhow::{Context, Result};
use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::UdpSocket;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use trace::Hub;
use trace::hep::{Agents, Packet, encode};

/// Reports what `hub`'s own nodes see to `collector` (`host:port`), until the task is dropped.
///
/// # Errors
/// When there is no such host.
pub(crate) async fn report(config: &Trace, collector: &str, hub: &Hub) -> Result<JoinHandle<()>> {
    let option = || format!("trace.hep = {collector:?}: no host and port to report to");
    let addr = tokio::net::lookup_host(collector).await.with_context(option)?.next().with_context(option)?;
    let any: SocketAddr = match addr {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(addr).await.with_context(option)?;
    tracing::info!(%addr, agent = config.hep_agent, "reports by HEPv3");
    let (mut records, agent) = (hub.watch_own(), config.hep_agent);
    let key = config.hep_auth_key.clone().map(String::into_bytes);
    Ok(tokio::spawn(async move {
        loop {
            let record = match records.recv().await {
                Ok(record) => record,
                Err(RecvError::Lagged(count)) => {
                    metrics::counter!("trace_hep_lost_total").increment(count);
                    continue;
                }
                Err(RecvError::Closed) => return,
            };
            // A collector that is not there must not disturb a node.
            let sent = match encode(&Packet::of(&record, agent, key.as_deref())) {
                Ok(octets) => socket.send(&octets).await.is_ok(),
                Err(_) => false,
            };
            if !sent {
                metrics::counter!("trace_hep_lost_total").increment(1);
            }
        }
    }))
}

/// Listens where `config` says, on `port`, for the reports of others.
///
/// # Errors
/// When the port is taken.
pub(crate) async fn listen(config: &Trace, port: u16) -> Result<UdpSocket> {
    let addr = SocketAddr::new(config.hep_listen, port);
    UdpSocket::bind(addr).await.map_err(|error| crate::listen::explain(addr, &error, "ports.hep"))
}

/// Takes what is reported at `socket` into `hub`, until the task is dropped.
pub(crate) fn collect(config: &Trace, socket: UdpSocket, hub: &Hub) -> Result<JoinHandle<()>> {
    let names: HashMap<u32, String> = config
        .hep_nodes
        .iter()
        .map(|(agent, name)| {
            let number = agent.parse().with_context(|| format!("trace.hep_nodes: {agent:?} is no agent's number"));
            number.map(|number| (number, name.clone()))
        })
        .collect::<Result<_>>()?;
    let mut agents = Agents::new(config.hep_auth_key.clone().map(String::into_bytes), names);
    let hub = hub.clone();
    Ok(tokio::spawn(async move {
        let mut buffer = vec![0; 65_536];
        loop {
            // An error is one of an earlier datagram; there is nobody to tell.
            let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
            match agents.receive(from.ip(), buffer.get(..length).unwrap_or_default()) {
                Ok(record) => hub.ingest(record),
                Err(reason) => {
                    tracing::debug!(%from, %reason, "a report is left out");
                    metrics::counter!("trace_hep_refused_total").increment(1);
                }
            }
        }
    }))
}
