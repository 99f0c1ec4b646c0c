//! Our I-CSCF, S-CSCF and HSS: the script is the eP-CSCF before them.

use super::cx::{self, identity, parse, server};
use super::{Logs, OwnNodes, any_port, script, set, unready};
use conformance::Boxed;
use conformance::cx::{CxAsk, CxReply};
use conformance::lab::{
    Authentication, Controlled, CoreControl, CoreUnderTest, NewSubscriber, Operation, Setup, Subscriber,
};
use conformance::script::{Log, Node, Source};
use conformance::verdict::{Outcome, Stop};
use ims::profile::{PublicIdentity, ServiceProfile};
use ims::{Impi, Impu};
use mock_ims::cx::{DeregistrationReason, DigestAuthenticate};
use mock_ims::hss::{self, AdminRequest, ImplicitSet, Registration, Subscription};
use mock_ims::{Config, Running, Server, Taps};
use sip::Transport;
use sip_net::Mw;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use trace::{Direction, Hub, Leg, Record};

pub(super) async fn start(lab: &OwnNodes, setup: &Setup, log: &Log) -> Outcome<CoreUnderTest> {
    let edge = Node::bind(any_port(), "epcscf", "icscf", lab.limits.answer, log).await.map_err(script)?;
    let failed = unready("starting the core");
    let hub = Hub::new(4096);
    let taps = Taps { icscf: hub.tap("icscf"), scscf: hub.tap("scscf"), hss: hub.tap("hss") };
    let icscf = Mw::bind(any_port(), taps.icscf.clone()).await.map_err(|e| failed(&e))?;
    let scscf = Mw::bind(any_port(), taps.scscf.clone()).await.map_err(|e| failed(&e))?;
    hub.name(edge.addr(), "epcscf");
    let config = configured(&edge, setup)?;
    let udp = |addr| Source { transport: Transport::Udp, addr };
    let (entry, second) = (udp(icscf.addr()), udp(scscf.addr()));
    let home = config.domains.first().cloned().unwrap_or_default();
    let running = Server::start(config, icscf, scscf, &lab.folder(), taps).await.map_err(|e| failed(&e))?;
    let users = ["alice", "bob", "carol"].map(|name| Subscriber {
        impi: format!("{name}-wic@{home}"),
        impus: vec![format!("sip:{name}@{home}")],
        password: format!("{name}-secret"),
    });
    let control = OwnCore { running, hub, logs: lab.logs.clone(), home: home.clone() };
    Ok(CoreUnderTest { entry, scscf: Some(second), edge, home, users: users.into(), control: Arc::new(control) })
}

/// The core's configuration with the script as the only eP-CSCF. Settings are those of the policy table,
/// but for what stands beside it, as `ims.…`.
pub(super) fn configured(edge: &Node, setup: &Setup) -> Outcome<Config> {
    let mut config = Config { trusted_nodes: vec![edge.addr().into()], ..Config::default() };
    config.hosts.values_mut().for_each(|addr| *addr = edge.addr());
    for (name, value) in setup.iter() {
        let key = name.strip_prefix("ims.").map_or_else(|| format!("policy.{name}"), str::to_owned);
        config = set(config, &key, value).map_err(|e| Stop::Inconclusive(format!("{name} = {value}: {e:#}")))?;
    }
    Ok(config)
}

struct OwnCore {
    running: Running,
    hub: Hub,
    logs: Logs,
    home: String,
}

impl CoreControl for OwnCore {
    fn alive(&self) -> Boxed<'_, bool> {
        Box::pin(async {
            let icscf = self.running.icscf(|_, _| ()).await.is_some();
            icscf && self.running.scscf(|_, _| ()).await.is_some() && self.running.hss(|_| ()).await.is_some()
        })
    }

    fn cx(&self) -> Controlled<Vec<String>> {
        let asked = |record: &Record| {
            record.leg == Leg::Cx
                && match record.node.as_str() {
                    "hss" => record.direction == Direction::Out && is_push(&record.summary),
                    _ => record.direction == Direction::Out && !is_push_answer(&record.summary),
                }
        };
        Some(self.hub.since(0).iter().filter(|record| asked(record)).map(|record| short(&record.summary)).collect())
    }

    fn operate(&self, operation: Operation) -> Boxed<'_, Controlled<Result<(), String>>> {
        Box::pin(async move { Some(self.operate_it(operation).await) })
    }

    fn ask_hss(&self, ask: CxAsk) -> Boxed<'_, Controlled<CxReply>> {
        Box::pin(async move {
            let request = match cx::request(ask) {
                Ok(request) => request,
                Err(reason) => return Some(CxReply { text: reason, ..CxReply::default() }),
            };
            let tap = self.hub.tap("hss");
            let summary = request.to_string();
            tap.cx(Direction::In, "scscf", &summary, None, &format!("{request:#?}"));
            let answer = self.running.hss(move |hss| hss.handle(&request)).await?;
            tap.cx(Direction::Out, "scscf", &answer.to_string(), None, &format!("{answer:#?}"));
            Some(cx::reply(&answer))
        })
    }

    fn log(&self) -> Controlled<String> {
        self.logs.text()
    }

    fn records(&self) -> Vec<Record> {
        self.hub.since(0).iter().map(|record| (**record).clone()).collect()
    }
}

