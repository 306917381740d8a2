//! Random programs of known truth: whatever they do and in whatever order their events arrive, no link is wrong and every unambiguous one is found.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use loom_studio_core::*;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::loom::{WORKSPACE, at_micros, records, run_list, stored, traceparent};

/// SplitMix64 (Steele, Lea, Flood, 2014).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn micros(&mut self, below: u64) -> i64 {
        self.roll(below).cast_signed()
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// In the order of arrival.
    pub(crate) events: Vec<Value>,
    /// For each event's id that of the request of the call it belongs to: the answered one for a reply.
    pub(crate) truth: HashMap<String, Option<String>>,
    /// For each event's id that of its run's root.
    roots: HashMap<String, String>,
}

struct Simulation {
    dice: Dice,
    has_causes: bool,
    program: Program,
    timed: Vec<(i64, Value)>,
    next: u64,
}

const NODES: [&str; 6] = ["crew/a", "crew/b", "agent/c", "agent/d", "tool/e", "tool/f"];

impl Simulation {
    fn emit(
        &mut self,
        kind: &str,
        from: &str,
        micros: i64,
        within: Option<&str>,
        root: &str,
        members: &Value,
    ) -> String {
        self.next += 1;
        let id = format!("e{}", self.next);
        let mut event = json!({"specversion": "1.0", "id": id, "source": from, "type": kind, "time": at_micros(micros).to_string()});
        let own = traceparent(self.next + 1_000_000);
        event["traceparent"] = own.into();
        event
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().cloned().unwrap_or_default());
        if let Some(within) = within.filter(|_| self.has_causes) {
            event["causationid"] = within.into();
        }
        let root = if root.is_empty() { id.as_str() } else { root };
        self.program.roots.insert(id.clone(), root.to_owned());
        let truth = within.map(str::to_owned);
        self.program.truth.insert(id.clone(), truth);
        self.timed.push((micros, event));
        id
    }

    /// A call from its request to its reply; when it ends.
    fn call(
        &mut self,
        from: &str,
        to: &str,
        start: i64,
        within: Option<&str>,
        root: &str,
        depth: u32,
    ) -> i64 {
        let subject = json!({"subject": to, "data": {"task": "x"}});
        let request = self.emit("node.request", from, start, within, root, &subject);
        let root = if root.is_empty() {
            request.clone()
        } else {
            root.to_owned()
        };
        let echo = json!({"traceparent": traceparent(self.next + 1_000_000)});
        let source = format!("/node/{to}");
        let mut now = start + 1 + self.dice.micros(2_000);
        let steps = if depth == 0 { 0 } else { self.dice.roll(4) };
        for _ in 0..steps {
            if self.dice.chance(40) {
                self.emit("agent.thought", &source, now, Some(&request), &root, &echo);
                now += 1 + self.dice.micros(500);
            }
            if self.dice.chance(15) {
                // Loom 0.3.3 gives reflections a trace of their own.
                self.emit(
                    "agent.reflection",
                    &source,
                    now,
                    Some(&request),
                    &root,
                    &json!({}),
                );
                now += 1;
            }
            let fan = if self.dice.chance(30) { 3 } else { 1 };
            let mut joined = now;
            for branch in 0..fan {
                let callee = NODES[self.dice.roll(NODES.len() as u64) as usize];
                let end = self.call(
                    &source,
                    callee,
                    now + branch,
                    Some(&request),
                    &root,
                    depth - 1,
                );
                joined = joined.max(end);
            }
            now = joined + 1 + self.dice.micros(1_000);
        }
        // Some answers never leave the process.
        if !self.dice.chance(5) {
            let (kind, data) = if self.dice.chance(10) {
                (
                    "node.error",
                    json!({"request_id": request, "error": "boom"}),
                )
            } else {
                ("node.response", json!({"request_id": request, "result": 1}))
            };
            let mut members = echo;
            members["data"] = data;
            self.emit(kind, &source, now, Some(&request), &root, &members);
        }
        now
    }
}

