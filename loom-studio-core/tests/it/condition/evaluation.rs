//! What conditions mean.

use std::time::Duration;

use loom_studio_core::{Condition, ConditionSet, Context, Event};

use super::{event, events};

#[track_caller]
fn check(members: &str, holding: &[&str], failing: &[&str]) {
    let event = event(members);
    for (texts, expected) in [(holding, true), (failing, false)] {
        for text in texts {
            let condition = Condition::parse(text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(
                condition.matches(&event, &()),
                expected,
                "{text} on {members}"
            );
            let negation = Condition::parse(&format!("not ({text})")).unwrap();
            assert_eq!(
                negation.matches(&event, &()),
                !expected,
                "not {text} on {members}"
            );
            let set = ConditionSet::new([negation, condition]);
            assert_eq!(
                set.matches(&event, &()),
                [usize::from(expected)],
                "{text} in a set"
            );
        }
    }
}

#[test]
fn attributes_are_compared() {
    let members = r#""id":"E-1","source":"agent/writer","type":"node.request","subject":"tool/search/","time":"2026-01-02T03:04:05.5Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","causationid":"c-1","extensions":{"studio_phase":"pre","tenant":7},"color":"red""#;
    check(
        members,
        &[
            "seq = 1",
            "seq < 1.5 and seq > 0.5",
            "id = E-1",
            "source = agent/writer",
            "type = node.*",
            "type >= node and type < o",
            "type in (x, node.request)",
            "type matches /^node\\./",
            "type contains REQ",
            "subject = tool/search/",
            "from = /node/agent/writer",
            "from = agent/writer/",
            "from = agent/*",
            "to = node/tool/search",
            "node = agent/writer and node = tool/search",
            "node != user/sdk",
            "to contains Tool/",
            "session = run-1",
            "workspace = default",
            "trace = 0AF7651916cd43dd8448eb211c80319c",
            "trace = 0AF*",
            "span = b7ad6b7169203331",
            "causation = c-1",
            "request = null",
            "not exists outcome",
            "phase = pre",
            "time = 2026-01-02T03:04:05.500Z",
            "time > 2026-01-02T04:04:05+01:00",
            "time < 1767323046",
            "received = 2026-01-02T03:04:05Z",
            "ext.color = red",
            "ext.tenant = 7",
            "ext.specversion = '1.0'",
            "ext.missing = null",
        ],
        &[
            "id = e-1",
            "type = node",
            "type = NODE.request",
            "type matches /NODE/",
            "node != agent/writer",
            "node != tool/search",
            "to = agent/writer",
            "outcome = ok",
            "outcome != ok",
            "request != x",
            "exists duration",
            "duration < 1h",
            "duration > 0s",
            "error contains x",
            "phase != pre",
            "ext.color = blue",
            "ext.missing != x",
            "ext.tenant = '7'",
        ],
    );
}

#[test]
fn data_is_reached_by_paths() {
    let members = r#""data":{"tokens":1001,"exact":9007199254740993,"tenth":0.1,"big":18446744073709551615,"flag":false,"none":null,"empty":"","a b":{"\u0063":"x"},"twice":1,"twice":2,
        "messages":[{"role":"user","content":"Straße"},{"role":"tool","content":"TIMEOUT"},null,5],"matrix":[[1,2],[3]],"object":{"k":"v"}}"#;
    check(
        members,
        &[
            "data.tokens > 1000",
            "data.tokens = 1001.0",
            "data.tokens = 10.01e2",
            "data.tokens != '1001'",
            "data.exact = 9007199254740993",
            "data.exact > 9007199254740992",
            "data.exact > 9007199254740992.5",
            "data.tenth = 0.10",
            "data.big = 18446744073709551615",
            "data.big < 18446744073709551616",
            "data.flag = false",
            "exists data.flag",
            "data.none = null",
            "data.missing = null",
            "data.missing.deeper = null",
            "data.none in (1, null)",
            "data.empty = ''",
            "data.empty != null",
            "data.\"a b\".c = x",
            "data.twice = 2",
            "data.messages[0].content contains STRASSE",
            "data.messages[*].role = tool",
            "data.messages[*].content contains timeout",
            "data.messages[*] = 5",
            "data.messages[*].role != system",
            "data.messages contains timeout",
            "data.messages matches /^TIME/",
            "data contains tokens",
            "data.tokens contains 00",
            "data.tokens matches /^1001$/",
            "data.flag matches /fal/",
            "data.matrix[*][*] = 3",
            "data.matrix[0][1] = 2",
            "exists data",
            "exists data.object",
            "data.object != v",
            "text contains straße",
            "text contains 'a b'",
            "text contains 9007199254740993",
            "text matches /^TIMEOUT$/",
        ],
        &[
            "data.tokens > 1001",
            "data.tokens = '1001'",
            "data.tokens > abc",
            "data.exact = 9007199254740992",
            "data.tenth = 0.1000000000000000055",
            "data.flag = 'false'",
            "data.flag = null",
            "data.flag < 1",
            "exists data.none",
            "data.none != 1",
            "data.missing != 1",
            "exists data.tokens.deeper",
            "data.twice = 1",
            "data.messages[2] != null",
            "data.messages[4] = 5",
            "data.messages[*].role != tool",
            "data.messages.role = tool",
            "data.messages[*].content contains user",
            "data.object = v",
            "data.matrix[2][0] = 1",
            "text contains '\",\"'",
            "text contains null",
            "text matches /^TIME$/",
        ],
    );
    check(
        r#""data":[1,{"x":"y"}]"#,
        &["data[1].x = y", "data[*] = 1"],
        &["data.x = y"],
    );
    check(
        r#""data":"plain""#,
        &["data = plain", "data = pl*"],
        &["data.x = 1"],
    );
    check(
        "",
        &["data = null", "not exists data"],
        &["data != 1", "data contains 'x'"],
    );
}

