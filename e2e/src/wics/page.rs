//! A client in a page, in the script's hands.

use anyhow::{Context, Result};
use bytes::Bytes;
use conformance::Boxed;
use conformance::lab::{Account, WicAccess, WicUnderTest, WwsfUnderTest, cannot};
use conformance::script::{Admission, Deed, Epcscf, Log};
use conformance::verdict::{Outcome, Stop};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sip::digest::Algorithm;
use std::time::Duration;
use trace::{Direction, Leg};

use super::client::{Client, HOME, IMPI, IMPU, PASSWORD, TOKEN};
use super::{browser, millis};
use crate::{Chromium, Tab};

const CLOCK: &str = include_str!("../../js/clock.js");
/// How long what was sent may be on its way.
const ON_ITS_WAY: Duration = Duration::from_secs(2);

/// A client in a page.
pub(super) struct PageWic {
    client: Client,
    access: WicAccess,
    account: Account,
    tab: Tab,
    epcscf: Epcscf,
    /// Where our page and its tokens come from.
    _wwsf: Option<WwsfUnderTest>,
    log: Option<Log>,
    /// How long what takes real time may take.
    within: Duration,
    did: Did,
    /// How many messages it was sent.
    said: usize,
    /// How many of its messages went down with their connection.
    lost: usize,
}

/// What the page did on the network so far, as `js/clock.js` counts it.
#[derive(Clone, Debug, Default, Deserialize)]
struct Did {
    sent: usize,
    closed: usize,
    tokens: Vec<String>,
}

impl PageWic {
    /// Our WIC, from a WWSF whose pages know the script as their eP-CSCF.
    pub(super) async fn of_ours(
        chromium: &Chromium,
        wwsf: WwsfUnderTest,
        access: WicAccess,
        epcscf: Epcscf,
        within: Duration,
        log: &Log,
    ) -> Result<Self> {
        #[derive(Deserialize)]
        struct Told {
            impi: String,
            impu: String,
            password: String,
            realm: String,
            authz_server: String,
        }
        let flow = if access == WicAccess::Digest { "digest" } else { "web-auth" };
        let tab = chromium.open_with(&format!("{}/?flow={flow}", wwsf.origin), CLOCK).await?;
        tab.until_state("idle").await?;
        let told: Told = tab
            .evaluate(
                "(({ impi, impu, password }, config) => \
                    ({ impi, impu, password, realm: config.realm, authz_server: config.authz_servers[0] }))\
                 (document.querySelector('#fill-alice').dataset, JSON.parse(document.querySelector('#config').textContent))",
            )
            .await?;
        let account = Account {
            impi: told.impi,
            impu: told.impu,
            home: told.realm,
            password: told.password,
            algorithm: Algorithm::Sha256,
            authz_server: Some(told.authz_server),
        };
        let mut wic = Self::new(Client::Own, access, account, tab, epcscf, within);
        wic._wwsf = Some(wwsf);
        wic.log = Some(log.clone());
        Ok(wic)
    }

    /// A client by others.
    pub(super) async fn of_others(
        chromium: &Chromium,
        client: Client,
        script: &str,
        access: WicAccess,
        epcscf: Epcscf,
        within: Duration,
    ) -> Result<Self> {
        let tab = chromium.open_with(&epcscf.page(), CLOCK).await?;
        tab.evaluate::<bool>(&format!("{script}\n; true")).await.context("loading the client")?;
        let account = Account {
            impi: IMPI.into(),
            impu: IMPU.into(),
            home: HOME.into(),
            password: PASSWORD.into(),
            algorithm: Algorithm::Md5,
            authz_server: None,
        };
        Ok(Self::new(client, access, account, tab, epcscf, within))
    }

    fn new(client: Client, access: WicAccess, account: Account, tab: Tab, epcscf: Epcscf, within: Duration) -> Self {
        let (did, said, lost) = (Did::default(), 0, 0);
        Self { client, access, account, tab, epcscf, _wwsf: None, log: None, within, did, said, lost }
    }

    /// The value of an expression in the page.
    async fn value<T: DeserializeOwned>(&self, expression: &str) -> Outcome<T> {
        self.tab.evaluate(expression).await.map_err(|error| browser(&error))
    }

