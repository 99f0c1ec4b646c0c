//! `testbed user`.

use super::Common;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use ims::profile::Identity;
use ims::{Impi, Impu, WildcardedImpu};
use mock_ims::cx::DeregistrationReason;
use mock_ims::hss::{AdminAnswer, AdminRequest, Subscriber, UserInfo, administer};
use std::process::ExitCode;
use wwsf::directory::{FileDirectory, UserRecord};

#[derive(Debug, Args)]
pub(super) struct User {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Adds a subscriber: `dave` is IMPI dave-wic@DOMAIN and IMPU sip:dave@DOMAIN
    Add {
        /// A name, or a whole IMPI
        name: String,
        /// The IMS password (flow 1); without it only a trusted node can vouch for the subscriber
        #[arg(long, short, env = "WEBRTC_IMS_PASSWORD", hide_env_values = true)]
        password: Option<String>,
        /// A password for web login at the operator's WWSF (flow 2)
        #[arg(long)]
        web_password: Option<String>,
        /// A public identity, the default one first; may be repeated [default: sip:NAME@DOMAIN]
        #[arg(long, value_name = "URI")]
        impu: Vec<String>,
    },
    /// Lists the subscribers and what they are registered for
    List {
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Removes a subscriber, and ends its registration
    Remove {
        /// A name, or a whole IMPI
        name: String,
    },
    /// Changes a subscriber's public identities; a live registration gets the new profile at once
    ///
    /// Web login keeps the identities that it was given.
    Set {
        /// A name, or a whole IMPI
        name: String,
        /// The identity that requests carry when they prefer none
        #[arg(long, value_name = "URI")]
        default_impu: Option<Impu>,
        /// A public identity or range to add; may be repeated
        #[arg(long, value_name = "URI", value_parser = identity)]
        add_impu: Vec<Identity>,
        /// A public identity or range to take away; may be repeated
        #[arg(long, value_name = "URI", value_parser = identity)]
        remove_impu: Vec<Identity>,
    },
    /// Ends a registration in the name of the network: RTR, then NOTIFY to those who watch it
    Deregister {
        /// A name, a whole IMPI (a range's anchor too), or an IMPU
        name: String,
        /// What the S-CSCF is told
        #[arg(long, value_enum, default_value_t)]
        reason: Reason,
    },
}

/// Why the network ends a registration (Deregistration-Reason, TS 29.229 §6.3.17).
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Reason {
    /// The user is served no more, and is not to register again
    #[default]
    Permanent,
    /// Another S-CSCF is needed: the user is to register again at once
    ServerChange,
}

impl From<Reason> for DeregistrationReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Permanent => Self::PermanentTermination,
            Reason::ServerChange => Self::ServerChange,
        }
    }
}

impl User {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode> {
        let config = common.config()?.ims;
        let domain = config.domains.first().context("ims.domains is empty")?.clone();
        let request = match &self.command {
            Command::Add { name, password, impu, .. } => {
                let impi = impi(name, &domain)?;
                let impus = match impu.as_slice() {
                    [] => vec![format!("sip:{}@{}", login_name(&impi), impi.realm())],
                    given => given.to_vec(),
                };
                let impus = impus.iter().map(|i| Impu::parse(i).with_context(|| i.clone())).collect::<Result<_>>()?;
                AdminRequest::AddUser(Subscriber {
                    impi,
                    password: password.clone().map(Into::into),
                    impus,
                    allowed_wafs: Vec::new(),
                    allowed_wwsfs: Vec::new(),
                })
            }
            Command::List { .. } => AdminRequest::ListUsers,
            Command::Remove { name } => AdminRequest::RemoveUser { impi: impi(name, &domain)? },
            Command::Set { default_impu: None, add_impu, remove_impu, .. }
                if add_impu.is_empty() && remove_impu.is_empty() =>
            {
                bail!("nothing to change: give --default-impu, --add-impu or --remove-impu");
            }
            Command::Set { name, default_impu, add_impu, remove_impu } => AdminRequest::ChangeIdentities {
                impi: impi(name, &domain)?,
                default: default_impu.clone(),
                add: add_impu.clone(),
                remove: remove_impu.clone(),
            },
            Command::Deregister { name, reason } => match Impu::parse(name) {
                Ok(impu) => AdminRequest::Deregister { impu, reason: (*reason).into() },
                Err(_) => AdminRequest::DeregisterUser { impi: impi(name, &domain)?, reason: (*reason).into() },
            },
        };
        let web_user = match (&self.command, &request) {
            (Command::Add { web_password: Some(password), .. }, AdminRequest::AddUser(subscriber)) => {
                Some((web_user(subscriber), password.clone().into()))
            }
            _ => None,
        };
        let folder = common.state()?.path("ims");
        std::fs::create_dir_all(&folder)?;
        let hss = config.hss()?;
        let answer = tokio::task::spawn_blocking(move || administer(&folder, hss, request)).await??;
        let users = common.state()?.path("wwsf/users.toml");
        if let Some((user, password)) = web_user {
            std::fs::create_dir_all(common.state()?.path("wwsf"))?;
            FileDirectory::add(&users, user, &password)?;
        }
        if let Command::Remove { name } = &self.command
            && users.exists()
        {
            FileDirectory::remove(&users, login_name(&impi(name, &domain)?))?;
        }
        match (answer, self.command) {
            (AdminAnswer::Users(users), Command::List { json: true }) => println!("{}", serde_json::to_string(&users)?),
            (AdminAnswer::Users(users), _) => users.iter().for_each(print),
            (AdminAnswer::Done, Command::Add { name, .. }) => println!("added {name}"),
            (AdminAnswer::Done, Command::Remove { name }) => println!("removed {name}"),
            (AdminAnswer::Done, Command::Set { name, .. }) => println!("changed {name}"),
            (AdminAnswer::Done, Command::Deregister { name, .. }) => println!("de-registered {name}"),
            (AdminAnswer::Done, Command::List { .. }) => {}
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The name for web login: the IMPI's user part, without the `-wic` that keeps a WIC's password
/// apart from the subscriber's other ones (TS 33.203 X.2.2.1).
fn login_name(impi: &Impi) -> &str {
    impi.user().strip_suffix("-wic").unwrap_or(impi.user())
}

fn web_user(subscriber: &Subscriber) -> UserRecord {
    UserRecord {
        username: login_name(&subscriber.impi).to_owned(),
        impi: subscriber.impi.clone(),
        impus: subscriber.impus.clone(),
    }
}

fn identity(text: &str) -> Result<Identity, String> {
    let range = || WildcardedImpu::parse(text).map(Identity::Wildcard);
    Impu::parse(text).map(Identity::Distinct).or_else(|error| range().map_err(|_| error.to_string()))
}

fn impi(name: &str, domain: &str) -> Result<Impi> {
    let text = if name.contains('@') { name.to_owned() } else { format!("{name}-wic@{domain}") };
    Impi::parse(&text).with_context(|| format!("{text} is no IMPI"))
}

fn print(user: &UserInfo) {
    let state = if user.registered { "registered" } else { "not registered" };
    let scheme = if user.digest { "digest" } else { "trusted node only" };
    println!("{:<36} {:<16} {scheme}", user.impi.to_string(), state);
    for identity in &user.identities {
        println!("    {}{}", identity.identity, if identity.barred { "  barred" } else { "" });
    }
}
