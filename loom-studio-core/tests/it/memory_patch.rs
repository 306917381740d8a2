//! The state tree: RFC 6902 case by case, against a naive oracle, and what hostile patches come to.

use std::fmt::Write as _;

use loom_studio_core::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::memory_fold::{Program, value_of};

const ROOT: StateOf<'static> = StateOf::Session(None);

fn state(memory: &RecordedMemory) -> Value {
    value_of(memory.state(ROOT, ""))
}

#[test]
fn every_case_of_the_fixture_comes_out_as_written() {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../fixtures/json-patch.json")).unwrap();
    assert!(cases.len() > 60);
    for case in cases {
        let mut program = Program::default();
        program.patch(json!([{"op": "add", "path": "", "value": case["doc"]}]));
        program.patch(case["patch"].clone());
        let memory = program.folded();
        let faults = memory.state_faults(ROOT).faults;
        let name = &case["name"];
        if let Some(reason) = case.get("reason") {
            assert_eq!(state(&memory), case["doc"], "{name}");
            let [fault] = &faults[..] else {
                panic!("{name}: {faults:?}")
            };
            assert_eq!(fault.reason.as_str(), reason, "{name}");
            assert_eq!(
                fault.index as u64,
                case.get("index").map_or(0, |index| index.as_u64().unwrap()),
                "{name}"
            );
            assert_eq!(fault.origin.seq, Seq(2), "{name}");
        } else {
            assert_eq!(faults, [], "{name}");
            assert_eq!(state(&memory), case["expected"], "{name}");
        }
    }
}

/// RFC 6902 on a plain document, without regard to cost.
mod naive {
    use super::*;

    fn tokens(pointer: &str) -> Option<Vec<String>> {
        if pointer.is_empty() {
            return Some(vec![]);
        }
        let rest = pointer.strip_prefix('/')?;
        Some(
            rest.split('/')
                .map(|token| token.replace("~1", "/").replace("~0", "~"))
                .collect(),
        )
    }

    fn index(token: &str, len: usize) -> Option<usize> {
        let index: usize = token.parse().ok()?;
        (index.to_string() == token && index < len).then_some(index)
    }

    fn find<'a>(doc: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
        let Some((first, rest)) = path.split_first() else {
            return Some(doc);
        };
        let child = match doc {
            Value::Object(members) => members.get_mut(first)?,
            Value::Array(items) => {
                let at = index(first, items.len())?;
                &mut items[at]
            }
            _ => return None,
        };
        find(child, rest)
    }

    fn add(doc: &mut Value, path: &[String], value: Value) -> Option<()> {
        let Some((last, above)) = path.split_last() else {
            *doc = value;
            return Some(());
        };
        match find(doc, above)? {
            Value::Object(members) => {
                members.insert(last.clone(), value);
            }
            Value::Array(items) if last == "-" => items.push(value),
            Value::Array(items) => {
                let at = index(last, items.len() + 1)?;
                items.insert(at, value);
            }
            _ => return None,
        }
        Some(())
    }

    fn remove(doc: &mut Value, path: &[String]) -> Option<Value> {
        let (last, above) = path.split_last()?;
        match find(doc, above)? {
            Value::Object(members) => members.remove(last),
            Value::Array(items) => {
                let at = index(last, items.len())?;
                Some(items.remove(at))
            }
            _ => None,
        }
    }

    fn step(doc: &mut Value, operation: &Value) -> Option<()> {
        let path = tokens(operation["path"].as_str()?)?;
        let value = operation.get("value").cloned();
        match operation["op"].as_str()? {
            "add" => add(doc, &path, value?),
            "replace" => {
                *find(doc, &path)? = value?;
                Some(())
            }
            "remove" => remove(doc, &path).map(drop),
            "test" => (*find(doc, &path)? == value?).then_some(()),
            kind => {
                let from = tokens(operation["from"].as_str()?)?;
                let moved = find(doc, &from)?.clone();
                if kind == "move" {
                    if from == path {
                        return Some(());
                    }
                    if path.starts_with(&from) {
                        return None;
                    }
                    remove(doc, &from)?;
                }
                add(doc, &path, moved)
            }
        }
    }

    pub(super) fn apply(doc: &mut Value, operations: &[Value]) -> bool {
        let mut next = doc.clone();
        let is_done = operations
            .iter()
            .all(|operation| step(&mut next, operation).is_some());
        if is_done {
            *doc = next;
        }
        is_done
    }
}