/// `disorder`: how far an event's arrival strays, in events.
pub(crate) fn program(seed: u64, runs: u64, has_causes: bool, disorder: u64) -> Program {
    let mut simulation = Simulation {
        dice: Dice(seed),
        has_causes,
        program: Program {
            events: vec![],
            truth: HashMap::new(),
            roots: HashMap::new(),
        },
        timed: vec![],
        next: 0,
    };
    for _ in 0..runs {
        let start = simulation.dice.micros(30_000);
        let to = NODES[simulation.dice.roll(4) as usize];
        simulation.call("/user/sdk", to, start, None, "", 3);
    }
    let mut timed = std::mem::take(&mut simulation.timed);
    timed.sort_by_key(|(micros, _)| *micros);
    let mut arriving: Vec<(u64, Value)> = Vec::new();
    for (index, (_, event)) in timed.into_iter().enumerate() {
        let strays = simulation.dice.roll(disorder.max(1));
        arriving.push((index as u64 + strays, event));
    }
    arriving.sort_by_key(|(at, _)| *at);
    Program {
        events: arriving.into_iter().map(|(_, event)| event).collect(),
        ..simulation.program
    }
}

/// What the tree says of each event: the requests it may belong under.
#[derive(Debug, PartialEq, Eq, Clone)]
enum Found {
    Nothing,
    In(Seq, Trust),
    Among(Candidates),
}

fn found(tree: &RunTree) -> BTreeMap<Seq, Found> {
    let mut found = BTreeMap::new();
    for call in &tree.calls {
        let parent = match &call.parent {
            Parent::Call { call, trust, .. } => Found::In(tree.calls[*call].request, *trust),
            Parent::Ambiguous(candidates) => Found::Among(candidates.clone()),
            Parent::Root | Parent::Cycle => Found::Nothing,
        };
        found.insert(call.request, parent);
        if let Some(end) = &call.end {
            found.insert(end.event, Found::In(call.request, end.trust));
        }
        for attached in call.more_replies.iter().chain(&call.events) {
            found.insert(attached.event, Found::In(call.request, attached.trust));
        }
    }
    for unplaced in &tree.unplaced {
        let candidates = unplaced.candidates.clone();
        found.insert(
            unplaced.event,
            candidates.map_or(Found::Nothing, Found::Among),
        );
    }
    found
}

/// The calls of the sender that were open when an event was sent, by brute force.
pub(crate) fn open_at(records: &[Record], event: &Event) -> Vec<Seq> {
    let events = || records.iter().filter_map(Record::as_event);
    events()
        .filter(|request| &**request.kind() == "node.request" && request.seq() != event.seq())
        .filter(|request| request.to() == Some(event.from()) && request.time() <= event.time())
        .filter(|request| {
            let mut replies = events().filter(|reply| reply.request_id() == Some(request.id()));
            replies
                .next()
                .is_none_or(|reply| reply.time() >= event.time())
        })
        .map(|request| request.seq())
        .collect()
}

fn check_links(program: &Program, has_causes: bool) -> Result<(), TestCaseError> {
    let records = records(&program.events);
    let seq_of: HashMap<&str, Seq> = records
        .iter()
        .filter_map(Record::as_event)
        .map(|event| (&**event.id(), event.seq()))
        .collect();
    let tree = call_tree(&records, at_micros(10_000_000));
    let found = found(&tree);
    prop_assert_eq!(found.len(), records.len(), "every event is somewhere, once");
    for event in records.iter().filter_map(Record::as_event) {
        let truth = program.truth[&**event.id()].as_deref().map(|id| seq_of[id]);
        let place = &found[&event.seq()];
        let kind = &**event.kind();
        match (truth, place) {
            (None, Found::Nothing) => {}
            (Some(truth), Found::In(seq, trust)) => {
                prop_assert_eq!(truth, *seq, "a wrong link of {:?}", event.id());
                if has_causes {
                    prop_assert_eq!(*trust, Trust::Causation);
                } else if kind == "node.request" || kind == "agent.reflection" {
                    prop_assert_eq!(*trust, Trust::Structure);
                }
            }
            (Some(truth), Found::Among(candidates)) => {
                let seqs = &candidates.events;
                prop_assert!(
                    !has_causes && event.request_id().is_none() && kind != "agent.thought"
                );
                let open = open_at(&records, event);
                prop_assert!(
                    open.len() > 1,
                    "{:?} is unambiguous: {:?}",
                    event.id(),
                    open
                );
                prop_assert!(seqs.contains(&truth) || seqs.len() == MAX_CANDIDATES);
                prop_assert_eq!(seqs.len(), open.len().min(MAX_CANDIDATES));
                prop_assert_eq!(candidates.is_complete, open.len() <= MAX_CANDIDATES);
            }
            (truth, place) => prop_assert!(false, "{:?}: {place:?} for {truth:?}", event.id()),
        }
    }
    Ok(())
}

