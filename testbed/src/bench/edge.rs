//! Our eP-CSCF alone: the script is WIC, WAF and core.

use super::{Logs, OwnNodes, any_port, script, set, unready};
use conformance::Boxed;
use conformance::lab::{Controlled, EdgeControl, EdgeUnderTest, Setup, WwsfParty};
use conformance::script::{Log, Node, SigningKey, Source, Target, Waf, connector};
use conformance::verdict::{Outcome, Stop};
use epcscf::config::{IssuerConfig, WwsfConfig};
use epcscf::{Config, Records, Running, Server};
use sip::node::Node as _;
use sip::{Now, Transport};
use sip_net::Mw;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use trace::Tap;

const OPERATOR: &str = "https://wwsf.ims.example";
const PARTNER: &str = "https://wwsf.partner.example";

pub(super) async fn start(lab: &OwnNodes, setup: &Setup, log: &Log) -> Outcome<EdgeUnderTest> {
    let core = Node::bind(any_port(), "core", "epcscf", lab.limits.answer, log).await.map_err(script)?;
    let operator = waf(lab, &lab.operator_key, log).await?;
    let partner = waf(lab, &lab.partner_key, log).await?;
    let mut config = Config {
        wwsf: vec![
            record(WwsfConfig::operator(), OPERATOR, "https://waf.ims.example", &operator),
            record(WwsfConfig::partner(), PARTNER, "https://waf.partner.example", &partner),
        ],
        ..Config::default()
    };
    config.core.icscf = core.addr();
    config.core.scscf = core.addr();
    // A purpose that is about these subscriptions switches them on; to others they are noise.
    config.policy.reg_event.subscribe = false;
    config.policy.reg_event.anchors = false;
    config.trusted_nodes = vec![epcscf::config::TrustedNode { ip: core.addr().ip(), port: Some(core.addr().port()) }];
    let config = configure(config, setup)?;

    let failed = unready("starting the eP-CSCF");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|e| failed(&e))?;
    let addr = listener.local_addr().map_err(|e| failed(&e))?;
    let mw = Mw::bind(any_port(), Tap::default()).await.map_err(|e| failed(&e))?;
    let mw_addr = mw.addr();
    let running = Server::start(config.clone(), lab.pki.server(), vec![listener], mw, &lab.pki.ca_pem, Tap::default())
        .await
        .map_err(|e| failed(&e))?;
    let tls = Some(connector(&lab.pki.ca_pem).map_err(script)?);
    Ok(EdgeUnderTest {
        wss: Target {
            addr,
            host: "localhost".into(),
            path: "/".into(),
            tls,
            node: "epcscf".into(),
            within: lab.limits.answer,
        },
        core,
        mw: Some(Source { transport: Transport::Udp, addr: mw_addr }),
        home: config.home_domain.clone(),
        name: config.name.clone(),
        operator: party(&config, 0, OPERATOR, &lab.operator_key, operator)?,
        partner: party(&config, 1, PARTNER, &lab.partner_key, partner)?,
        control: Arc::new(OwnEdge { running, config, logs: lab.logs.clone() }),
    })
}

async fn waf(lab: &OwnNodes, key: &SigningKey, log: &Log) -> Outcome<Arc<Waf>> {
    Waf::start(any_port(), &lab.pki, &[key], log.clone()).await.map(Arc::new).map_err(script)
}

fn record(mut wwsf: WwsfConfig, origin: &str, issuer: &str, waf: &Waf) -> WwsfConfig {
    wwsf.origins = vec![origin.into()];
    wwsf.issuers = vec![IssuerConfig { issuer: issuer.into(), jwks_url: waf.jwks_url(), entity: None }];
    wwsf.authz_server = Some(format!("{origin}/api/token"));
    wwsf
}

fn party(config: &Config, at: usize, origin: &str, key: &Arc<SigningKey>, waf: Arc<Waf>) -> Outcome<WwsfParty> {
    let wwsf = config.wwsf.get(at).ok_or_else(|| Stop::Inconclusive("no such WWSF".into()))?;
    let issuer = wwsf.issuers.first().map(|issuer| issuer.issuer.clone()).unwrap_or_default();
    let range = wwsf.ranges.first().map(|range| range.as_str().to_owned());
    let domain = range.as_deref().and_then(|range| range.rsplit_once('@')).map(|(_, domain)| domain.to_owned());
    Ok(WwsfParty {
        id: wwsf.id.clone(),
        origin: origin.into(),
        entity: issuer.trim_start_matches("https://").to_owned(),
        issuer,
        authz_server: wwsf.authz_server.clone(),
        domain: domain.unwrap_or_else(|| config.home_domain.clone()),
        range,
        key: Arc::clone(key),
        waf: Some(waf),
    })
}

/// Settings are those of the policy table, but for `wwsf.operator.…`, `wwsf.partner.…` and what stands
/// beside the table, as `epcscf.…`.
fn configure(mut config: Config, setup: &Setup) -> Outcome<Config> {
    for (name, value) in setup.iter() {
        let wrong = |e: anyhow::Error| Stop::Inconclusive(format!("{name} = {value}: {e:#}"));
        let wwsf = [("wwsf.operator.", 0), ("wwsf.partner.", 1)];
        if let Some((key, at)) = wwsf.iter().find_map(|(prefix, at)| Some((name.strip_prefix(prefix)?, *at))) {
            if let Some(record) = config.wwsf.get_mut(at) {
                *record = set(record.clone(), key, value).map_err(wrong)?;
            }
        } else if let Some(key) = name.strip_prefix("epcscf.") {
            config = set(config, key, value).map_err(wrong)?;
        } else {
            config = set(config, &format!("policy.{name}"), value).map_err(wrong)?;
        }
    }
    Ok(config)
}

struct OwnEdge {
    running: Running,
    config: Config,
    logs: Logs,
}

impl EdgeControl for OwnEdge {
    fn alive(&self) -> Boxed<'_, bool> {
        Box::pin(async { self.running.edge(|_, _| ()).await.is_some() })
    }

    fn log(&self) -> Controlled<String> {
        self.logs.text()
    }

    fn jump_clock(&self, seconds: i64) -> Boxed<'_, Controlled<()>> {
        Box::pin(async move {
            let jump = move |now: Now| Now { unix: now.unix.saturating_add_signed(seconds), ..now };
            self.running.edge(move |edge, now| edge.handle_timeout(jump(now))).await
        })
    }

    fn revoke(&self, issuer: &str, jti: &str) -> Boxed<'_, Controlled<()>> {
        let (issuer, jti) = (issuer.to_owned(), jti.to_owned());
        Box::pin(async move { self.running.edge(move |edge, now| edge.revoke(now, &issuer, &jti)).await })
    }

    fn drop_range(&self) -> Boxed<'_, Controlled<()>> {
        Box::pin(async {
            let mut config = self.config.clone();
            config.wwsf.retain(|wwsf| wwsf.ranges.is_empty());
            self.running.replace_records(Records::from_config(&config).ok()?).await;
            Some(())
        })
    }
}