fn any_pointer() -> impl Strategy<Value = String> + Clone {
    let token = select(vec!["a", "b", "c", "0", "1", "2", "-", "~0x"]);
    vec(token, 1..4).prop_map(|tokens| format!("/{}", tokens.join("/")))
}

fn any_value() -> impl Strategy<Value = Value> + Clone {
    select(vec![
        json!(1),
        json!("x"),
        json!({}),
        json!([]),
        json!([1, 2, 3]),
        json!({"a": [1], "b": {"c": null}}),
        json!({"a": {"a": {"a": 1}}, "~x": 2}),
    ])
}

pub(crate) fn any_operation() -> impl Strategy<Value = Value> + Clone {
    let kinds = select(vec![
        "add", "add", "add", "remove", "replace", "move", "copy", "test",
    ]);
    (kinds, any_pointer(), any_pointer(), any_value()).prop_map(
        |(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value}),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn patches_do_what_a_naive_implementation_does(events in vec(vec(any_operation(), 1..4), 1..40)) {
        let mut program = Program::default();
        let mut expected = json!({});
        let mut faults = 0;
        let mut is_there = false;
        for operations in &events {
            program.patch(json!(operations));
            if naive::apply(&mut expected, operations) {
                is_there = true;
            } else {
                faults += 1;
            }
        }
        let memory = program.folded();
        prop_assert_eq!(memory.state_faults(ROOT).faults.len(), faults);
        if is_there {
            prop_assert_eq!(state(&memory), expected);
        } else {
            prop_assert_eq!(memory.state(ROOT, ""), None);
        }
    }
}

#[test]
fn every_value_names_the_record_that_wrote_it() {
    let mut program = Program::default();
    program.patch(json!([{"op": "add", "path": "/a", "value": {"b": [1, 2]}}]));
    program
        .from("/node/agent/other")
        .patch(json!([{"op": "replace", "path": "/a/b/1", "value": 3}]));
    program.patch(json!([{"op": "move", "from": "/a/b", "path": "/c"}]));
    let memory = program.folded();
    let at = |pointer: &str| {
        let value = memory.state(ROOT, pointer).unwrap();
        (
            value.written.seq.0,
            value.changed.seq.0,
            value.written.by.to_string(),
        )
    };
    assert_eq!(at(""), (1, 3, "/node/agent/a".to_owned()));
    assert_eq!(at("/a"), (1, 3, "/node/agent/a".to_owned()));
    assert_eq!(at("/c"), (3, 3, "/node/agent/a".to_owned()));
    assert_eq!(at("/c/0"), (1, 1, "/node/agent/a".to_owned()));
    assert_eq!(at("/c/1"), (2, 2, "/node/agent/other".to_owned()));
    let blame = memory.state_blame(ROOT, "/c/1").unwrap();
    let levels: Vec<_> = blame
        .levels
        .iter()
        .map(|level| (&*level.pointer, level.written.seq.0))
        .collect();
    assert_eq!(levels, [("", 1), ("/c", 3), ("/c/1", 2)]);
    assert_eq!(
        blame
            .touched
            .iter()
            .map(|origin| origin.seq.0)
            .collect::<Vec<_>>(),
        [3]
    );
    assert_eq!(memory.state_blame(ROOT, "/nothing"), None);
}

