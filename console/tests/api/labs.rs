use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use console::api::{Fault, FaultOutcome, Lesson, RunEvent, RunId, RunState};
use console::{Lab, LabError};
use futures_util::future::BoxFuture;
use tokio::sync::broadcast;
use tokio_stream::StreamExt;

use crate::support::{Rig, json, request};

/// A lab that does nothing but remember what it was told.
struct Notes {
    told: Mutex<Vec<String>>,
    events: broadcast::Sender<RunEvent>,
}

impl Notes {
    fn new() -> Arc<Self> {
        Arc::new(Self { told: Mutex::default(), events: broadcast::channel(16).0 })
    }

    fn note<T>(&self, what: String, answer: Result<T, LabError>) -> Result<T, LabError> {
        self.told.lock().unwrap().push(what);
        answer
    }
}

impl Lab for Notes {
    fn lessons(&self) -> Vec<Lesson> {
        Vec::new()
    }

    fn run(&self, lesson: &str, step_by_step: bool) -> BoxFuture<'_, Result<RunId, LabError>> {
        let answer = if lesson == "digest" { Ok(RunId("r1".into())) } else { Err(LabError::Unknown("lesson")) };
        let answer = self.note(format!("run {lesson} {step_by_step}"), answer);
        Box::pin(async { answer })
    }

    fn next(&self, run: &RunId) -> BoxFuture<'_, Result<(), LabError>> {
        let answer = self.note(format!("next {}", run.0), Err(LabError::NotWaiting));
        Box::pin(async { answer })
    }

    fn cancel(&self, run: &RunId) -> BoxFuture<'_, Result<(), LabError>> {
        let answer = self.note(format!("cancel {}", run.0), Ok(()));
        Box::pin(async { answer })
    }

    fn faults(&self) -> Vec<Fault> {
        Vec::new()
    }

    fn run_fault(&self, fault: &str) -> BoxFuture<'_, Result<FaultOutcome, LabError>> {
        let outcome = FaultOutcome { fault: fault.into(), as_expected: true, observed: "403".into(), records: vec![7] };
        let answer = self.note(format!("fault {fault}"), Ok(outcome));
        Box::pin(async { answer })
    }

    fn events(&self) -> broadcast::Receiver<RunEvent> {
        self.events.subscribe()
    }
}

#[tokio::test]
async fn the_lab_is_told_what_the_page_wants() {
    let lab = Notes::new();
    let rig = Rig::with_lab(lab.clone());
    let run = rig.change(Method::POST, "/console/api/lessons/digest/runs", r#"{"step_by_step":true}"#).await;
    assert_eq!(run.status(), StatusCode::CREATED);
    assert_eq!(json(run).await["run"], "r1");
    for (method, path, status) in [
        (Method::POST, "/console/api/lessons/none/runs", StatusCode::NOT_FOUND),
        (Method::POST, "/console/api/runs/r1/next", StatusCode::CONFLICT),
        (Method::DELETE, "/console/api/runs/r1", StatusCode::NO_CONTENT),
        (Method::POST, "/console/api/faults/alg-none/runs", StatusCode::OK),
    ] {
        assert_eq!(rig.change(method, path, "").await.status(), status, "{path}");
    }
    let told = lab.told.lock().unwrap().clone();
    assert_eq!(told, ["run digest true", "run none false", "next r1", "cancel r1", "fault alg-none"]);
}

#[tokio::test]
async fn another_site_changes_nothing() {
    let lab = Notes::new();
    let rig = Rig::with_lab(lab.clone());
    for (name, value) in [("sec-fetch-site", "same-site"), ("origin", "https://localhost:9543"), ("x-none", "")] {
        let request = request(Method::POST, "/console/api/faults/alg-none/runs").header(name, value);
        assert_eq!(rig.send(request.body(Body::empty()).unwrap()).await.status(), StatusCode::FORBIDDEN, "{name}");
    }
    assert!(lab.told.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_body_that_is_not_what_was_asked_for_is_refused() {
    let rig = Rig::with_lab(Notes::new());
    for body in ["{", r#"{"step_by_step":1}"#, r#"{"step":true}"#] {
        let response = rig.change(Method::POST, "/console/api/lessons/digest/runs", body).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{body}");
    }
    let long = rig.change(Method::POST, "/console/api/lessons/digest/runs", "x".repeat(300_000)).await;
    assert_eq!(long.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn watchers_see_how_a_run_goes() {
    let lab = Notes::new();
    let rig = Rig::with_lab(lab.clone());
    let mut stream = rig.get("/console/api/events").await.into_body().into_data_stream();
    let event = RunEvent {
        run: RunId("r1".into()),
        lesson: "digest".into(),
        state: RunState::Lit,
        step: Some(2),
        records: vec![5, 6],
        held: None,
        why: None,
    };
    lab.events.send(event).unwrap();
    let seen = stream.next().await.unwrap().unwrap();
    let seen = std::str::from_utf8(&seen).unwrap();
    assert!(seen.contains("event: run"), "{seen}");
    assert!(seen.contains(r#"{"run":"r1","lesson":"digest","state":"lit","step":2,"records":[5,6]}"#), "{seen}");
}
