//! Our I-CSCF, S-CSCF and HSS: the script is the eP-CSCF before them.

use super::{Logs, OwnNodes, any_port, script, set, unready};
use conformance::Boxed;
use conformance::lab::{
    Authentication, Controlled, CoreControl, CoreUnderTest, CxAsk, CxReply, NewSubscriber, Operation, Setup, Subscriber,
};
use conformance::script::{Log, Node, Source};
use conformance::verdict::{Outcome, Stop};
use ims::profile::{Identity, PublicIdentity, ServiceProfile};
use ims::{Impi, Impu, WildcardedImpu};
use mock_ims::cx::{
    AssignmentType, AuthScheme, AuthorizationType, Capacity, CxAnswer, CxRequest, DeregistrationReason,
    DigestAuthenticate, Lir, Mar, ResultCode, Sar, ServerName, Uar, UserData,
};
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
    let mut config = Config { trusted_nodes: vec![edge.addr().into()], ..Config::default() };
    config.hosts.values_mut().for_each(|addr| *addr = edge.addr());
    for (name, value) in setup.iter() {
        let key = name.strip_prefix("ims.").map_or_else(|| format!("policy.{name}"), str::to_owned);
        config = set(config, &key, value).map_err(|e| Stop::Inconclusive(format!("{name} = {value}: {e:#}")))?;
    }
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
            let request = match ask {
                CxAsk::Ppr { identities } => return Some(ppr(identities)),
                ask => match request(ask) {
                    Ok(request) => request,
                    Err(reason) => return Some(CxReply { text: reason, ..CxReply::default() }),
                },
            };
            let tap = self.hub.tap("hss");
            let summary = request.to_string();
            tap.cx(Direction::In, "scscf", &summary, None, &format!("{request:#?}"));
            let answer = self.running.hss(move |hss| hss.handle(&request)).await?;
            tap.cx(Direction::Out, "scscf", &answer.to_string(), None, &format!("{answer:#?}"));
            Some(reply(&answer))
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

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|e| format!("{text}: {e}"))
}

fn server(text: &str) -> Result<ServerName, String> {
    ServerName::parse(text).map_err(|e| format!("{text}: {e}"))
}

fn identity(text: &str) -> Result<Identity, String> {
    match text.contains('!') {
        true => Ok(Identity::Wildcard(parse::<WildcardedImpu>(text)?)),
        false => Ok(Identity::Distinct(parse::<Impu>(text)?)),
    }
}

fn reason_of(text: &str) -> Result<DeregistrationReason, String> {
    use DeregistrationReason::{NewServerAssigned, PermanentTermination, RemoveScscf, ServerChange};
    [PermanentTermination, NewServerAssigned, ServerChange, RemoveScscf]
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

fn request(ask: CxAsk) -> Result<CxRequest, String> {
    Ok(match ask {
        CxAsk::Uar { impi, impu, kind, visited } => Uar {
            user_name: parse(&impi)?,
            public_identity: parse(&impu)?,
            visited_network: visited,
            authorization_type: match kind {
                0 => AuthorizationType::Registration,
                1 => AuthorizationType::DeRegistration,
                _ => AuthorizationType::RegistrationAndCapabilities,
            },
        }
        .into(),
        CxAsk::Mar { impi, impu, scheme, server: name } => {
            use AuthScheme::{DigestAka, EarlyIms, NassBundled, SipDigest, Unknown};
            let schemes = [Unknown, SipDigest, DigestAka, NassBundled, EarlyIms];
            let scheme = schemes.into_iter().find(|known| known.as_str() == scheme).ok_or("no such scheme")?;
            Mar { user_name: parse(&impi)?, public_identity: parse(&impu)?, scheme, server_name: server(&name)? }.into()
        }
        CxAsk::Sar { impi, impus, wildcard, kind, server: name } => Sar {
            user_name: impi.map(|impi| parse(&impi)).transpose()?,
            public_identities: impus.iter().map(|impu| identity(impu)).collect::<Result<_, _>>()?,
            wildcarded: wildcard.map(|wildcard| parse(&wildcard)).transpose()?,
            server_name: server(&name)?,
            assignment_type: AssignmentType::ALL.into_iter().find(|t| t.code() == kind).ok_or("no such type")?,
            user_data_already_available: false,
        }
        .into(),
        CxAsk::Lir { impu, originating } => {
            Lir { public_identity: parse(&impu)?, originating, capabilities_only: false }.into()
        }
        CxAsk::Ppr { .. } => return Err("a PPR is not for the HSS".into()),
    })
}

/// What an S-CSCF makes of the document in a PPR (TS 29.228 §6.2.1).
fn ppr(identities: Option<usize>) -> CxReply {
    let impu = |n: usize| format!("sip:user{n}@ims.example").parse::<Impu>();
    let document = identities.and_then(|count| {
        let mut profile = ServiceProfile::of(impu(0).ok()?);
        profile.impus.extend((1..count).filter_map(|n| impu(n).ok()).map(PublicIdentity::distinct));
        Some(UserData { impi: "user@ims.example".parse().ok()?, profile }.encode())
    });
    let document = document.unwrap_or_else(|| "<IMSSubscription/>".into());
    let result = UserData::decode(&document, &Capacity::default()).err().unwrap_or(ResultCode::Success);
    coded(result, format!("PPA {result}"))
}

fn coded(result: ResultCode, text: String) -> CxReply {
    CxReply { code: result.code(), experimental: result.is_experimental(), text, ..CxReply::default() }
}

fn reply(answer: &CxAnswer) -> CxReply {
    let reply = coded(answer.result(), answer.to_string());
    let name = |server: &Option<ServerName>| server.as_ref().map(ToString::to_string);
    match answer {
        CxAnswer::Uaa(uaa) => {
            CxReply { server: name(&uaa.server_name), capabilities: uaa.capabilities.is_some(), ..reply }
        }
        CxAnswer::Maa(maa) => {
            let ha1 = |auth: &DigestAuthenticate| {
                [Some(&auth.ha1), auth.alternate.as_ref()]
                    .into_iter()
                    .flatten()
                    .map(|h| h.algorithm().to_string())
                    .collect()
            };
            CxReply { ha1: maa.auth.as_ref().map(ha1).unwrap_or_default(), ..reply }
        }
        CxAnswer::Saa(saa) => CxReply {
            server: name(&saa.server_name),
            wildcard: saa.wildcarded.as_ref().map(ToString::to_string),
            profile: saa.user_data.is_some(),
            ..reply
        },
        CxAnswer::Lia(lia) => CxReply {
            server: name(&lia.server_name),
            capabilities: lia.capabilities.is_some(),
            wildcard: lia.wildcarded.as_ref().map(ToString::to_string),
            ..reply
        },
    }
}
