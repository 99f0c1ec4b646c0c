use super::Hss;
use super::directory::{Found, Place};
use super::record::Registration;
use crate::cx::{AuthorizationType, ResultCode, ServerName, Uaa, Uar};
use ims::Defect;

impl Hss {
    /// The decision on a UAR, step by step as TS 29.228 §6.1.1.1 numbers them.
    pub(super) fn authorize(&self, uar: &Uar) -> Uaa {
        let (impi, impu) = (&uar.user_name, &uar.public_identity);
        // Step 0: a pair that a third party manages is not looked up.
        if let Some(pool) = self.directory.pool_of(impi, impu) {
            if pool.barred.contains(impu) {
                return Uaa::of(ResultCode::AuthorizationRejected);
            }
            return match self.directory.find(impu) {
                Found::Distinct(place) => self.by_type(uar, place),
                _ => {
                    let subscription = pool.synthesise(impi, impu);
                    match subscription.sets.first() {
                        Some(set) => self.by_type(uar, Place { subscription: &subscription, set, index: 0 }),
                        None => Uaa::of(ResultCode::UnableToComply),
                    }
                }
            };
        }
        // Steps 1 and 2: both exist, the public identity as a distinct one.
        let (Some(_), Found::Distinct(place)) = (self.directory.of_impi(impi), self.directory.find(impu)) else {
            return Uaa::of(ResultCode::UserUnknown);
        };
        // Step 3
        if !place.set.impis.contains(impi) && !self.has(Defect::PairsStrangers) {
            return Uaa::of(ResultCode::IdentitiesDontMatch);
        }
        // Step 4: a barred identity may register when another of its set is not.
        if !place.set.profile.any_open() && !self.has(Defect::RegistersBarred) {
            return Uaa::of(ResultCode::AuthorizationRejected);
        }
        self.by_type(uar, place)
    }

    /// Step 5
    fn by_type(&self, uar: &Uar, place: Place<'_>) -> Uaa {
        if uar.authorization_type == AuthorizationType::DeRegistration {
            return self.by_state(uar, place);
        }
        let may_roam = place.set.roaming.allows(&uar.visited_network, &self.config.home_network);
        if !may_roam && !self.has(Defect::IgnoresRoaming) {
            return Uaa::of(ResultCode::RoamingNotAllowed);
        }
        if !place.set.may_register {
            return Uaa::of(ResultCode::AuthorizationRejected);
        }
        match uar.authorization_type {
            AuthorizationType::RegistrationAndCapabilities => {
                Uaa { capabilities: Some(self.config.capabilities.clone()), ..Uaa::of(ResultCode::Success) }
            }
            _ => self.by_state(uar, place),
        }
    }

    /// Step 6
    fn by_state(&self, uar: &Uar, place: Place<'_>) -> Uaa {
        let deregistration = uar.authorization_type == AuthorizationType::DeRegistration;
        match &place.set.registration {
            Registration::Registered { server, .. } | Registration::Unregistered { server } if deregistration => {
                assigned(ResultCode::Success, server)
            }
            Registration::Registered { server, .. } | Registration::Unregistered { server } => {
                assigned(ResultCode::SubsequentRegistration, server)
            }
            Registration::NotRegistered if deregistration => match place.set.pending.get(&uar.user_name) {
                Some(server) => assigned(ResultCode::Success, server),
                None => Uaa::of(ResultCode::IdentityNotRegistered),
            },
            Registration::NotRegistered => {
                let challenger =
                    || place.subscription.pending_server().filter(|_| !self.has(Defect::ForgetsChallenger));
                match place.subscription.server().or_else(challenger) {
                    Some(server) => assigned(ResultCode::SubsequentRegistration, server),
                    None => Uaa {
                        capabilities: Some(self.config.capabilities.clone()),
                        ..Uaa::of(ResultCode::FirstRegistration)
                    },
                }
            }
        }
    }
}

fn assigned(result: ResultCode, server: &ServerName) -> Uaa {
    Uaa { server_name: Some(server.clone()), ..Uaa::of(result) }
}