    /// Does something in the page, and waits for what it brings about.
    async fn act(&mut self, expression: &str) -> Outcome {
        let done: bool = self.value(&format!("(async () => (await ({expression})) ?? true)()")).await?;
        self.settle(self.did.closed).await?;
        if done { Ok(()) } else { Err(Stop::fail("the page has nothing to press for that")) }
    }

    /// Waits until the page has taken what it was sent, has seen `closed` connections end and does no
    /// more at once, and until what it sent is here.
    async fn settle(&mut self, closed: usize) -> Outcome {
        let did: Did = self.value(&format!("clock.settle({}, {closed})", self.said)).await?;
        if let Some(log) = &self.log {
            for _ in self.did.tokens.len()..did.tokens.len() {
                log.note("wic", "wwsf", Direction::In, Leg::Https, "a token", "");
            }
        }
        self.did = did;
        let sent = self.did.sent - self.lost;
        if !self.epcscf.until(ON_ITS_WAY, |epcscf| epcscf.messages() >= sent).await {
            self.lost = self.did.sent - self.epcscf.messages();
        }
        Ok(())
    }

    async fn pass_time(&mut self, limit: Duration) -> Outcome<Duration> {
        let passed: f64 = self.value(&format!("clock.pass({})", millis(limit))).await?;
        self.settle(self.did.closed).await?;
        Ok(Duration::from_secs_f64(passed / 1000.0))
    }

    async fn wait_for_deed(&mut self) -> bool {
        let until = tokio::time::Instant::now() + self.within;
        while !self.epcscf.has_deed() && tokio::time::Instant::now() < until {
            self.epcscf.until(Duration::from_millis(100), Epcscf::has_deed).await;
            if self.settle(self.did.closed).await.is_err() {
                return false;
            }
        }
        self.epcscf.has_deed()
    }
}

impl WicUnderTest for PageWic {
    fn account(&self) -> &Account {
        &self.account
    }

    fn start(&mut self) -> Boxed<'_, Outcome> {
        let start = self.client.start(self.access, &self.epcscf);
        Box::pin(async move { self.act(&start).await })
    }

    fn leave(&mut self) -> Boxed<'_, Outcome> {
        Box::pin(self.act(self.client.leave()))
    }

    fn answer_call(&mut self) -> Boxed<'_, Outcome> {
        Box::pin(self.act(self.client.answer()))
    }

    fn offer_again(&mut self) -> Boxed<'_, Outcome> {
        Box::pin(self.act(self.client.hold()))
    }

    fn registered(&mut self) -> Boxed<'_, Outcome<bool>> {
        Box::pin(async { self.value(self.client.registered()).await })
    }

    fn tokens(&mut self) -> Boxed<'_, Outcome<Vec<String>>> {
        Box::pin(async {
            match (self.client, self.access) {
                (Client::Own, _) => Ok(self.did.tokens.clone()),
                (_, WicAccess::Token) => Ok(vec![TOKEN.into()]),
                (_, WicAccess::Digest) => Err(cannot("asks for no tokens itself")),
            }
        })
    }

    fn pass(&mut self, limit: Duration) -> Boxed<'_, Outcome<Duration>> {
        Box::pin(self.pass_time(limit))
    }

    fn admit(&mut self, admission: Admission) {
        self.epcscf.admit(admission);
    }

    fn send(&mut self, octets: Bytes) -> Boxed<'_, Outcome> {
        Box::pin(async {
            self.epcscf.send(octets)?;
            self.said += 1;
            self.settle(self.did.closed).await
        })
    }

    fn ping(&mut self, octets: Bytes) -> Boxed<'_, Outcome> {
        Box::pin(async {
            self.epcscf.ping(octets)?;
            Ok(())
        })
    }

    fn close(&mut self, code: u16) -> Boxed<'_, Outcome> {
        Box::pin(async move {
            self.epcscf.close(code)?;
            self.settle(self.did.closed + 1).await
        })
    }

    fn deed(&mut self) -> Option<Deed> {
        self.epcscf.deed()
    }

    fn wait(&mut self) -> Boxed<'_, bool> {
        Box::pin(self.wait_for_deed())
    }
}

impl Drop for PageWic {
    fn drop(&mut self) {
        let tab = self.tab.clone();
        tokio::spawn(async move { tab.close().await });
    }
}
