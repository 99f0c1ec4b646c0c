use axum::body::{Body, BodyDataStream};
use axum::http::Method;
use tokio_stream::StreamExt;

use crate::support::{Rig, request};

/// The next events, each as its lines.
async fn next(stream: &mut BodyDataStream, count: usize) -> Vec<String> {
    let mut seen = String::new();
    while seen.matches("\n\n").count() < count {
        seen += std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap();
    }
    seen.trim_end().split("\n\n").map(str::to_owned).collect()
}

fn id(event: &str) -> &str {
    event.lines().find_map(|line| line.strip_prefix("id: ")).unwrap()
}

#[tokio::test]
async fn a_watcher_gets_what_it_missed_and_then_what_happens() {
    let rig = Rig::new();
    (0..3).for_each(|n| rig.register(&format!("c{n}")));
    let response = rig.get("/console/api/events?since=1").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut stream = response.into_body().into_data_stream();
    assert_eq!(next(&mut stream, 2).await.iter().map(|event| id(event)).collect::<Vec<_>>(), ["2", "3"]);
    rig.register("c3");
    let live = next(&mut stream, 1).await;
    assert_eq!(id(&live[0]), "4");
    assert!(live[0].contains("event: record\n") || live[0].starts_with("event: record"), "{live:?}");
}

#[tokio::test]
async fn a_browser_that_comes_back_goes_on_where_it_was() {
    let rig = Rig::new();
    (0..3).for_each(|n| rig.register(&format!("c{n}")));
    let again = request(Method::GET, "/console/api/events?since=0").header("last-event-id", "2");
    let response = rig.send(again.body(Body::empty()).unwrap()).await;
    let mut stream = response.into_body().into_data_stream();
    assert_eq!(id(&next(&mut stream, 1).await[0]), "3");
}

#[tokio::test]
async fn a_watcher_that_is_too_slow_is_told_how_much_it_lost() {
    let rig = Rig::new();
    let mut stream = rig.get("/console/api/events").await.into_body().into_data_stream();
    (0..2000).for_each(|n| rig.register(&format!("c{n}")));
    let first = next(&mut stream, 1).await;
    assert!(first[0].contains("event: lost") && first[0].contains("{\"count\":976}"), "{first:?}");
}
