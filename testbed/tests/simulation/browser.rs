//! A person's WIC, and its WebSocket.

use crate::people::Person;
use ims::Scenario;
use sip::{FlowId, Instant, SeededEntropy};
use wic::{Access, Agent, DigestAccess, InstanceId, TokenAccess, TokenScenario};

/// One browser.
pub(crate) struct Wic {
    pub(crate) person: Person,
    pub(crate) agent: Agent,
    pub(crate) instance: String,
    /// How often it had to wait and try again.
    pub(crate) retries: usize,
    pub(crate) link: Option<Link>,
    pub(crate) links: u64,
}

/// A WebSocket: nothing is lost on it and nothing overtakes.
pub(crate) struct Link {
    pub(crate) id: u64,
    pub(crate) flow: Option<FlowId>,
    pub(crate) up_until: Instant,
    pub(crate) down_until: Instant,
}

impl Wic {
    pub(crate) fn new(person: Person, dice: &mut SeededEntropy) -> Self {
        let instance = InstanceId::random(dice);
        let url = "wss://localhost:7443/".parse().unwrap();
        let impu = person.impu.parse().unwrap();
        let token = |scenario| {
            Access::Token(TokenAccess { impu: Some(person.impu.parse().unwrap()), ..TokenAccess::new(scenario) })
        };
        let access = match person.scenario {
            Scenario::ImsDigest => {
                let (impi, password) = (person.impi.parse().unwrap(), person.password.as_str().into());
                Access::Digest(DigestAccess::new(url, impi, impu, "ims.example".parse().unwrap(), password))
            }
            Scenario::WebAuth => token(TokenScenario::WebAuth),
            Scenario::WildcardRange => token(TokenScenario::WildcardRange),
        };
        let config = wic::Config::new(access, instance.clone());
        let agent = Agent::new(config, SeededEntropy::new(dice.next_u64()));
        let instance = instance.as_str().to_owned();
        Self { person, agent, instance, retries: 0, link: None, links: 0 }
    }

    pub(crate) fn is_on(&self, id: u64) -> bool {
        self.link.as_ref().is_some_and(|link| link.id == id)
    }

    /// What comes to a browser is about its own user and nobody else.
    pub(crate) fn look_at(&self, octets: &[u8]) {
        let text = String::from_utf8_lossy(octets);
        let registered = text.starts_with("SIP/2.0 200") && text.lines().any(|line| line.ends_with(" REGISTER"));
        if !registered {
            return;
        }
        let Person { impu, welcome, .. } = &self.person;
        assert!(*welcome, "{impu} must not be registered:\n{text}");
        for line in text.lines().filter(|line| line.starts_with("To:") || line.starts_with("P-Associated-URI:")) {
            assert!(line.contains(&format!("<{impu}>")) && line.matches("sip:").count() == 1, "{impu} got {line}");
        }
    }
}
