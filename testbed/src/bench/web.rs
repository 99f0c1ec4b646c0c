//! Our WWSF alone: the script is the browser.

use super::{OwnNodes, script, set, unready};
use conformance::Boxed;
use conformance::lab::{Controlled, Setup, WwsfControl, WwsfUnderTest};
use conformance::script::{Log, Target, connector};
use conformance::verdict::{Outcome, Stop};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use wwsf::{Config, HttpEvent, Running, Server};

pub(super) async fn start(lab: &OwnNodes, setup: &Setup, _log: &Log) -> Outcome<WwsfUnderTest> {
    let failed = unready("starting the WWSF");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| failed(&e))?;
    let addr = listener.local_addr().map_err(|e| failed(&e))?;
    let partner = setup.value("role") == Some("partner");
    let mut config = if partner { Config::partner() } else { Config::operator() };
    config.origin = format!("https://localhost:{}", addr.port()).parse().map_err(|e| failed(&e))?;
    config.asset_cache = Some(lab.state.path().join("asset-cache"));
    for (name, value) in setup.iter().filter(|(name, _)| *name != "role") {
        config = set(config, name, value).map_err(|e| Stop::Inconclusive(format!("{name} = {value}: {e:#}")))?;
    }
    let (id, audience) = (config.wwsf_id.clone(), config.audience.clone());
    let range = config.guests.enabled.then(|| config.guests.range.as_str().to_owned());
    let state = lab.folder();
    let observer = |_: &HttpEvent| {};
    // The first one compresses the page's assets; the others find them in the cache.
    let turn = lab.web.lock().await;
    let running = Server::start(config, lab.pki.server(), vec![listener], state.clone(), observer)
        .await
        .map_err(|e| failed(&e))?;
    drop(turn);
    let tls = Some(connector(&lab.pki.ca_pem).map_err(script)?);
    Ok(WwsfUnderTest {
        https: Target {
            addr,
            host: "localhost".into(),
            path: "/".into(),
            tls,
            node: "wwsf".into(),
            within: lab.limits.answer,
        },
        origin: format!("https://localhost:{}", addr.port()),
        id,
        login: (!partner).then(|| ("alice".to_owned(), "alice-web".to_owned())),
        audience,
        range,
        control: Arc::new(OwnWwsf { _running: running, addr, state }),
    })
}

struct OwnWwsf {
    _running: Running,
    addr: SocketAddr,
    state: PathBuf,
}

impl WwsfControl for OwnWwsf {
    fn alive(&self) -> Boxed<'_, bool> {
        Box::pin(async { tokio::net::TcpStream::connect(self.addr).await.is_ok() })
    }

    fn rotate_keys(&self) -> Boxed<'_, Controlled<Result<(), String>>> {
        Box::pin(async { Some(wwsf::keys::rotate(&self.state).map(drop).map_err(|e| e.to_string())) })
    }
}