impl OwnCore {
    async fn operate_it(&self, operation: Operation) -> Result<(), String> {
        let request = match operation {
            Operation::Add(new) => {
                let subscription = subscription(new, &self.home)?;
                let done = self.running.hss(move |hss| hss.provision(subscription)).await.ok_or("it is gone")?;
                return done.map_err(|e| e.to_string());
            }
            Operation::SetPassword { impi, password } => {
                AdminRequest::SetPassword { impi: parse(&impi)?, password: password.into() }
            }
            Operation::SetAllowed { impu, wafs, wwsfs } => {
                AdminRequest::SetAllowed { impu: parse(&impu)?, wafs, wwsfs }
            }
            Operation::SetBarred { impu, barred } => AdminRequest::SetBarred { impu: parse(&impu)?, barred },
            Operation::Deregister { impu, reason } => {
                AdminRequest::Deregister { impu: parse(&impu)?, reason: reason_of(&reason)? }
            }
        };
        let done = self.running.hss(move |hss| hss.admin(request)).await.ok_or("it is gone")?;
        done.map(drop).map_err(|e| e.to_string())
    }
}

fn is_push(summary: &str) -> bool {
    summary.starts_with("RTR") || summary.starts_with("PPR")
}

fn is_push_answer(summary: &str) -> bool {
    summary.starts_with("RTA") || summary.starts_with("PPA")
}

/// The command, and its type where it has one.
fn short(summary: &str) -> String {
    let mut words = summary.split(' ');
    let command = words.next().unwrap_or_default();
    match words.next() {
        Some(kind) if kind.bytes().all(|c| c.is_ascii_uppercase() || matches!(c, b'_' | b'-')) => {
            format!("{command} {kind}")
        }
        _ => command.to_owned(),
    }
}

fn reason_of(text: &str) -> Result<DeregistrationReason, String> {
    DeregistrationReason::ALL
        .into_iter()
        .find(|reason| reason.to_string() == text)
        .ok_or_else(|| format!("{text} is no reason"))
}

fn subscription(new: NewSubscriber, realm: &str) -> Result<Subscription, String> {
    let impis: Vec<Impi> = new.impis.iter().map(|impi| parse(impi)).collect::<Result<_, _>>()?;
    let first = impis.first().cloned().ok_or("no private identity")?;
    let default: Impu = parse(new.impus.first().ok_or("no public identity")?)?;
    let entry = |text: &String| -> Result<PublicIdentity, String> {
        Ok(PublicIdentity { identity: identity(text)?, barred: new.barred.contains(text) })
    };
    let profile = ServiceProfile {
        impus: new.impus.iter().map(entry).collect::<Result<_, _>>()?,
        default,
        loose_route: false,
        allowed_wafs: new.wafs,
        allowed_wwsfs: new.wwsfs,
    };
    let authentication = |impi: &Impi| match &new.authentication {
        Authentication::TrustedNode => hss::Authentication::TrustedNode,
        Authentication::Aka => hss::Authentication::Aka,
        Authentication::Digest(password) => {
            hss::Authentication::Digest(DigestAuthenticate::of_password(impi, realm, &password.as_str().into()))
        }
    };
    let users: BTreeMap<Impi, hss::Authentication> =
        impis.iter().map(|impi| (impi.clone(), authentication(impi))).collect();
    let registration = match &new.registered_at {
        Some(name) => Registration::Registered { server: server(name)?, impis: BTreeSet::from([first.clone()]) },
        None => Registration::NotRegistered,
    };
    let set = ImplicitSet {
        unregistered_services: new.unregistered_services,
        registration,
        ..ImplicitSet::new(profile, impis)
    };
    Ok(Subscription { name: first.to_string(), users, sets: vec![set], pool: None })
}