#[test]
fn a_copy_that_doubles_the_document_each_time_is_stopped() {
    let mut program = Program::default();
    let seed = "x".repeat(10_000);
    program.patch(json!([{"op": "add", "path": "/0", "value": seed}]));
    for number in 1..64 {
        program.patch(json!([{"op": "copy", "from": "", "path": format!("/{number}")}]));
    }
    let memory = program.folded();
    let faults = memory.state_faults(ROOT);
    assert!(
        faults
            .faults
            .iter()
            .all(|fault| fault.reason == FaultReason::TooLarge)
    );
    // 10 kB doubled ten times are 10 MB; the eleventh is too much, and so are all after it.
    assert_eq!(faults.faults.len(), 63 - 10);
    let bytes = memory.state(ROOT, "").unwrap().json.len();
    assert!((8 << 20..=16 << 20).contains(&bytes), "{bytes}");
}

#[test]
fn depth_is_bounded_however_it_is_reached() {
    let mut program = Program::default();
    program.patch(json!([{"op": "add", "path": "/a", "value": {}}]));
    let mut place = "/a".to_owned();
    for _ in 0..200 {
        write!(place, "/a").unwrap();
        program.patch(json!([{"op": "add", "path": place, "value": {}}]));
    }
    for _ in 0..20 {
        program.patch(json!([{"op": "copy", "from": "", "path": "/b"}]));
    }
    let memory = program.folded();
    let text = memory.state(ROOT, "").unwrap().json;
    let depth = text.iter().scan(0_i32, |depth, byte| {
        *depth += i32::from(*byte == b'{') - i32::from(*byte == b'}');
        Some(*depth)
    });
    assert_eq!(depth.max(), Some(128));
    let reasons: std::collections::BTreeSet<_> = memory
        .state_faults(ROOT)
        .faults
        .iter()
        .map(|fault| fault.reason)
        .collect();
    assert!(
        reasons.contains(&FaultReason::TooDeep) && reasons.contains(&FaultReason::BadPointer),
        "{reasons:?}"
    );
    let saved = memory.save();
    assert_eq!(
        RecordedMemory::restore(&saved)
            .unwrap()
            .state(ROOT, "")
            .unwrap()
            .json,
        text
    );
}

#[test]
fn a_patch_of_too_many_operations_is_refused_whole() {
    let mut program = Program::default();
    let one = json!({"op": "add", "path": "/a", "value": 1});
    program.patch(json!(vec![one.clone(); 10_000]));
    program.patch(json!([{"op": "remove", "path": "/a"}]));
    program.patch(json!(vec![one; 10_001]));
    let memory = program.folded();
    assert_eq!(state(&memory), json!({}));
    assert_eq!(
        memory.state_faults(ROOT).faults[0].reason,
        FaultReason::TooMany
    );
}

#[test]
fn faults_are_bounded_and_counted() {
    let mut program = Program::default();
    for _ in 0..1000 {
        program.patch(json!([{"op": "remove", "path": "/none"}]));
    }
    program.event("state.patch", json!({"no": "patches"}));
    let faulty = program.folded().state_faults(ROOT);
    assert_eq!((faulty.faults.len(), faulty.dropped), (256, 745));
    assert_eq!(faulty.faults.last().unwrap().reason, FaultReason::Malformed);
}

#[test]
fn numbers_and_strings_keep_what_they_were_written_as() {
    let mut program = Program::default();
    let raw = r#"{"patches":[{"op":"add","path":"/n","value":[123456789012345678901234567890,1.0e2,"\ud83d",1e999]}]}"#;
    program.raw("state.patch", raw);
    let memory = program.folded();
    let value = memory.state(ROOT, "/n").unwrap();
    assert_eq!(
        &value.json[..],
        br#"[123456789012345678901234567890,1.0e2,"\ud83d",1e999]"#
    );
}

#[test]
fn each_session_has_a_state_of_its_own() {
    let mut program = Program::default();
    program.patch(json!([{"op": "add", "path": "/a", "value": 1}]));
    program
        .session("second")
        .patch(json!([{"op": "add", "path": "/b", "value": 2}]));
    let memory = program.folded();
    assert_eq!(state(&memory), json!({"b": 2}));
    assert_eq!(
        value_of(memory.state(StateOf::Session(Some("first")), "")),
        json!({"a": 1})
    );
    assert_eq!(memory.state(StateOf::Session(Some("third")), ""), None);
}