/// The sets of positions that belong together, by what the tree of everything says and what traces join.
fn runs_of_tree(records: &[Record], tree: &RunTree) -> BTreeSet<BTreeSet<Seq>> {
    let mut group: BTreeMap<Seq, Seq> = records.iter().map(|r| (r.seq(), r.seq())).collect();
    let join = |group: &mut BTreeMap<Seq, Seq>, a: Seq, b: Seq| {
        let (a, b) = (group[&a], group[&b]);
        group
            .values_mut()
            .filter(|of| **of == b)
            .for_each(|of| *of = a);
    };
    let found = found(tree);
    for (seq, place) in &found {
        if let Found::In(call, _) = place {
            join(&mut group, *seq, *call);
        }
    }
    let mut of_trace: HashMap<TraceId, Seq> = HashMap::new();
    for event in records.iter().filter_map(Record::as_event) {
        if let Some(context) = event.trace() {
            let first = *of_trace.entry(context.trace).or_insert(event.seq());
            join(&mut group, first, event.seq());
        }
    }
    loop {
        let before = group.clone();
        for (seq, place) in &found {
            if let Found::Among(Candidates {
                events,
                is_complete,
            }) = place
                && *is_complete
                && events.iter().all(|other| group[other] == group[&events[0]])
            {
                join(&mut group, events[0], *seq);
            }
        }
        if before == group {
            break;
        }
    }
    let calls: BTreeSet<Seq> = tree.calls.iter().map(|call| call.request).collect();
    let mut runs: BTreeMap<Seq, BTreeSet<Seq>> = BTreeMap::new();
    for (seq, of) in group {
        runs.entry(of).or_default().insert(seq);
    }
    runs.into_values()
        .filter(|run| run.iter().any(|seq| calls.contains(seq)))
        .collect()
}

fn listed(list: &RunList, now: Timestamp) -> BTreeSet<BTreeSet<Seq>> {
    list.runs(WORKSPACE, now)
        .iter()
        .map(|run| list.members(WORKSPACE, run.id.0).into_iter().collect())
        .collect()
}

