//! Listeners on the loopback addresses.

use anyhow::{Result, anyhow};
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

/// Listens on `port` of every address in `hosts`; port 0 takes one that is free on all of them. An
/// address family that the machine lacks is left out, unless it is the only one.
///
/// # Errors
/// Names the port that is taken and `option`, which changes it.
pub(crate) fn tcp(hosts: &[IpAddr], port: u16, option: &str) -> Result<Vec<TcpListener>> {
    let mut last = None;
    for _ in 0..if port == 0 { 16 } else { 1 } {
        match bind_all(hosts, port) {
            Ok(listeners) => return Ok(listeners),
            Err(failed) => last = Some(failed),
        }
    }
    let (addr, error) =
        last.unwrap_or_else(|| (SocketAddr::from(([127, 0, 0, 1], port)), io::Error::other("no address given")));
    Err(explain(addr, &error, option))
}

/// The error for an address that can't be had: which, why, and what changes it.
pub(crate) fn explain(addr: SocketAddr, error: &io::Error, option: &str) -> anyhow::Error {
    let cause = if error.kind() == io::ErrorKind::AddrInUse {
        "the port is taken by another program".to_owned()
    } else {
        error.to_string()
    };
    anyhow!("cannot listen on {addr}: {cause}; choose another with --set {option}=PORT (0 is any free one)")
}

fn bind_all(hosts: &[IpAddr], mut port: u16) -> Result<Vec<TcpListener>, (SocketAddr, io::Error)> {
    let mut listeners = Vec::new();
    let mut absent = None;
    for host in hosts {
        let addr = SocketAddr::new(*host, port);
        match TcpListener::bind(addr) {
            Ok(listener) => {
                port = listener.local_addr().map_err(|e| (addr, e))?.port();
                listeners.push(listener);
            }
            Err(e) if e.kind() == io::ErrorKind::AddrNotAvailable => absent = Some((addr, e)),
            Err(e) => return Err((addr, e)),
        }
    }
    match absent {
        Some(failed) if listeners.is_empty() => Err(failed),
        _ => Ok(listeners),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_its_option() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = tcp(&["127.0.0.1".parse().unwrap()], port, "wwsf.port").unwrap_err().to_string();
        assert!(error.contains(&format!("127.0.0.1:{port}")), "{error}");
        assert!(error.contains("--set wwsf.port="), "{error}");
    }

    #[test]
    fn all_hosts_share_a_free_port() {
        let listeners = tcp(&["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()], 0, "x").unwrap();
        let ports: Vec<_> = listeners.iter().map(|l| l.local_addr().unwrap().port()).collect();
        assert!(ports.iter().all(|p| *p == ports[0] && *p != 0), "{ports:?}");
    }
}
