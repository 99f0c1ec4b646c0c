use axum::http::StatusCode;

use crate::support::Rig;

fn seqs(records: &serde_json::Value) -> Vec<u64> {
    records.as_array().unwrap().iter().map(|record| record["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn the_trace_comes_in_parts() {
    let rig = Rig::new();
    (0..5).for_each(|n| rig.register(&format!("c{n}")));
    assert_eq!(seqs(&rig.json("/console/api/trace").await), [1, 2, 3, 4, 5]);
    assert_eq!(seqs(&rig.json("/console/api/trace?since=1&limit=2").await), [2, 3]);
    assert_eq!(seqs(&rig.json("/console/api/trace?last=2").await), [4, 5]);
    assert_eq!(seqs(&rig.json("/console/api/trace?since=5").await), [0; 0]);
    assert_eq!(rig.get("/console/api/trace?since=x").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn nodes_stand_in_the_order_of_the_ladder() {
    let rig = Rig::new();
    for node in ["sbc-7", "hss", "epcscf", "wwsf", "wic"] {
        rig.hub.tap(node);
    }
    rig.register("c");
    let nodes = rig.json("/console/api/nodes").await;
    let ids: Vec<_> = nodes.as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["wic", "wwsf", "epcscf", "hss", "sbc-7"]);
    assert_eq!(nodes[2]["label"], "eP-CSCF");
    assert_eq!((&nodes[2]["foreign"], &nodes[4]["foreign"]), (&false.into(), &true.into()));
}
