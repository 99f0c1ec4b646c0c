use super::{RegInfo, RegState, Registration};

/// A watcher's picture of what it was told (RFC 3680 §5.1). A new subscription begins with a new
/// one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    version: Option<u32>,
    registrations: Vec<Registration>,
}

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is in the picture now.
    New,
    /// It told nothing new: one that is as old, or older.
    Old,
}

/// Documents between this one and the last were lost: the subscription is to be refreshed, which
/// brings a full one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("version {got} came where {wanted} was due (RFC 3680 §5.1)")]
pub struct Gap {
    /// The version that was due.
    pub wanted: u32,
    /// The version that came.
    pub got: u32,
}

impl View {
    /// Takes a document. Terminated registrations and contacts stay in the picture until a full one
    /// leaves them out, so that their event can be looked at.
    ///
    /// # Errors
    /// [`Gap`]; the picture is as it was.
    pub fn apply(&mut self, told: RegInfo) -> Result<Applied, Gap> {
        let wanted = self.version.map_or(0, |version| version.saturating_add(1));
        if told.version < wanted {
            return Ok(Applied::Old);
        }
        if told.full {
            self.registrations = told.registrations;
        } else if told.version == wanted {
            told.registrations.into_iter().for_each(|registration| self.merge(registration));
        } else {
            return Err(Gap { wanted, got: told.version });
        }
        self.version = Some(told.version);
        Ok(Applied::New)
    }

    /// What is known, in the order in which it was told.
    pub fn registrations(&self) -> &[Registration] {
        &self.registrations
    }

    /// The registration of an address of record, compared as text.
    pub fn registration(&self, aor: &str) -> Option<&Registration> {
        self.registrations.iter().find(|registration| registration.aor == aor)
    }

    /// Whether anything has been told, and all of it has ended.
    pub fn is_over(&self) -> bool {
        self.version.is_some() && self.registrations.iter().all(|r| r.state == RegState::Terminated)
    }

    fn merge(&mut self, told: Registration) {
        let Some(known) = self.registrations.iter_mut().find(|known| known.id == told.id) else {
            return self.registrations.push(told);
        };
        known.aor = told.aor;
        known.state = told.state;
        known.wildcarded = told.wildcarded.or(known.wildcarded.take());
        for contact in told.contacts {
            match known.contacts.iter_mut().find(|known| known.id == contact.id) {
                Some(known) => *known = contact,
                None => known.contacts.push(contact),
            }
        }
    }
}
