//! An HSS to ask, and requests in one line each.

use std::collections::BTreeMap;

use ims::profile::{Identity, PublicIdentity, ServiceProfile};
use ims::{Impi, Impu, WildcardedImpu};
use mock_ims::cx::{
    AssignmentType, AuthScheme, AuthorizationType, CxAnswer, CxRequest, DigestAuthenticate, Lia, Lir, Maa, Mar, Saa,
    Sar, ServerCapabilities, ServerName, Uaa, Uar,
};
use mock_ims::hss::{Authentication, Hss, HssConfig, ImplicitSet, MemoryStore, Registration, Subscription};

pub(crate) const S1: &str = "sip:scscf1.ims.example";
pub(crate) const S2: &str = "sip:scscf2.ims.example";
pub(crate) const ALICE: (&str, &str) = ("alice-wic@ims.example", "sip:alice@ims.example");
pub(crate) const BOB: (&str, &str) = ("bob-wic@ims.example", "sip:bob@ims.example");
pub(crate) const RANGE: &str = "sip:guest-!.*!@partner.ims.example";
pub(crate) const GUEST: &str = "sip:guest-042@partner.ims.example";
pub(crate) const TRUNK: (&str, &str) = ("trunk@partner.ims.example", "sip:trunk@partner.ims.example");

pub(crate) fn impi(text: &str) -> Impi {
    Impi::parse(text).unwrap()
}

pub(crate) fn impu(text: &str) -> Impu {
    Impu::parse(text).unwrap()
}

pub(crate) fn range(text: &str) -> WildcardedImpu {
    WildcardedImpu::parse(text).unwrap()
}

pub(crate) fn server(text: &str) -> ServerName {
    ServerName::parse(text).unwrap()
}

pub(crate) fn config() -> HssConfig {
    HssConfig {
        home_network: "ims.example".into(),
        capabilities: ServerCapabilities { server_names: vec![server(S1)], ..ServerCapabilities::default() },
        defects: Default::default(),
    }
}

pub(crate) fn digest(user: &str) -> Authentication {
    Authentication::Digest(DigestAuthenticate::of_password(&impi(user), "ims.example", &"secret".into()))
}

/// One private identity with one set of distinct identities, the first its default.
pub(crate) fn subscription(user: &str, auth: Authentication, impus: &[&str]) -> Subscription {
    let profile = ServiceProfile {
        impus: impus.iter().map(|text| PublicIdentity::distinct(impu(text))).collect(),
        ..ServiceProfile::of(impu(impus[0]))
    };
    Subscription {
        name: user.into(),
        users: BTreeMap::from([(impi(user), auth)]),
        sets: vec![ImplicitSet::new(profile, [impi(user)])],
        pool: None,
    }
}

/// The anchor with the range in its set, in a state.
pub(crate) fn trunk(registration: Registration) -> Subscription {
    let mut trunk = subscription(TRUNK.0, Authentication::TrustedNode, &[TRUNK.1]);
    trunk.sets[0].profile.impus.push(PublicIdentity::wildcard(range(RANGE)));
    trunk.sets[0].registration = registration;
    trunk
}

pub(crate) fn registered(user: &str, at: &str) -> Registration {
    Registration::Registered { server: server(at), impis: [impi(user)].into() }
}

/// An HSS and one-line questions to it.
pub(crate) struct Asked {
    pub(crate) hss: Hss,
    pub(crate) store: MemoryStore,
}

impl Asked {
    pub(crate) fn with(subscriptions: impl IntoIterator<Item = Subscription>) -> Self {
        let store = MemoryStore::default();
        let mut hss = Hss::open(config(), Box::new(store.clone())).unwrap();
        for subscription in subscriptions {
            hss.provision(subscription).unwrap();
        }
        Self { hss, store }
    }

    /// Alice and bob with digest passwords.
    pub(crate) fn with_alice_and_bob() -> Self {
        Self::with([ALICE, BOB].map(|(user, public)| subscription(user, digest(user), &[public])))
    }

    pub(crate) fn uar(&mut self, (user, public): (&str, &str), kind: AuthorizationType) -> Uaa {
        self.uar_from((user, public), kind, "ims.example")
    }

    pub(crate) fn uar_from(&mut self, (user, public): (&str, &str), kind: AuthorizationType, visited: &str) -> Uaa {
        let request = Uar {
            user_name: impi(user),
            public_identity: impu(public),
            visited_network: visited.into(),
            authorization_type: kind,
        };
        match self.hss.handle(&request.into()) {
            CxAnswer::Uaa(answer) => answer,
            other => panic!("{other}"),
        }
    }

    pub(crate) fn mar(&mut self, (user, public): (&str, &str), scheme: AuthScheme, from: &str) -> Maa {
        let request = Mar { user_name: impi(user), public_identity: impu(public), scheme, server_name: server(from) };
        match self.hss.handle(&request.into()) {
            CxAnswer::Maa(answer) => answer,
            other => panic!("{other}"),
        }
    }

    pub(crate) fn sar(&mut self, (user, public): (&str, &str), kind: AssignmentType, from: &str) -> Saa {
        self.send_sar(sar(Some(user), &[public], kind, from))
    }

    pub(crate) fn send_sar(&mut self, request: Sar) -> Saa {
        match self.hss.handle(&CxRequest::Sar(request)) {
            CxAnswer::Saa(answer) => answer,
            other => panic!("{other}"),
        }
    }

    pub(crate) fn lir(&mut self, public: &str, originating: bool) -> Lia {
        let request = Lir { public_identity: impu(public), originating, capabilities_only: false };
        match self.hss.handle(&request.into()) {
            CxAnswer::Lia(answer) => answer,
            other => panic!("{other}"),
        }
    }

    /// The state of the set that a distinct identity is in.
    pub(crate) fn state(&self, public: &str) -> Registration {
        let holds = |set: &&ImplicitSet| set.profile.distinct_impus().any(|known| *known == impu(public));
        let set = self.hss.subscriptions().flat_map(|subscription| &subscription.sets).find(holds);
        set.map(|set| set.registration.clone()).unwrap_or_default()
    }

    /// What a new process would find in the store.
    pub(crate) fn reopened(&self) -> Hss {
        Hss::open(config(), Box::new(self.store.clone())).unwrap()
    }
}

/// A SAR; an identity with two `!` is a wildcarded one.
pub(crate) fn sar(user: Option<&str>, publics: &[&str], kind: AssignmentType, from: &str) -> Sar {
    let identity = |text: &&str| match text.matches('!').count() {
        0 | 1 => Identity::Distinct(impu(text)),
        _ => Identity::Wildcard(range(text)),
    };
    Sar {
        user_name: user.map(impi),
        public_identities: publics.iter().map(identity).collect(),
        wildcarded: None,
        server_name: server(from),
        assignment_type: kind,
        user_data_already_available: false,
    }
}
