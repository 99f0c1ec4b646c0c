//! `testbed user`.

use super::Common;
use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use ims::{Impi, Impu};
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
