//! Figures: what the folds answer is what a plain count over programs of known truth gives.

use std::collections::{BTreeMap, BTreeSet};

use loom_studio_core::*;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::crash::runtime;
use crate::loom::{WORKSPACE, at, at_micros, event, records, stored};
use crate::oracle::{Program, program};

const LONG_AFTER: i64 = 10_000_000_000;

fn measured(events: &[Value]) -> Measured {
    records(events).into_iter().collect()
}

fn view(events: &[Value], now: Timestamp) -> MetricsView {
    measured(events).view(WORKSPACE, None, now)
}

/// A program whose thoughts are answers of models, and whose replies report a sum.
fn with_usage(mut program: Program) -> Program {
    for (index, event) in program.events.iter_mut().enumerate() {
        let number = index as u64;
        if event["type"] == "agent.thought" {
            event["type"] = "llm.response".into();
            event["data"] = json!({"model": format!("m{}", index % 3), "latency_ms": number, "usage": {"input_tokens": number, "output_tokens": 7, "cached_tokens": 1, "reasoning_tokens": 2}});
        } else if event["type"] == "node.response" && index % 3 > 0 {
            event["data"]["result"] = json!({"response": "x", "usage": {"input_tokens": 1_000 + number, "output_tokens": 0}});
        }
    }
    program
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// Input tokens by node, counted over the true tree.
fn true_tokens(program: &Program) -> BTreeMap<String, u64> {
    let used = |event: &Value, pointer: &str| event.pointer(pointer).and_then(Value::as_u64);
    let id = |event: &Value| event["id"].as_str().unwrap().to_owned();
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    let mut reporting: BTreeSet<String> = BTreeSet::new();
    let mark = |from: Option<&String>, reporting: &mut BTreeSet<String>| {
        let mut next = from;
        while let Some(call) = next {
            reporting.insert(call.clone());
            next = program.truth[call].as_ref();
        }
    };
    let add = |event: &Value, tokens: u64, found: &mut BTreeMap<String, u64>| {
        let node = NodeId::new(event["source"].as_str().unwrap()).to_string();
        *found.entry(node).or_default() += tokens;
    };
    for event in &program.events {
        if let Some(tokens) = used(event, "/data/usage/input_tokens") {
            add(event, tokens, &mut found);
            mark(program.truth[&id(event)].as_ref(), &mut reporting);
        }
    }
    // Callees answer before their callers.
    let mut replies: Vec<&Value> = program
        .events
        .iter()
        .filter(|event| event["type"] == "node.response")
        .collect();
    replies.sort_by_key(|event| Timestamp::parse_rfc3339(event["time"].as_str().unwrap()));
    for reply in replies {
        let call = text(reply, "/data/request_id").unwrap().to_owned();
        if let Some(tokens) = used(reply, "/data/result/usage/input_tokens")
            && !reporting.contains(&call)
        {
            add(reply, tokens, &mut found);
            mark(Some(&call), &mut reporting);
        }
    }
    found
}

/// Durations, failures and calls without an answer, by callee.
type Naive = BTreeMap<String, (Vec<i64>, u64, u64)>;

fn true_calls(events: &[Value]) -> Naive {
    let time = |event: &Value| Timestamp::parse_rfc3339(event["time"].as_str().unwrap()).unwrap();
    let mut found = Naive::new();
    for request in events
        .iter()
        .filter(|event| event["type"] == "node.request")
    {
        let callee = NodeId::new(request["subject"].as_str().unwrap()).to_string();
        let (durations, failed, unanswered) = found.entry(callee).or_default();
        match events
            .iter()
            .find(|event| text(event, "/data/request_id") == request["id"].as_str())
        {
            Some(reply) => {
                durations.push(time(reply).nanos_since(time(request)));
                *failed += u64::from(reply["type"] == "node.error");
            }
            None => *unanswered += 1,
        }
    }
    found
}

fn input(tokens: &Tokens) -> u64 {
    tokens.input.unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn figures_are_those_of_a_plain_count(seed: u64, runs in 1..6_u64, disorder in 0..200_u64) {
        let program = with_usage(program(seed, runs, true, disorder));
        let now = at_micros(LONG_AFTER);
        let all = records(&program.events);
        let measured: Measured = all.iter().cloned().collect();
        let view = measured.view(WORKSPACE, None, now);

        let naive = true_calls(&program.events);
        let mut sum = (0, 0, 0);
        prop_assert_eq!(view.calls_by_node.iter().map(|(id, _)| id.to_string()).collect::<Vec<_>>(), naive.keys().cloned().collect::<Vec<_>>());
        for ((_, found), (mut durations, failed, unanswered)) in view.calls_by_node.iter().zip(naive.into_values()) {
            prop_assert_eq!((found.answered(), found.failed, found.unanswered), (durations.len() as u64, failed, unanswered));
            prop_assert_eq!((found.late, found.open, found.blocked), (0, 0, 0));
            durations.sort_unstable();
            for quantile in [0.0, 0.5, 0.95, 0.99, 1.0] {
                let exact = durations.get((quantile * durations.len().saturating_sub(1) as f64) as usize).map(|nanos| *nanos as f64);
                let estimate = found.times.quantile_nanos(quantile);
                prop_assert_eq!(exact.is_some(), estimate.is_some());
                let (exact, estimate) = (exact.unwrap_or_default(), estimate.unwrap_or_default());
                prop_assert!((estimate - exact).abs() <= exact * 0.010_001, "{} for {}", estimate, exact);
            }
            sum = (sum.0 + found.answered(), sum.1 + failed, sum.2 + unanswered);
        }
        prop_assert_eq!((view.calls.answered(), view.calls.failed, view.calls.unanswered), sum);
        let of_types: u64 = view.calls_by_type.iter().map(|(_, calls)| calls.answered()).sum();
        prop_assert_eq!(of_types, sum.0);
        prop_assert_eq!(view.calls.error_rate(), Some((sum.1 + sum.2) as f64 / (sum.0 + sum.2) as f64));

        let tokens: BTreeMap<String, u64> = view.tokens_by_node.iter().map(|(id, tokens)| (id.to_string(), input(tokens))).collect();
        prop_assert_eq!(&tokens, &true_tokens(&program));
        let total: u64 = tokens.values().sum();
        prop_assert_eq!(view.tokens.as_ref().map_or(0, input), total);
        let by_model = view.by_model.iter().filter_map(|(_, model)| model.tokens.as_ref());
        prop_assert_eq!(by_model.map(input).sum::<u64>(), total);
        let tree = call_tree(&all, now);
        prop_assert_eq!(view.tokens, tree.tokens);
        let answers: u64 = view.by_model.iter().map(|(_, model)| model.answers).sum();
        prop_assert_eq!(answers, program.events.iter().filter(|event| event["type"] == "llm.response").count() as u64);

        let throughput = view.throughput.unwrap();
        let errors = program.events.iter().filter(|event| event["type"] == "node.error").count() as u64;
        prop_assert_eq!(throughput.totals(), (program.events.len() as u64, errors));
        prop_assert_eq!(view.left_out, 0);

        // Of one node: its part, and nothing else.
        for (id, calls) in &view.calls_by_node {
            let own = measured.view(WORKSPACE, Some(id), now);
            prop_assert_eq!(&own.calls, calls);
            prop_assert_eq!(own.tokens.as_ref().map(input), tokens.get(id.as_str()).copied());
            prop_assert_eq!(own.throughput, None);
        }
        prop_assert_eq!(measured.view("elsewhere", None, now).tokens, None);
    }

    #[test]
    fn bottlenecks_fill_the_runs(seed: u64, runs in 1..30_u64) {
        let program = program(seed, runs, true, 0);
        let (store, now) = (stored(&program.events), at_micros(LONG_AFTER));
        let measured: Measured = records(&program.events).into_iter().collect();
        let found = runtime().block_on(bottlenecks(&store, &measured.runs, WORKSPACE, now)).unwrap();
        prop_assert_eq!((found.runs, found.runs_left_out), (runs.min(20), runs.saturating_sub(20)));
        // Each path goes from the root's request to where its caller stopped waiting.
        let (all, mut lengths, mut in_vain) = (records(&program.events), 0, 0);
        for run in measured.runs.runs(WORKSPACE, now).iter().take(20) {
            let members = measured.runs.members(WORKSPACE, run.id.0);
            let own: Vec<Record> = all.iter().filter(|record| members.contains(&record.seq())).cloned().collect();
            let tree = call_tree(&own, now);
            let root = &tree.calls[tree.roots[0]];
            lengths += root.waited_until.nanos_since(root.start);
            in_vain += tree.critical_path.iter().filter(|step| step.pursuit == Pursuit::WaitInVain).map(|step| step.until.nanos_since(step.from)).sum::<i64>();
        }
        prop_assert_eq!(found.critical_nanos, lengths);
        prop_assert_eq!(found.nodes.iter().map(|node| node.in_vain_nanos).sum::<i64>(), in_vain);
        prop_assert_eq!(found.nodes.iter().map(|node| node.critical_nanos).sum::<i64>(), found.critical_nanos);
        prop_assert!(found.nodes.is_sorted_by(|a, b| a.critical_nanos >= b.critical_nanos));
        prop_assert!((found.nodes.iter().map(|node| node.share).sum::<f64>() - 1.0).abs() < 1e-9);
        for node in &found.nodes {
            prop_assert!(node.runs <= node.calls && node.runs <= found.runs && node.in_vain_nanos <= node.critical_nanos);
        }
    }

    /// The histogram depends on the set of events alone, loses none, and is as fine as its bound allows.
    #[test]
    fn a_histogram_knows_no_order(times in vec((any::<i64>(), 0..63_u32, any::<bool>()), 0..1_500), cut in 0..1_500_usize) {
        let events: Vec<(i64, bool)> = times.iter().map(|(time, shift, fails)| (time >> shift, *fails)).collect();
        let of = |events: &[(i64, bool)]| {
            let mut histogram = Throughput::default();
            for (time, fails) in events {
                histogram.add(Timestamp::from_nanos(*time), *fails);
            }
            histogram
        };
        let whole = of(&events);
        let failed = events.iter().filter(|(_, fails)| *fails).count() as u64;
        prop_assert_eq!(whole.totals(), (events.len() as u64, failed));
        let mut sorted = events.clone();
        sorted.sort_unstable();
        prop_assert_eq!(&of(&sorted), &whole);
        sorted.reverse();
        prop_assert_eq!(&of(&sorted), &whole);
        let cut = cut.min(events.len());
        let (mut left, mut right) = (of(&events[..cut]), of(&events[cut..]));
        let before = left.clone();
        left.merge(&right);
        right.merge(&before);
        prop_assert_eq!(&left, &whole);
        prop_assert_eq!(&right, &whole);
        let different = |width: i64| events.iter().map(|(time, _)| time.div_euclid(width)).collect::<BTreeSet<_>>().len();
        let width = whole.bucket_nanos();
        prop_assert_eq!(different(width), whole.buckets().len());
        prop_assert!(whole.buckets().len() <= 512);
        prop_assert!(width == 1_000_000 || different(width / 2) > 512, "finer would do");
    }
}

fn call(id: &str, to: &str, millis: i64) -> Value {
    event(
        id,
        "/user/sdk",
        "node.request",
        millis,
        &json!({"subject": to, "data": {}}),
    )
}

fn answered(id: &str, by: &str, kind: &str, millis: i64, data: &Value) -> Value {
    let mut data = data.clone();
    data["request_id"] = id.into();
    event(
        &format!("re-{id}"),
        by,
        kind,
        millis,
        &json!({"data": data}),
    )
}

#[test]
fn calls_end_in_one_of_five_ways() {
    let mut blocked = call("b", "tool/x", 6);
    blocked["extensions"] = json!({"studio_phase": "blocked"});
    let events = [
        call("ok", "tool/x", 0),
        answered("ok", "tool/x", "node.response", 10, &json!({"result": 1})),
        call("bad", "tool/x", 1),
        answered(
            "bad",
            "tool/x",
            "node.response",
            11,
            &json!({"result": {"error": "no"}}),
        ),
        call("late", "tool/x", 2),
        answered(
            "late",
            "tool/x",
            "node.response",
            30_002,
            &json!({"result": 1}),
        ),
        call("never", "tool/x", 3),
        blocked,
    ];
    // A moment before its caller gives up, and that moment.
    for (now, open, unanswered, rate) in [(30_002, 1, 0, 2.0 / 3.0), (30_003, 0, 1, 3.0 / 4.0)] {
        let view = view(&events, at(now));
        let calls = &view.calls;
        assert_eq!(
            (calls.answered(), calls.failed, calls.late, calls.blocked),
            (3, 1, 1, 1)
        );
        assert_eq!(
            (calls.open, calls.unanswered, calls.error_rate()),
            (open, unanswered, Some(rate))
        );
        assert_eq!(view.calls_by_type[0].0, NodeType::Tool);
    }
    let nothing = view(&[], at(0));
    assert_eq!((nothing.calls.error_rate(), nothing.tokens), (None, None));
}

#[test]
fn what_models_report_is_kept_apart_from_what_they_do_not() {
    let answer =
        |id: &str, data: Value| event(id, "agent/a", "llm.response", 1, &json!({"data": data}));
    let usage = |input: u64| json!({"input_tokens": input, "output_tokens": 5, "cached_tokens": 3});
    // Data of an event, the model it counts for, its tokens in all, and whether it has a latency.
    let cases = [
        (
            json!({"model": "m", "usage": usage(10), "latency_ms": 1.5}),
            Some("m"),
            Some(15),
            true,
        ),
        (
            json!({"model": "m", "usage": null, "latency_ms": -1}),
            Some("m"),
            None,
            false,
        ),
        (
            json!({"model": "m", "latency_ms": "7"}),
            Some("m"),
            None,
            false,
        ),
        (json!({"usage": usage(0)}), None, Some(5), false),
        (
            json!({"model": 7, "usage": {"input_tokens": 4}}),
            None,
            None,
            false,
        ),
        (json!(["m"]), None, None, false),
    ];
    for (data, model, total, has_latency) in cases {
        let view = view(&[answer("x", data.clone())], at(2));
        let [(name, figures)] = view.by_model.as_slice() else {
            panic!("{data}: {view:?}")
        };
        assert_eq!((name.as_deref(), figures.answers), (model, 1), "{data}");
        assert_eq!(
            figures.tokens.and_then(|tokens| tokens.total),
            total,
            "{data}"
        );
        assert_eq!(figures.latency.count(), u64::from(has_latency), "{data}");
    }
    let both = [
        answer("1", json!({"model": "m", "usage": usage(10)})),
        answer("2", json!({"model": "m", "usage": {"input_tokens": 1}})),
    ];
    let tokens = view(&both, at(2)).tokens.unwrap();
    let expected = Tokens {
        input: Some(11),
        output: Some(5),
        total: Some(15),
        cached: Some(3),
        reasoning: None,
    };
    assert_eq!(tokens, expected);
}

#[test]
fn a_reply_names_its_model_and_does_not_double() {
    let usage = json!({"input_tokens": 10, "output_tokens": 5});
    let reply = |id: &str, by: &str, millis: i64| {
        answered(
            id,
            by,
            "node.response",
            millis,
            &json!({"result": {"model": "r", "usage": usage}}),
        )
    };
    let mut inner = call("i", "agent/b", 1);
    inner["source"] = "agent/a".into();
    let events = [
        call("o", "agent/a", 0),
        inner,
        reply("i", "agent/b", 2),
        reply("o", "agent/a", 3),
    ];
    let view = view(&events, at(4));
    let nodes: Vec<_> = view
        .tokens_by_node
        .iter()
        .map(|(id, tokens)| (id.as_str(), input(tokens)))
        .collect();
    assert_eq!(nodes, [("/node/agent/b", 10)]);
    assert_eq!(view.by_model[0].0.as_deref(), Some("r"));
    assert_eq!(view.by_model[0].1.answers, 0);
}

#[test]
fn models_and_their_users_are_bounded() {
    let events: Vec<Value> = (0..10_050)
        .map(|n| event(&n.to_string(), "a", "llm.response", n, &json!({"data": {"model": format!("m{n}"), "usage": {"input_tokens": 1, "output_tokens": 1}}})))
        .collect();
    let measured = measured(&events);
    let figures = measured.view(WORKSPACE, None, at(20_000));
    assert_eq!(figures.left_out, 50);
    assert_eq!(
        figures
            .by_model
            .iter()
            .map(|(_, model)| model.answers)
            .sum::<u64>(),
        10_000
    );
    assert_eq!(figures.tokens.unwrap().total, Some(2 * 10_050));
    let limits = RunLimits {
        usages: 40,
        ..RunLimits::default()
    };
    let mut list = RunList::new(limits);
    for record in &records(&events) {
        list.apply(record);
    }
    assert_eq!(
        (list.usage(WORKSPACE).len(), list.bounds().usages_left_out),
        (40, 10_010)
    );
}

#[test]
fn a_filter_measures_what_matches_and_no_more_than_it_may() {
    let program = with_usage(program(7, 3, true, 0));
    let store = stored(&program.events);
    let count = program.events.len();
    let of = |filter: EventFilter, most: usize| {
        runtime()
            .block_on(measure(&store, &filter, Seq::ZERO, Seq(u64::MAX), most))
            .unwrap()
    };
    let now = at_micros(LONG_AFTER);
    let (all, reached) = of(EventFilter::workspace(WORKSPACE), count);
    assert_eq!(reached, Seq(count as u64));
    assert_eq!(all.view(WORKSPACE, None, now), view(&program.events, now));
    let (some, reached) = of(EventFilter::workspace(WORKSPACE), count / 2);
    assert_eq!(reached, Seq(count as u64 / 2));
    assert_eq!(
        some.view(WORKSPACE, None, now),
        view(&program.events[..count / 2], now)
    );
    let filter = EventFilter {
        session: Some(Pattern::Exact("none".into())),
        ..EventFilter::workspace(WORKSPACE)
    };
    let (none, reached) = of(filter, count);
    assert_eq!(reached, Seq(count as u64));
    assert_eq!(
        none.view(WORKSPACE, None, now).throughput.unwrap().totals(),
        (0, 0)
    );
}
