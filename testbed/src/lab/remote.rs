//! The lab of a running testbed, asked over the console's API.

use crate::state::Ready;
use crate::wic_shell::tls;
use anyhow::{Context, Result, bail};
use console::api::{Fault, FaultOutcome, Lesson, RunEvent, RunId, StartRun, Started};
use reqwest::{Client, Method, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How long an answer may take; a fault takes up to a minute.
const PATIENCE: Duration = Duration::from_secs(90);
/// The longest event that is read, in octets.
const MAX_EVENT: usize = 4 * 1024 * 1024;

/// The lab of a testbed in another process.
#[derive(Clone, Debug)]
pub struct Remote {
    origin: String,
    http: Client,
}

impl Remote {
    /// The lab of the testbed at these addresses.
    ///
    /// # Errors
    /// When its CA can't be used.
    pub fn new(ready: &Ready) -> Result<Self> {
        let tls = tls::client_config(&ready.ca)?;
        let http = Client::builder()
            .tls_backend_preconfigured(rustls::ClientConfig::clone(&tls))
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { origin: ready.wwsf.clone(), http })
    }

    /// All lessons.
    ///
    /// # Errors
    /// When the testbed does not answer.
    pub async fn lessons(&self) -> Result<Vec<Lesson>> {
        self.get("lessons").await
    }

    /// All faults.
    ///
    /// # Errors
    /// As [`Self::lessons`].
    pub async fn faults(&self) -> Result<Vec<Fault>> {
        self.get("faults").await
    }

    /// Runs a fault, and waits for what comes of it.
    ///
    /// # Errors
    /// When the testbed says why not.
    pub async fn run_fault(&self, id: &str) -> Result<FaultOutcome> {
        Ok(self.ask(Method::POST, &format!("faults/{id}/runs"), None).await?.json().await?)
    }

    /// Starts a lesson; its events come from what [`Self::events`] gave before.
    ///
    /// # Errors
    /// When the testbed says why not.
    pub async fn run(&self, lesson: &str, step_by_step: bool) -> Result<RunId> {
        let body = serde_json::to_string(&StartRun { step_by_step })?;
        let started: Started =
            self.ask(Method::POST, &format!("lessons/{lesson}/runs"), Some(body)).await?.json().await?;
        Ok(started.run)
    }

    /// Lets a run take its next step.
    ///
    /// # Errors
    /// When it does not wait for that.
    pub async fn next(&self, run: &RunId) -> Result<()> {
        self.ask(Method::POST, &format!("runs/{}/next", run.0), None).await.map(drop)
    }

    /// Ends a run.
    ///
    /// # Errors
    /// When it is over already.
    pub async fn cancel(&self, run: &RunId) -> Result<()> {
        self.ask(Method::DELETE, &format!("runs/{}", run.0), None).await.map(drop)
    }

    /// What runs do from now on.
    ///
    /// # Errors
    /// When the testbed does not answer.
    pub async fn events(&self) -> Result<Events> {
        let url = self.url("events");
        let request = self.http.get(&url).send();
        let response = tokio::time::timeout(PATIENCE, request).await.context("no answer")?;
        let response = response.with_context(|| format!("asking {url}"))?.error_for_status()?;
        Ok(Events { response, buffer: Vec::new() })
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        Ok(self.ask(Method::GET, path, None).await?.json().await?)
    }

    async fn ask(&self, method: Method, path: &str, body: Option<String>) -> Result<Response> {
        let url = self.url(path);
        // Changes are for the console's own page, or for a program that says so.
        let request = self.http.request(method, &url).header("origin", &self.origin).timeout(PATIENCE);
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body),
            None => request,
        };
        let response = request.send().await.with_context(|| format!("asking {url}"))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let problem: Problem = response.json().await.unwrap_or_default();
        bail!("{}", problem.detail.unwrap_or_else(|| format!("the testbed answered {status}")));
    }

    fn url(&self, path: &str) -> String {
        format!("{}/console/api/{path}", self.origin)
    }
}

/// RFC 9457.
#[derive(Default, Deserialize)]
struct Problem {
    detail: Option<String>,
}

/// The events of all runs.
#[derive(Debug)]
pub struct Events {
    response: Response,
    buffer: Vec<u8>,
}

impl Events {
    /// The next event of a run; `None` when the testbed has stopped.
    ///
    /// # Errors
    /// When the connection breaks or holds nonsense.
    pub async fn next(&mut self) -> Result<Option<RunEvent>> {
        loop {
            while let Some(block) = self.block() {
                if let Some(event) = run_event(&block)? {
                    return Ok(Some(event));
                }
            }
            match self.response.chunk().await? {
                Some(chunk) if self.buffer.len() + chunk.len() <= MAX_EVENT => self.buffer.extend_from_slice(&chunk),
                Some(_) => bail!("an event is longer than 4 MiB"),
                None => return Ok(None),
            }
        }
    }

    /// Takes the text of one event out of what was read.
    fn block(&mut self) -> Option<String> {
        let end = self.buffer.windows(2).position(|two| two == b"\n\n")?;
        let block: Vec<u8> = self.buffer.drain(..end + 2).collect();
        Some(String::from_utf8_lossy(&block).into_owned())
    }
}

/// The event of a run that the text of a server-sent event holds, if it is one.
fn run_event(block: &str) -> Result<Option<RunEvent>> {
    let field =
        |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim_start));
    match (field("event"), field("data")) {
        (Some("run"), Some(data)) => Ok(Some(serde_json::from_str(data)?)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use console::api::RunState;

    #[test]
    fn only_events_of_runs_are_read() {
        let run = "event: run\ndata: {\"run\":\"r1\",\"lesson\":\"digest\",\"state\":\"done\"}\n\n";
        assert_eq!(run_event(run).unwrap().map(|event| event.state), Some(RunState::Done));
        for other in [": keep-alive\n\n", "id: 7\nevent: record\ndata: {}\n\n", "\n\n"] {
            assert_eq!(run_event(other).unwrap(), None, "{other:?}");
        }
        assert!(run_event("event: run\ndata: {}\n\n").is_err());
    }
}
