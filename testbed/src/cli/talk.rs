//! `testbed call` and `testbed message`.

use super::Common;
use super::drawing::{core_records, style, trace_position, write_trace};
use super::register::Flow;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use testbed::state::Ready;
use testbed::talk::{self, Course, Person, Plan, Talk, TalkError};
use testbed::talk_ladder;
use testbed::wic_shell::{Options, User};
use trace::ladder;

/// Who has published passwords.
const DEMO: [&str; 3] = ["alice", "bob", "carol"];
const GUEST: &str = "guest";

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  testbed call --from alice --to bob
  testbed call --from guest --to alice --video --hold
  testbed call --from alice --from-flow web-auth --to guest --ended-by callee
  testbed call --from dave --from-password dave-secret --to bob --json

It ends with 0 only when the call was answered and ended in order.")]
pub(super) struct Call {
    #[command(flatten)]
    people: People,
    /// Calls with video, not with audio alone
    #[arg(long)]
    video: bool,
    /// Holds the call and resumes it before it ends (re-INVITE)
    #[arg(long)]
    hold: bool,
    /// Who hangs up
    #[arg(long, value_enum, default_value_t)]
    ended_by: Side,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  testbed message --from alice --to bob
  testbed message --from guest --to alice 'Is anybody there?'

It ends with 0 only when the message was delivered.")]
pub(super) struct Message {
    #[command(flatten)]
    people: People,
    /// What it says
    #[arg(default_value = "Hello from the testbed")]
    text: String,
}

#[derive(Debug, Args)]
struct People {
    /// Who calls or writes: alice, bob, carol, another subscriber, or `guest`, a fresh one of the partner's range
    #[arg(long, value_name = "NAME")]
    from: String,
    /// Who is called or written to
    #[arg(long, value_name = "NAME")]
    to: String,
    /// How the first registers [default: digest; wildcard for a guest]
    #[arg(long, value_enum)]
    from_flow: Option<Flow>,
    /// How the second registers
    #[arg(long, value_enum)]
    to_flow: Option<Flow>,
    /// The first one's password, where it is not a published one of the demo
    #[arg(long, value_name = "PASSWORD", env = "WEBRTC_IMS_FROM_PASSWORD", hide_env_values = true)]
    from_password: Option<String>,
    /// The second one's password
    #[arg(long, value_name = "PASSWORD", env = "WEBRTC_IMS_TO_PASSWORD", hide_env_values = true)]
    to_password: Option<String>,
    /// Draws the registrations too
    #[arg(long)]
    all: bool,
    /// Writes what all nodes saw to a file: .pcapng for Wireshark, .svg, .mmd or .json
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Prints the outcome as one JSON object instead of the ladder
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Side {
    /// Who called
    #[default]
    Caller,
    /// Who was called
    Callee,
}

impl Call {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode> {
        let bed = Bed::find(common)?;
        let (from, to) = self.people.both(&bed)?;
        let since = trace_position(Some(&bed.ready)).await;
        let ends = match self.ended_by {
            Side::Caller => talk::Side::Caller,
            Side::Callee => talk::Side::Callee,
        };
        let talk = talk::call(&from, &to, Plan { video: self.video, hold: self.hold, ends }).await?;
        self.people.report("call", &talk, &bed, since).await
    }
}

impl Message {
    pub(super) async fn run(self, common: &Common) -> Result<ExitCode> {
        let bed = Bed::find(common)?;
        let (from, to) = self.people.both(&bed)?;
        let since = trace_position(Some(&bed.ready)).await;
        let talk = talk::message(&from, &to, &self.text).await?;
        self.people.report("message", &talk, &bed, since).await
    }
}

/// The running testbed.
struct Bed {
    ready: Ready,
    domain: String,
}

impl Bed {
    fn find(common: &Common) -> Result<Self> {
        let ready = common.state()?.require_running()?;
        Ok(Self { ready, domain: common.config()?.wwsf.realm })
    }

    fn person(&self, name: &str, flow: Option<Flow>, password: Option<&str>, option: &str) -> Result<Options> {
        let Ready { wwsf, partner_wwsf, epcscf, ca, .. } = &self.ready;
        if name == GUEST {
            if !matches!(flow, None | Some(Flow::Wildcard)) {
                bail!("--{option}-flow: a guest has neither a password nor a web login; its flow is wildcard");
            }
            return Ok(Options::new(User::Guest { login: None }, partner_wwsf.clone(), ca.clone()));
        }
        let known = DEMO.contains(&name);
        let password = |published: &str| match password {
            Some(given) => Ok(given.to_owned()),
            None if known => Ok(format!("{name}-{published}")),
            None => bail!(
                "--{option} {name}: nobody of this name has a published password. There are {} and {GUEST}; \
                 for another subscriber say --{option}-password",
                DEMO.join(", ")
            ),
        };
        match flow.unwrap_or(Flow::Digest) {
            Flow::Digest => {
                let user = User::digest(name, &self.domain, password("secret")?).context(option.to_owned())?;
                Ok(Options { epcscf: Some(epcscf.clone()), ..Options::new(user, wwsf.clone(), ca.clone()) })
            }
            Flow::WebAuth => {
                let user = User::Web { username: name.to_owned(), password: password("web")?.into() };
                Ok(Options::new(user, wwsf.clone(), ca.clone()))
            }
            Flow::Wildcard => bail!("--{option}-flow wildcard: only a {GUEST} registers by it"),
        }
    }
}

impl People {
    fn both(&self, bed: &Bed) -> Result<(Person, Person)> {
        let (from, to) = (self.from.as_str(), self.to.as_str());
        if from == to && from != GUEST {
            bail!(
                "--from and --to are both {from}: nobody calls or writes to himself here; only {GUEST} may stand twice"
            );
        }
        let names =
            if from == to { ["guest 1".to_owned(), "guest 2".to_owned()] } else { [from, to].map(str::to_owned) };
        let [first, second] = names;
        let caller = bed.person(from, self.from_flow, self.from_password.as_deref(), "from")?;
        let callee = bed.person(to, self.to_flow, self.to_password.as_deref(), "to")?;
        Ok((Person { name: first, options: caller }, Person { name: second, options: callee }))
    }

    async fn report(&self, what: &str, talk: &Talk, bed: &Bed, since: u64) -> Result<ExitCode> {
        let code = if talk.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        // Of one who could not register there is nothing else to see.
        let all = self.all || matches!(talk.result, Err(TalkError::NotRegistered { .. }));
        let records = talk_ladder(talk, core_records(Some(&bed.ready), since).await, all);
        write_trace(self.trace.as_deref(), &records)?;
        if self.json {
            println!("{}", talk.to_json());
            return Ok(code);
        }
        let [from, to] = &talk.names;
        println!("{what} from {from} to {to} (TS 23.228 X.2.2)");
        print!("{}", ladder::draw(&records, style()));
        match &talk.result {
            Ok(Course::Called { from: shown, set_up, duration, ended_by }) => println!(
                "\nset up in {} ms, lasted {} ms, ended by {}; {to} saw {} calling",
                set_up.as_millis(),
                duration.as_millis(),
                talk.name(*ended_by),
                shown.uri
            ),
            Ok(Course::Written { from: shown, taken }) => {
                println!("\ndelivered in {} ms; {to} saw it come from {}", taken.as_millis(), shown.uri);
            }
            Err(error) => eprintln!("\nthe {what} failed: {error}"),
        }
        Ok(code)
    }
}
