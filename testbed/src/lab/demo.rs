//! What lessons and faults act on.

use crate::state::Ready;
use crate::wic_shell::{Options, User};
use console::LabError;
use sip_net::Pace;
use std::path::PathBuf;
use std::time::Duration;
use trace::Hub;
use wwsf::demo::DemoUser;

/// How long nothing is said in a quiet demo, and how often that is looked for.
const MOMENT: Duration = Duration::from_millis(50);
const LOOKS: usize = 20;

/// The demo that runs here.
#[derive(Clone, Debug)]
pub struct Demo {
    /// What all nodes saw and sent.
    pub hub: Hub,
    /// The clock and the gate of the nodes.
    pub pace: Pace,
    /// Where the nodes are.
    pub ready: Ready,
    /// The CA to trust.
    pub ca: PathBuf,
    /// The domain of its subscribers.
    pub domain: String,
    /// The domains whose identities come out of a range.
    pub range_domains: Vec<String>,
    /// Whether the demo subscribers exist.
    pub subscribers: bool,
    /// Whether all nodes run in this process.
    pub whole: bool,
}

impl Demo {
    /// Whether lessons can run.
    ///
    /// # Errors
    /// [`LabError::Unavailable`] says what is missing.
    pub(super) fn can_teach(&self, step_by_step: bool) -> Result<(), LabError> {
        if !self.subscribers {
            let reason = "lessons need the demo subscribers; start the testbed with demo = true";
            return Err(LabError::Unavailable(reason.into()));
        }
        if step_by_step && !self.whole {
            let reason = "step by step works when all nodes run in one process (`testbed up`): \
                          nodes in others can't be halted from here";
            return Err(LabError::Unavailable(reason.into()));
        }
        Ok(())
    }

    /// Whether faults can run.
    ///
    /// # Errors
    /// As [`Self::can_teach`].
    pub(super) fn can_break(&self) -> Result<(), LabError> {
        self.can_teach(false)?;
        if self.whole {
            return Ok(());
        }
        let reason = "faults work when all nodes run in one process (`testbed up`): \
                      nodes in others can't be broken and mended from here";
        Err(LabError::Unavailable(reason.into()))
    }

    /// Waits until the nodes have nothing to say for a moment: after a registration, say, the eP-CSCF
    /// begins to watch it. In a demo that is never quiet, not for long.
    pub(super) async fn rests(&self) {
        for _ in 0..LOOKS {
            let seen = self.hub.last_seq();
            self.pace.clock.sleep(MOMENT).await;
            if self.hub.last_seq() == seen {
                return;
            }
        }
    }

    /// A demo subscriber by IMS password (flow 1).
    pub(super) fn digest(&self, name: &str) -> Result<Options, LabError> {
        let user = subscriber(name)?;
        let user = User::digest(user.impi, &self.domain, user.digest_password).map_err(failed)?;
        let options = Options::new(user, &self.ready.wwsf, &self.ca);
        Ok(Options { epcscf: Some(self.ready.epcscf.clone()), ..self.paced(options) })
    }

    /// A demo subscriber by web login (flow 2).
    pub(super) fn web(&self, name: &str) -> Result<Options, LabError> {
        let user = subscriber(name)?;
        let user = User::Web { username: user.username.into(), password: user.web_password.into() };
        Ok(self.paced(Options::new(user, &self.ready.wwsf, &self.ca)))
    }

    /// A fresh guest of the partner (flow 3).
    pub(super) fn guest(&self) -> Options {
        self.paced(Options::new(User::Guest { login: None }, &self.ready.partner_wwsf, &self.ca))
    }

    fn paced(&self, options: Options) -> Options {
        Options { pace: self.pace.clone(), ..options }
    }
}

fn subscriber(name: &str) -> Result<&'static DemoUser, LabError> {
    DemoUser::find(name).ok_or_else(|| LabError::Failed(format!("{name} is no demo subscriber")))
}

fn failed(error: impl std::fmt::Display) -> LabError {
    LabError::Failed(error.to_string())
}
