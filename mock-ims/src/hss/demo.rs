use std::collections::{BTreeMap, BTreeSet};

use ims::profile::{PublicIdentity, ServiceProfile};
use ims::{Impi, ImpiRange, Impu, WildcardedImpu};

use super::Hss;
use super::admin::{AdminError, AdminRequest, Subscriber};
use super::record::{Authentication, ImplicitSet, Pool, Registration, Roaming, Subscription};

/// Subscription of the anchor and the wildcard range.
const TRUNK: &str = "partner-trunk";

/// Pool of the same range, for registration at the S-CSCF.
const GUESTS: &str = "partner-guests";

impl Hss {
    /// Provisions the demo: alice, bob and carol, the partner's wildcard range
    /// with its anchor, registered by configuration, and the same range as a pool.
    ///
    /// What is there already stays as it is, but for the anchor's registration:
    /// that is configuration, and is made again.
    pub fn provision_demo(&mut self) -> Result<(), AdminError> {
        for name in ["alice", "bob", "carol"] {
            let subscriber = demo_subscriber(name)?;
            if self.directory.of_impi(&subscriber.impi).is_none() {
                self.admin(AdminRequest::AddUser(subscriber))?;
            }
        }
        self.provision_trunk()?;
        if self.directory.pool(GUESTS).is_none() {
            self.provision_pool(demo_pool()?)?;
        }
        Ok(())
    }

    fn provision_trunk(&mut self) -> Result<(), AdminError> {
        let registration = |impi: Impi| match self.config.capabilities.server_names.first() {
            Some(server) => Registration::Registered { server: server.clone(), impis: BTreeSet::from([impi]) },
            None => Registration::NotRegistered,
        };
        let mut trunk = match self.directory.subscription(TRUNK) {
            Some(trunk) => trunk.clone(),
            None => demo_trunk()?,
        };
        let impi: Impi = parse("trunk@partner.ims.example")?;
        if let Some(set) = trunk.sets.first_mut() {
            set.registration = registration(impi);
        }
        if self.directory.subscription(TRUNK).is_none() {
            return self.provision(trunk);
        }
        self.directory.put(trunk);
        self.commit().map_err(|error| AdminError::Store(error.to_string()))
    }
}

fn demo_subscriber(name: &str) -> Result<Subscriber, AdminError> {
    Ok(Subscriber {
        impi: parse(&format!("{name}-wic@ims.example"))?,
        password: Some(format!("{name}-secret").into()),
        impus: vec![parse(&format!("sip:{name}@ims.example"))?],
        allowed_wafs: vec!["waf.ims.example".into()],
        allowed_wwsfs: vec!["wwsf.ims.example".into()],
    })
}

/// The anchor is the distinct identity that a wildcard needs to be registered
/// with (TS 23.228 §4.3.3.2b). Loose routing keeps the guest's identity in the
/// Request-URI of terminating requests.
fn demo_trunk() -> Result<Subscription, AdminError> {
    let anchor: Impu = parse("sip:trunk@partner.ims.example")?;
    let range: WildcardedImpu = parse("sip:guest-!.*!@partner.ims.example")?;
    let impi: Impi = parse("trunk@partner.ims.example")?;
    let profile = ServiceProfile {
        impus: vec![PublicIdentity::distinct(anchor.clone()), PublicIdentity::wildcard(range)],
        loose_route: true,
        allowed_wafs: vec!["waf.partner.example".into()],
        allowed_wwsfs: vec!["wwsf.partner.example".into()],
        default: anchor,
    };
    Ok(Subscription {
        name: TRUNK.into(),
        users: BTreeMap::from([(impi.clone(), Authentication::TrustedNode)]),
        sets: vec![ImplicitSet { may_register: false, ..ImplicitSet::new(profile, [impi]) }],
        pool: None,
    })
}

fn demo_pool() -> Result<Pool, AdminError> {
    Ok(Pool {
        name: GUESTS.into(),
        impis: parse::<ImpiRange>("guest-!.*!@partner.ims.example")?,
        impus: parse("sip:guest-!.*!@partner.ims.example")?,
        barred: BTreeSet::new(),
        roaming: Roaming::HomeOnly,
        allowed_wafs: vec!["waf.partner.example".into()],
        allowed_wwsfs: vec!["wwsf.partner.example".into()],
        max_users: 10_000,
    })
}

fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, AdminError> {
    text.parse().map_err(|error| AdminError::Invalid(format!("{text}: {error}")))
}
