//! Requests and replies of one stream.

use loom_studio_core::*;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::loom::{event, records};

fn request(id: &str, from: &str, to: &str) -> Value {
    event(id, from, "node.request", 0, &json!({"subject": to}))
}

fn reply(id: &str, from: &str, to: Option<&str>, of: &str) -> Value {
    let mut members = json!({"data": {"request_id": of, "result": {}}});
    if let Some(to) = to {
        members["subject"] = json!(to);
    }
    event(id, from, "node.response", 0, &members)
}

fn pairs(events: &[Value], most: usize) -> Vec<Option<Pair>> {
    let mut pairs = Pairs::new(most);
    let records = records(events);
    let events = records.iter().filter_map(Record::as_event);
    events.map(|event| pairs.push(event)).collect()
}

#[test]
fn a_reply_names_its_request_whichever_comes_first() {
    let found = pairs(
        &[
            request("a", "/node/x", "/node/y"),
            reply("b", "/node/y", None, "a"),
            reply("c", "/node/z", Some("/node/x"), "d"),
            request("d", "/node/x", "/node/z"),
            event("e", "/node/x", "agent.thought", 0, &json!({})),
        ],
        8,
    );
    assert_eq!(
        found,
        [
            Some(Pair::Request),
            Some(Pair::Reply(Seq(1))),
            None,
            Some(Pair::AnsweredBefore(Seq(3))),
            None
        ]
    );
}

#[test]
fn a_reply_without_a_request_id_answers_what_caused_it() {
    let error = json!({"causationid": "a", "data": {"error": "boom"}});
    let found = pairs(
        &[
            request("a", "/node/x", "/node/y"),
            event("b", "/node/y", "node.error", 0, &error),
        ],
        8,
    );
    assert_eq!(found[1], Some(Pair::Reply(Seq(1))));
}

#[test]
fn ids_are_unique_per_sender_only() {
    let found = pairs(
        &[
            request("1", "/node/x", "/node/y"),
            reply("a", "/node/z", None, "1"),
            reply("b", "/node/y", Some("/node/w"), "1"),
            reply("c", "/node/y", Some("/node/x"), "1"),
        ],
        8,
    );
    assert_eq!(found[1..], [None, None, Some(Pair::Reply(Seq(1)))]);
}

proptest! {
    /// Against a search through everything that passed, as far back as the bound reaches.
    #[test]
    fn pairs_are_those_of_a_search(steps in prop::collection::vec((0..2_u8, 0..6_u32, 0..2_u8), 0..40), most in 1..12_usize) {
        let mut events = Vec::new();
        for (n, (kind, id, callee)) in steps.iter().enumerate() {
            let callee = format!("/node/callee{callee}");
            events.push(match kind {
                // The same request twice has the same id only from another source.
                0 => request(&id.to_string(), &format!("/node/caller{n}"), &callee),
                _ => reply(&format!("r{n}"), &callee, None, &id.to_string()),
            });
        }
        let found = pairs(&events, most);
        for (n, (kind, id, callee)) in steps.iter().enumerate() {
            // The newest earlier one of the other kind, if it is among the last `most` of its kind that wait.
            let unanswered = |m: usize| *kind == 0 && !matches!(found[m], Some(Pair::Reply(_)));
            let waiting = |m: &usize| steps[*m].0 != *kind && (steps[*m].0 == 0 || unanswered(*m));
            let mut earlier = (0..n).rev().filter(waiting).take(most);
            let other = earlier.find(|m| (steps[*m].1, steps[*m].2) == (*id, *callee)).map(|m| Seq(m as u64 + 1));
            let expected = match (kind, other) {
                (0, None) => Some(Pair::Request),
                (0, Some(reply)) => Some(Pair::AnsweredBefore(reply)),
                (_, other) => other.map(Pair::Reply),
            };
            prop_assert_eq!(found[n], expected, "event {} of {:?}, {}", n, &steps, most);
        }
    }
}