#[test]
fn replies_have_an_outcome_and_an_error() {
    check(
        r#""type":"node.error","data":{"request_id":"r","error":"Boom"}"#,
        &["outcome = error", "error = Boom", "request = r"],
        &["outcome = ok"],
    );
    check(
        r#""type":"node.response","data":{"request_id":"r","result":{"error":{"code":"E5"}},"error":"other"}"#,
        &[
            "outcome = error",
            "exists error",
            "error contains e5",
            "data.result.error.code = E5",
        ],
        &["error = E5", "error contains other"],
    );
    check(
        r#""type":"node.response","data":{"request_id":"r","result":{"error":""}}"#,
        &["outcome = ok", "error = null"],
        &["exists error"],
    );
}

#[test]
fn escaped_text_is_found_as_it_reads() {
    check(
        r#""data":{"\u4f60":"\u597d \ud83d\ude00","half":"\ud800x"}"#,
        &[
            "text contains 你",
            "data.你 = '好 😀'",
            "data.你 contains 😀",
            "text matches /^好/",
        ],
        &["text contains u4f60"],
    );
}

struct Fixed(Option<Duration>);

impl Context for Fixed {
    fn duration(&self, _event: &Event) -> Option<Duration> {
        self.0
    }
}

#[test]
fn durations_come_from_the_context() {
    let event = event("");
    let holds = |text: &str, duration| {
        Condition::parse(text)
            .unwrap()
            .matches(&event, &Fixed(duration))
    };
    let two = Some(Duration::from_secs(2));
    assert!(holds("duration = 2s", two));
    assert!(holds("duration > 1999.999999ms", two));
    assert!(!holds("duration > 2s", two));
    assert!(holds("exists duration", two));
    assert!(!holds("duration < 1d", None));
    assert!(!holds("duration != 1s", None));
    assert!(holds("duration = null", None));
    let condition = Condition::parse("type = x or duration > 2s").unwrap();
    assert_eq!(condition.duration_at(), Some(12..20));
    assert_eq!(
        Condition::parse("data.duration > 2").unwrap().duration_at(),
        None
    );
}

#[test]
fn a_set_answers_as_its_conditions_do() {
    let texts: Vec<String> = (0..12)
        .map(|number| {
            format!(
                r#"{{"specversion":"1.0","id":"{number}","source":"/node/agent/{}","type":"t.{}","subject":"tool/{}","data":{{"n":{number},"l":[{number}]}}}}"#,
                number % 3, number % 4, number % 2
            )
        })
        .collect();
    let conditions: Vec<Condition> = [
        "type = t.1",
        "type in (t.1, t.2) and data.n > 5",
        "type = t.0 or node = tool/1",
        "from = agent/2 and type = t.*",
        "data.n = 7",
        "data.l[*] = 7 or id = 3",
        "not type = t.1",
        "type in (t.1, null)",
        "trace = null",
        "to = agent/1",
        "session = run-1 and workspace = default",
    ]
    .iter()
    .map(|text| Condition::parse(text).unwrap())
    .collect();
    let set = ConditionSet::new(conditions.clone());
    let mut seen = std::collections::BTreeSet::new();
    for event in events(&texts) {
        let expected: Vec<usize> = (0..conditions.len())
            .filter(|index| conditions[*index].matches(&event, &()))
            .collect();
        assert_eq!(set.matches(&event, &()), expected, "{}", event.id());
        assert_eq!(set.first(&event, &()), expected.first().copied());
        seen.extend(expected);
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 10]
    );
}
