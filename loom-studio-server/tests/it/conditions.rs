//! Help with typing conditions, and what they find as columns.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::harness::{TestServer, event_with_data};

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        let _ = write!(encoded, "%{byte:02X}");
        encoded
    })
}

async fn suggested(server: &TestServer, text: &str, position: Option<usize>) -> Value {
    let position = position.map_or(String::new(), |at| format!("&position={at}"));
    let path = format!("/api/conditions/complete?text={}{position}", encoded(text));
    let answer = server.get(&path).await;
    assert_eq!(answer.status, 200, "{text}: {}", answer.text());
    answer.json()
}

fn texts(answer: &Value) -> Vec<&str> {
    let candidates = answer["candidates"].as_array().unwrap().iter();
    candidates
        .map(|candidate| candidate["text"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn candidates_replace_the_word_at_the_cursor() {
    let server = TestServer::start().await;
    // The positions are those of JavaScript's strings: the face takes two.
    let text = "id = \u{1f600} or outcome = e";
    let answer = suggested(&server, text, None).await;
    assert_eq!(
        answer["candidates"],
        json!([{"text": "error", "kind": "value", "detail": "", "from": 21, "to": 22}])
    );
    let within = suggested(&server, "ty = x", Some(2)).await;
    assert_eq!(texts(&within), ["type"]);
    assert_eq!(within["candidates"][0]["detail"], "the event's type");
    assert_eq!(within["candidates"][0]["kind"], "field");
    assert_eq!(
        texts(&suggested(&server, "outcome ", None).await)[..2],
        ["=", "!="]
    );
    assert_eq!(
        texts(&suggested(&server, "seq > 1 a", Some(99)).await),
        ["and"]
    );
    assert_eq!(
        suggested(&server, "text contains \"", None).await["candidates"],
        json!([])
    );
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_place() {
    let server = TestServer::start().await;
    let answer = suggested(&server, "id = \u{1f600} or outcome = eror", None).await;
    let error = &answer["error"];
    assert_eq!(
        (&error["position"], &error["end"], &error["expected"]),
        (&json!(21), &json!(25), &json!(["ok", "error"]))
    );
    assert_eq!(error["message"], "outcome is one of ok, error");
    let refused = suggested(&server, "duration > 2s", None).await;
    assert_eq!(refused["error"]["position"], json!(0));
    for fine in ["", "  ", "type = a.*"] {
        assert_eq!(
            suggested(&server, fine, None).await["error"],
            json!(null),
            "{fine}"
        );
    }
    let path = format!("/api/conditions/complete?text={}", "x".repeat(4097));
    server.get(&path).await.problem(400, "invalid");
    server
        .get("/api/conditions/complete")
        .await
        .problem(400, "invalid");
}

#[tokio::test]
async fn a_page_in_columns_says_what_the_live_socket_would() {
    let server = TestServer::start().await;
    for (id, word) in [("1", "a"), ("2", "needle"), ("3", "needle")] {
        server
            .append(&[event_with_data(id, json!({"word": word}))])
            .await;
    }
    let path = "/api/events?where=data.word%20%3D%20needle&order=-seq&format=columns";
    let page = server.get(path).await.json();
    let columns = &page["columns"];
    assert_eq!(page.get("events"), None);
    assert_eq!(
        (&page["total"], &page["scanned"], &columns["n"]),
        (&json!(2), &json!(3), &json!(2))
    );
    assert_eq!(columns["cols"]["seq"], json!([3, 2]));
    assert_eq!(columns["cols"]["preview"][0], r#"{"word":"needle"}"#);
    let kind = columns["cols"]["type"][0].as_u64().unwrap() as usize;
    let sent = event_with_data("3", json!({}));
    assert_eq!(columns["dict"][kind], sent["type"]);
    server
        .get("/api/events?format=xml")
        .await
        .problem(400, "invalid");
}
