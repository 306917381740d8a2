//! The API description: committed, complete, and true to the routes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{TestServer, event, event_with_data};
use crate::http_client::Request;

#[tokio::test]
async fn the_committed_description_is_the_one_that_is_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let server = TestServer::start().await;
    let answer = server.get("/api/openapi.json").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &answer.body).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert!(
        answer.text() == committed,
        "openapi.json is stale: UPDATE_GOLDEN=1 cargo test -p loom-studio-server --test it openapi"
    );
}

/// What the design promises.
const WANTED: &[&str] = &[
    "post /events",
    "get /api/events",
    "get /api/events/{seq}",
    "get /api/events/first",
    "get /api/export",
    "post /api/replay/create",
    "get /api/replay/{session_id}",
    "delete /api/replay/{session_id}",
    "post /api/replay/{session_id}/step",
    "post /api/replay/{session_id}/jump",
    "post /api/replay/{session_id}/run",
    "post /api/replay/{session_id}/play",
    "post /api/replay/{session_id}/pause",
    "get /api/replay/{session_id}/state",
    "get /api/replay/{session_id}/diff",
    "get /api/replay/{session_id}/breakpoints",
    "put /api/replay/{session_id}/breakpoints",
    "post /api/import",
    "get /api/topology",
    "get /api/sessions",
    "get /api/memory",
    "get /api/memory/{node_id}",
    "get /api/state",
    "get /api/runs",
    "get /api/runs/{id}",
    "get /api/metrics",
    "get /healthz",
    "get /readyz",
    "get /metrics",
    "get /api/openapi.json",
];

#[tokio::test]
async fn every_described_operation_is_answered() {
    let server = TestServer::start().await;
    let mut remembered = event_with_data("2", json!({"entry_id": "m"}));
    remembered["type"] = json!("memory.add");
    let mut patched = event_with_data("3", json!({"patches": []}));
    patched["type"] = json!("state.patch");
    server.append(&[event("1"), remembered, patched]).await;
    let description = server.get("/api/openapi.json").await.ok();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut operations = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        assert!(!path.contains("{*"), "{path} is no OpenAPI path");
        for (method, operation) in item.as_object().unwrap() {
            let mut target = path
                .replace("{seq}", "1")
                .replace("{node_id}", "node/a")
                .replace("{id}", "1");
            if target.contains("{session_id}") {
                let created = Request::new("POST", "/api/replay/create").send(server.addr);
                let id = created.await.ok()["session_id"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                target = target.replace("{session_id}", &id);
            }
            assert!(
                !target.contains('{'),
                "{path} has a parameter this test can't fill"
            );
            let response = Request::new(&method.to_ascii_uppercase(), &target)
                .send(server.addr)
                .await;
            assert!(
                response.status != 404 && response.status != 405,
                "{method} {path}: {}",
                response.text()
            );
            let described = &operation["responses"][response.status.to_string()];
            assert!(
                described.is_object(),
                "{method} {path} answers {}, which isn't described",
                response.status
            );
            let kind = response
                .header("content-type")
                .unwrap()
                .split(';')
                .next()
                .unwrap();
            let kinds = described["content"].as_object().unwrap();
            assert!(
                kinds.keys().any(|known| known.starts_with(kind)),
                "{method} {path} answers {kind}: {described}"
            );
            assert!(
                operation["responses"]
                    .as_object()
                    .unwrap()
                    .keys()
                    .any(|status| status.starts_with('2'))
            );
            operations.push(format!("{method} {path}"));
        }
    }
    for wanted in WANTED {
        assert!(
            operations.iter().any(|known| known == wanted),
            "{wanted} is not described"
        );
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    found.push(target);
                }
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let server = TestServer::start().await;
    let description = server.get("/api/openapi.json").await.ok();
    let mut found = Vec::new();
    references(&description, &mut found);
    assert!(!found.is_empty());
    for target in found {
        let pointer = target.strip_prefix('#').unwrap();
        assert!(description.pointer(pointer).is_some(), "{target}");
    }
}

/// The description has one schema for a name: of two types that share one, the second would silently stand for the first.
#[test]
fn no_two_types_share_a_name_in_the_description() {
    let mut found = BTreeMap::<String, Vec<String>>::new();
    let mut directories = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            for name in schemas(&fs::read_to_string(&path).unwrap()) {
                let files = found.entry(name).or_default();
                files.push(path.display().to_string());
            }
        }
    }
    assert!(found.contains_key("RunDto") && found.contains_key("ReplayStateDto"));
    found.retain(|_, files| files.len() > 1);
    assert!(found.is_empty(), "{found:#?}");
}

/// The names that a source file gives to schemas.
fn schemas(source: &str) -> Vec<String> {
    let derives = source.split("#[derive(").skip(1);
    let described = derives.filter_map(|text| {
        let (list, rest) = text.split_once(")]")?;
        list.contains("ToSchema").then_some(rest)
    });
    let names = described.filter_map(|rest| {
        let declared = rest.find("struct ").into_iter().chain(rest.find("enum "));
        let (attributes, declaration) = rest.split_at(declared.min()?);
        let name = match attributes.split_once("schema(as = ") {
            Some((_, renamed)) => renamed,
            None => declaration.split_once(' ')?.1,
        };
        let is_end = |letter: char| !letter.is_alphanumeric() && letter != '_';
        name.split(is_end).next().map(str::to_owned)
    });
    names.collect()
}
