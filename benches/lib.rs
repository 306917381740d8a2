//! Shared parts of the benchmarks: events as a Loom application sends them, the same in every run, and what a process has used.

mod processor_time;

use std::fmt::Write as _;

use bytes::Bytes;
use loom_studio_core::Incoming;

pub use processor_time::cpu_micros;

/// One microsecond-stamped moment after another, from 2026-01-02T03:00:00Z on.
fn time(micros: u64) -> String {
    let seconds = micros / 1_000_000;
    format!(
        "2026-01-02T{:02}:{:02}:{:02}.{:06}+00:00",
        3 + seconds / 3600 % 20,
        seconds / 60 % 60,
        seconds % 60,
        micros % 1_000_000
    )
}

/// Event `number` of a run: an agent's request to a tool, the tool's reply, or a thought, in turn; about 700 bytes, nested and spaced as Loom 0.3.3 writes it.
///
/// Ten agents share four tools. Twenty events have one trace.
pub fn loom_event(number: u64) -> String {
    loom_event_among(number, 10, 4)
}

/// As [`loom_event`], among so many agents and tools.
pub fn loom_event_among(number: u64, agents: u64, tools: u64) -> String {
    let (agent, tool) = (number / 3 % agents, number / 3 % tools);
    let call = number - number % 3;
    let (source, kind, subject, data) = match number % 3 {
        0 => (
            format!("/node/agent/writer-{agent}"),
            "node.request",
            format!("\"tool/search-{tool}\""),
            format!(
                "{{\"arguments\": {{\"query\": \"quarterly figures of region {number}\", \"limit\": 10, \"filters\": [\"public\", \"2026\"]}}, \"session_id\": null, {}}}",
                filler(number, 150)
            ),
        ),
        1 => (
            format!("/node/tool/search-{tool}"),
            "node.response",
            "null".to_owned(),
            format!(
                "{{\"request_id\": \"{}\", \"result\": {{\"result\": \"3 documents\", {}}}}}",
                id(call),
                filler(number, 190)
            ),
        ),
        _ => (
            format!("/node/agent/writer-{agent}"),
            "agent.thought",
            "null".to_owned(),
            format!(
                "{{\"thought\": \"The figures are there; compare them with last year\\u2019s.\", \"step\": 2, {}}}",
                filler(number, 150)
            ),
        ),
    };
    let trace = number / 20 + 1;
    let micros = number * 1_000;
    format!(
        "{{\"specversion\": \"1.0\", \"id\": \"{}\", \"source\": \"{source}\", \"type\": \"{kind}\", \"datacontenttype\": \"application/json\", \"dataschema\": null, \
         \"subject\": {subject}, \"time\": \"{}\", \"data\": {data}, \"traceparent\": \"00-{trace:032x}-{:016x}-01\", \
         \"extensions\": {{\"studio_phase\": \"post\", \"studio_timestamp\": {}.{:06}}}}}",
        id(number),
        time(micros),
        number + 1,
        1_767_322_800 + micros / 1_000_000,
        micros % 1_000_000,
    )
}

fn id(number: u64) -> String {
    format!("7f1c2f6a-9be1-4d3e-8a40-{number:012x}")
}

/// A member with so many characters of prose.
fn filler(number: u64, length: usize) -> String {
    const WORDS: [&str; 8] = [
        "the", "report", "shows", "growth", "in", "every", "second", "quarter",
    ];
    let mut text = String::from("\"note\": \"");
    for index in number.. {
        if text.len() >= length {
            break;
        }
        let word = WORDS[(index % 8) as usize];
        // Writing into a String cannot fail.
        let _ = write!(text, "{word} ");
    }
    text.push('"');
    text
}

/// The events `first` to `first + count - 1`, as a batch holds them.
pub fn loom_batch(first: u64, count: u64) -> Vec<Incoming> {
    (first..first + count)
        .map(|number| Incoming::Event(Bytes::from(loom_event(number))))
        .collect()
}

/// One run as Loom 0.3.3 sends it, without causes: a crew calls agents one after the other, each thinks and calls tools; each request has a trace of its own.
pub fn one_run(events: u64) -> Vec<Incoming> {
    const TOOLS: u64 = 24;
    let mut items = Vec::new();
    let mut send = |members: std::fmt::Arguments<'_>, trace: u64| {
        let number = items.len() as u64;
        let mut json = format!(
            "{{\"specversion\": \"1.0\", \"id\": \"e{number}\", \"time\": \"2026-01-02T{:02}:{:02}:{:02}.{:06}Z\", \"traceparent\": \"00-{:032x}-{:016x}-01\", ",
            3 + number / 3_600_000,
            number / 60_000 % 60,
            number / 1_000 % 60,
            number % 1_000 * 1_000,
            trace + 1,
            trace + 1,
        );
        // Writing into a String cannot fail.
        let _ = write!(json, "{members}}}");
        items.push(Incoming::Event(Bytes::from(json)));
        number
    };
    send(
        format_args!(
            "\"source\": \"/user/sdk\", \"type\": \"node.request\", \"subject\": \"crew\", \"data\": {{}}"
        ),
        0,
    );
    let mut next = 1;
    while next < events - 1 {
        let agent = next / 100 % 7;
        let asked = send(
            format_args!(
                "\"source\": \"/node/crew\", \"type\": \"node.request\", \"subject\": \"agent/{agent}\", \"data\": {{}}"
            ),
            next,
        );
        for tool in 0..TOOLS {
            send(
                format_args!(
                    "\"source\": \"/node/agent/{agent}\", \"type\": \"agent.thought\", \"data\": {{\"thought\": \"x\"}}"
                ),
                asked,
            );
            let call = asked + 2 + tool * 4;
            send(
                format_args!(
                    "\"source\": \"/node/agent/{agent}\", \"type\": \"node.request\", \"subject\": \"tool/{tool}\", \"data\": {{}}"
                ),
                call,
            );
            send(
                format_args!(
                    "\"source\": \"/node/tool/{tool}\", \"type\": \"node.response\", \"data\": {{\"request_id\": \"e{call}\", \"result\": 1}}"
                ),
                call,
            );
            send(
                format_args!(
                    "\"source\": \"/node/agent/{agent}\", \"type\": \"llm.response\", \"data\": {{\"model\": \"m\", \"usage\": {{\"prompt_tokens\": 9, \"completion_tokens\": 3}}}}"
                ),
                asked,
            );
        }
        next = 1
            + send(
                format_args!(
                    "\"source\": \"/node/agent/{agent}\", \"type\": \"node.response\", \"data\": {{\"request_id\": \"e{asked}\", \"result\": 1}}"
                ),
                asked,
            );
    }
    items.truncate(events as usize);
    items
}