fn fresh(fresh: usize) -> RunLimits {
    RunLimits {
        fresh,
        ..RunLimits::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// With stated causes every link is found, whatever the order of arrival.
    #[test]
    fn stated_causes_give_the_exact_tree(seed: u64, runs in 1..6_u64, disorder in 0..400_u64) {
        check_links(&program(seed, runs, true, disorder), true)?;
    }

    /// Without them no link is wrong, and every one that structure decides is found.
    #[test]
    fn structure_is_never_wrong(seed: u64, runs in 1..6_u64, disorder in 0..400_u64) {
        check_links(&program(seed, runs, false, disorder), false)?;
    }

    /// With stated causes the list has exactly the true runs, however little it remembers of what has not been placed.
    #[test]
    fn stated_causes_give_the_exact_runs(seed: u64, runs in 1..6_u64, disorder in 0..400_u64, limit in 2..64_usize) {
        let program = program(seed, runs, true, disorder);
        let records = records(&program.events);
        let mut expected: BTreeMap<&str, BTreeSet<Seq>> = BTreeMap::new();
        for event in records.iter().filter_map(Record::as_event) {
            expected.entry(&program.roots[&**event.id()]).or_default().insert(event.seq());
        }
        let list = run_list(&records, fresh(limit));
        let now = at_micros(10_000_000);
        prop_assert_eq!(listed(&list, now), expected.values().cloned().collect());
        for run in list.runs(WORKSPACE, now) {
            let members = list.members(WORKSPACE, run.id.0);
            let tree = call_tree(&records.iter().filter(|r| members.contains(&r.seq())).cloned().collect::<Vec<_>>(), now);
            prop_assert_eq!(tree.roots.len() as u64, run.roots);
            prop_assert_eq!(tree.calls[tree.roots[0]].request, run.id.0);
            prop_assert_eq!((tree.calls.len() as u64, members.len() as u64), (run.calls, run.events));
            prop_assert_eq!(tree.calls[tree.roots[0]].status.is_failure(), matches!(run.status, RunStatus::Failed | RunStatus::Unanswered));
        }
    }

    /// The list has the runs that the tree of everything has, as long as no event comes later than it waits.
    #[test]
    fn the_list_and_the_tree_agree(seed: u64, runs in 1..6_u64, disorder in 0..20_u64, has_causes: bool) {
        let program = program(seed, runs, has_causes, disorder);
        let records = records(&program.events);
        let now = at_micros(10_000_000);
        let expected = runs_of_tree(&records, &call_tree(&records, now));
        prop_assert_eq!(listed(&run_list(&records, RunLimits::default()), now), expected.clone());
        // A truth no list is allowed to break, however short its patience.
        let truth = |seq: &Seq| {
            let event = records[seq.0 as usize - 1].as_event().unwrap();
            program.roots[&**event.id()].clone()
        };
        for run in listed(&run_list(&records, fresh(64)), now) {
            let roots: BTreeSet<String> = run.iter().map(truth).collect();
            prop_assert_eq!(roots.len(), 1, "{:?}", run);
        }
    }

    /// The tree of a run, with what the list knows of the others, is the run's part of the tree of everything.
    #[test]
    fn a_run_alone_has_the_same_links(seed: u64, runs in 1..5_u64, has_causes: bool) {
        let program = program(seed, runs, has_causes, 10);
        let records = records(&program.events);
        let now = at_micros(10_000_000);
        let whole = found(&call_tree(&records, now));
        let list = run_list(&records, RunLimits::default());
        let runs = list.runs(WORKSPACE, now);
        for run in &runs {
            let members = list.members(WORKSPACE, run.id.0);
            let own: Vec<Record> = members.iter().map(|seq| records[seq.0 as usize - 1].clone()).collect();
            let ambiguities = list.ambiguities(WORKSPACE, run.id.0);
            let tree = call_tree_with(&own, &ambiguities, now);
            for (seq, place) in found(&tree) {
                prop_assert_eq!(&place, &whole[&seq], "{}", seq);
            }
            let root = match &whole[&run.id.0] {
                Found::Among(candidates) => Some(candidates.clone()),
                Found::Nothing => None,
                Found::In(..) => panic!("{run:?}"),
            };
            prop_assert_eq!(&run.ambiguity, &root);
            // What else may belong to it is what names one of its calls as a candidate and is elsewhere.
            let outside = whole.iter().filter(|(seq, place)| {
                let among = |candidates: &Candidates| candidates.events.iter().any(|seq| members.contains(seq));
                !members.contains(seq) && matches!(place, Found::Among(candidates) if among(candidates))
            });
            let expected: Vec<Seq> = outside.map(|(seq, _)| *seq).collect();
            let possible: Vec<Seq> = ambiguities.possible.iter().map(|possible| possible.event).collect();
            prop_assert_eq!(possible, expected);
            for possible in &ambiguities.possible {
                let calls = possible.calls_of(&tree);
                prop_assert!(!calls.is_empty());
                let listed = runs.iter().find(|run| Some(run.id) == possible.run);
                prop_assert_eq!(listed.is_some(), list.find(WORKSPACE, possible.event).is_some());
            }
        }
        for (seq, place) in &whole {
            let candidates = list.candidates(*seq);
            prop_assert_eq!(candidates, match place {
                Found::Among(candidates) => Some(candidates.clone()),
                _ => None,
            });
        }
    }

    /// An event asked for alone has the place that the tree of everything gives it.
    #[test]
    fn an_event_alone_is_in_its_call(seed: u64, runs in 1..4_u64, has_causes: bool, disorder in 0..40_u64) {
        let program = program(seed, runs, has_causes, disorder);
        let (store, records) = (stored(&program.events), records(&program.events));
        let tree = call_tree(&records, at_micros(10_000_000));
        let list = run_list(&records, RunLimits::default());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (seq, place) in found(&tree) {
            let event = records[seq.0 as usize - 1].as_event().unwrap();
            let placement = runtime.block_on(async {
                let links = links(&store, event).await.unwrap();
                placement(&store, event, &links, &list).await.unwrap()
            });
            let alone = match (placement.call, placement.candidates) {
                (Some(call), None) => Found::In(call.event.seq(), call.trust),
                (None, Some(candidates)) => Found::Among(candidates),
                (None, None) => Found::Nothing,
                both => panic!("{both:?}"),
            };
            prop_assert_eq!(alone, place, "{}", seq);
            prop_assert_eq!(placement.run, list.find(WORKSPACE, seq));
            let call = tree.calls.iter().find(|call| call.request == seq);
            let end = call.and_then(|call| call.end.as_ref()).map(|end| (end.event, end.trust));
            prop_assert_eq!(placement.end.map(|link| (link.event.seq(), link.trust)), end);
        }
    }

    /// Putting aside and taking up again changes nothing, now or later; and a state depends on the records alone.
    #[test]
    fn a_checkpoint_goes_on_as_if_nothing_had_happened(seed: u64, has_causes: bool, limit in 2..80_usize, cut in 0..1_000_usize) {
        let program = program(seed, 4, has_causes, 60);
        let records = records(&program.events);
        let now = at_micros(40_000);
        let whole = run_list(&records, fresh(limit));
        let (before, after) = records.split_at(cut % (records.len() + 1));
        let first = run_list(before, fresh(limit));
        let asked = first.clone();
        let _ = asked.runs(WORKSPACE, now);
        let mut later = [RunList::restore(&first.save()).expect("its own encoding"), first.clone(), asked];
        for list in &mut later {
            prop_assert_eq!(list.runs(WORKSPACE, now), first.runs(WORKSPACE, now));
            prop_assert_eq!(list.bounds(), first.bounds());
            for record in after {
                list.apply(record);
            }
            prop_assert_eq!(list.runs(WORKSPACE, now), whole.runs(WORKSPACE, now));
            prop_assert_eq!(list.bounds(), whole.bounds());
            prop_assert_eq!(list.save(), whole.save());
        }
    }

    /// Any order of arrival gives the same tree, but for seqs.
    #[test]
    fn arrival_does_not_matter(seed: u64, runs in 1..5_u64, has_causes: bool) {
        let shape = |disorder| {
            let program = program(seed, runs, has_causes, disorder);
            let records = records(&program.events);
            let tree = call_tree(&records, at_micros(10_000_000));
            let id = |seq: Seq| records[seq.0 as usize - 1].as_event().unwrap().id().to_string();
            let mut calls: Vec<_> = tree
                .calls
                .iter()
                .map(|call| {
                    let parent = call.parent.call().map(|parent| id(tree.calls[parent].request));
                    let mut events: Vec<String> = call.events.iter().map(|attached| id(attached.event)).collect();
                    events.sort();
                    (id(call.request), parent, call.end.as_ref().map(|end| id(end.event)), call.status, events, call.self_nanos)
                })
                .collect();
            calls.sort_by(|a, b| a.0.cmp(&b.0));
            calls
        };
        prop_assert_eq!(shape(0), shape(300));
    }

    /// The critical path is one line from the root's start to its end, and self times fit into it.
    #[test]
    fn the_critical_path_fills_the_root(seed: u64, has_causes: bool) {
        let program = program(seed, 1, has_causes, 0);
        let tree = call_tree(&records(&program.events), at_micros(10_000_000));
        let root = &tree.calls[tree.roots[0]];
        prop_assert_eq!(tree.critical_path.first().map(|step| step.from), Some(root.start));
        prop_assert_eq!(tree.critical_path.last().map(|step| step.until), Some(root.waited_until));
        prop_assert!(tree.critical_path.windows(2).all(|two| two[0].until == two[1].from));
        for call in &tree.calls {
            prop_assert!((0..=call.duration_nanos).contains(&call.self_nanos));
            prop_assert!(call.critical_nanos >= 0);
        }
    }
}
