//! Replay sessions: index rules, the state to show, breakpoints, bounds.

use std::sync::Arc;
use std::time::Duration;

use loom_studio_core::conformance::start;
use loom_studio_core::*;

use crate::crash::runtime;

/// An event at so many milliseconds after the start.
fn event(id: &str, kind: &str, millis: u64, tokens: u64) -> Incoming {
    let time = start().saturating_add(Duration::from_millis(millis));
    let json = format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"/node/agent/a","type":"{kind}","time":"{time}","data":{{"tokens":{tokens}}}}}"#
    );
    Incoming::Event(json.into())
}

struct Fixture {
    engine: LogReplay,
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
}

/// Arrival order is not time order: `late` happened second and arrived last.
async fn fixture(options: ReplayOptions) -> Fixture {
    let clock = Arc::new(ManualClock::new(
        start().saturating_add(Duration::from_mins(1)),
    ));
    let store = Arc::new(MemoryStore::new(
        MemoryStoreOptions::default(),
        Arc::clone(&clock) as Arc<dyn Clock>,
        &SequentialIds::new(1),
    ));
    let items = vec![
        event("first", "node.request", 0, 1),
        event("third", "agent.thought", 20, 2000),
        event("fourth", "node.response", 30, 3),
        event("late", "agent.thought", 10, 4),
    ];
    append(&store, items).await;
    let engine = LogReplay::new(
        Arc::clone(&store) as Arc<dyn EventStore>,
        Arc::clone(&clock) as Arc<dyn Clock>,
        Arc::new(SequentialIds::new(7)),
        options,
    );
    Fixture {
        engine,
        store,
        clock,
    }
}

async fn append(store: &MemoryStore, items: Vec<Incoming>) {
    let batch = AppendBatch {
        workspace: "default".into(),
        session: "s".into(),
        items,
    };
    let appended = store.append(batch).await.unwrap();
    assert_eq!(appended.rejected, []);
}

type Passed = (String, usize, usize);

fn id_of(step: Option<&ReplayStep>) -> Option<Passed> {
    step.map(|step| (step.event.event.id().to_string(), step.index, step.total))
}

fn at(id: &str, index: usize) -> Passed {
    (id.to_owned(), index, 4)
}

fn condition(text: &str) -> Condition {
    Condition::parse(text).unwrap()
}

fn breakpoint(id: &str, text: &str) -> Breakpoint {
    Breakpoint {
        id: id.into(),
        condition: condition(text),
    }
}

#[test]
fn steps_follow_time_and_return_what_they_pass() {
    runtime().block_on(async {
        let Fixture { engine, store, .. } = fixture(ReplayOptions::default()).await;
        let id = engine.create(ReplayScope::default()).await.unwrap();
        append(&store, vec![event("after", "node.request", 5, 1)]).await;
        let (forward, backward) = (Direction::Forward, Direction::Backward);
        assert_eq!(
            id_of(engine.step(&id, backward).await.unwrap().as_ref()),
            None
        );
        for (name, index) in [("first", 1), ("late", 2), ("third", 3), ("fourth", 4)] {
            assert_eq!(
                id_of(engine.step(&id, forward).await.unwrap().as_ref()),
                Some(at(name, index))
            );
        }
        assert_eq!(
            id_of(engine.step(&id, forward).await.unwrap().as_ref()),
            None
        );
        assert_eq!(engine.session(&id).await.unwrap().index, 4);
        assert_eq!(
            id_of(engine.step(&id, backward).await.unwrap().as_ref()),
            Some(at("fourth", 3))
        );
        assert_eq!(
            id_of(engine.step(&id, backward).await.unwrap().as_ref()),
            Some(at("third", 2))
        );
        assert_eq!(
            id_of(engine.jump(&id, 1).await.unwrap().as_ref()),
            Some(at("late", 1))
        );
        assert_eq!(
            id_of(engine.step(&id, forward).await.unwrap().as_ref()),
            Some(at("late", 2))
        );
        assert_eq!(id_of(engine.jump(&id, 4).await.unwrap().as_ref()), None);
        assert_eq!(engine.session(&id).await.unwrap().index, 2);
    });
}

#[test]
fn the_state_is_that_at_the_greatest_position_passed() {
    runtime().block_on(async {
        let Fixture { engine, .. } = fixture(ReplayOptions::default()).await;
        let id = engine.create(ReplayScope::default()).await.unwrap();
        let mut states = Vec::new();
        for index in 0..=4 {
            let state = engine.state_at(&id, index).await.unwrap().unwrap();
            states.push((
                state.state_at.0,
                state.time.is_some(),
                state.next_time.is_some(),
            ));
        }
        // `late` has the fourth position, and all that arrived before it is shown with it.
        let expected = [
            (0, false, true),
            (1, true, true),
            (4, true, true),
            (4, true, true),
            (4, true, false),
        ];
        assert_eq!(states, expected);
        assert_eq!(engine.state_at(&id, 5).await.unwrap(), None);
        assert_eq!(engine.range(&id).unwrap(), Some((Seq(0), Seq(4))));
        let moment = |millis| Moment::Time(start().saturating_add(Duration::from_millis(millis)));
        for (moment, index) in [
            (moment(0), 0),
            (moment(1), 1),
            (moment(20), 2),
            (moment(31), 4),
            (Moment::Seq(Seq(3)), 3),
            (Moment::Seq(Seq(4)), 1),
            (Moment::Seq(Seq(9)), 4),
        ] {
            assert_eq!(engine.find(&id, moment).await.unwrap(), index, "{moment:?}");
        }
    });
}

#[test]
fn a_run_begins_in_the_world_of_its_time() {
    runtime().block_on(async {
        let Fixture { engine, .. } = fixture(ReplayOptions::default()).await;
        let thoughts = EventFilter {
            kind: Some(Pattern::Exact("agent.thought".to_owned())),
            ..EventFilter::default()
        };
        let scope = ReplayScope {
            filter: thoughts,
            ..ReplayScope::default()
        };
        let id = engine.create(scope).await.unwrap();
        // `late`, the first in time, has the position 4.
        assert_eq!(engine.session(&id).await.unwrap().state_at, Seq(3));
        assert_eq!(engine.range(&id).unwrap(), Some((Seq(1), Seq(4))));
        let nothing = ReplayScope {
            members: Some(Vec::new()),
            ..ReplayScope::default()
        };
        let id = engine.create(nothing).await.unwrap();
        assert_eq!(engine.session(&id).await.unwrap().state_at, Seq::ZERO);
    });
}

#[test]
fn a_scope_is_a_filter_a_condition_and_members() {
    runtime().block_on(async {
        let Fixture { engine, .. } = fixture(ReplayOptions::default()).await;
        let ids = async |scope: ReplayScope| {
            let id = engine.create(scope).await.unwrap();
            let mut ids = Vec::new();
            while let Some(step) = engine.step(&id, Direction::Forward).await.unwrap() {
                ids.push(step.event.event.id().to_string());
            }
            ids
        };
        let thoughts = EventFilter {
            kind: Some(Pattern::Exact("agent.thought".to_owned())),
            ..EventFilter::default()
        };
        let scope = ReplayScope {
            filter: thoughts.clone(),
            ..ReplayScope::default()
        };
        assert_eq!(ids(scope).await, ["late", "third"]);
        let scope = ReplayScope {
            condition: Some(condition("data.tokens >= 3")),
            ..ReplayScope::default()
        };
        assert_eq!(ids(scope).await, ["late", "third", "fourth"]);
        let scope = ReplayScope {
            filter: thoughts,
            members: Some(vec![Seq(4), Seq(1), Seq(4)]),
            ..ReplayScope::default()
        };
        assert_eq!(ids(scope).await, ["late"]);
        let by_duration = ReplayScope {
            condition: Some(condition("duration > 2s")),
            ..ReplayScope::default()
        };
        let error = engine.create(by_duration).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
    });
}

#[test]
fn a_run_stops_at_the_next_breakpoint_in_its_direction() {
    runtime().block_on(async {
        let Fixture { engine, .. } = fixture(ReplayOptions::default()).await;
        let id = engine.create(ReplayScope::default()).await.unwrap();
        let (forward, backward) = (Direction::Forward, Direction::Backward);
        assert_eq!(
            id_of(engine.run(&id, forward).await.unwrap().as_ref()),
            None
        );
        let mut breakpoints: Vec<Breakpoint> = (0..9_998)
            .map(|number| breakpoint(&format!("b{number}"), &format!("type = never.{number}")))
            .collect();
        breakpoints.push(breakpoint("big", "data.tokens > 1000"));
        breakpoints.push(breakpoint("reply", "type = node.response"));
        engine
            .set_breakpoints(&id, breakpoints.clone())
            .await
            .unwrap();
        assert_eq!(engine.breakpoints(&id).await.unwrap(), breakpoints);
        let hit = engine.run(&id, forward).await.unwrap();
        assert_eq!(id_of(hit.as_ref()), Some(at("third", 3)));
        assert_eq!(hit.unwrap().breakpoint.as_deref(), Some("big"));
        let hit = engine.run(&id, forward).await.unwrap();
        assert_eq!(id_of(hit.as_ref()), Some(at("fourth", 4)));
        assert_eq!(hit.unwrap().breakpoint.as_deref(), Some("reply"));
        assert_eq!(
            id_of(engine.run(&id, forward).await.unwrap().as_ref()),
            None
        );
        assert_eq!(engine.session(&id).await.unwrap().index, 4);
        assert_eq!(
            id_of(engine.run(&id, backward).await.unwrap().as_ref()),
            Some(at("fourth", 3))
        );
        assert_eq!(
            id_of(engine.run(&id, backward).await.unwrap().as_ref()),
            Some(at("third", 2))
        );
        assert_eq!(
            id_of(engine.run(&id, backward).await.unwrap().as_ref()),
            None
        );
        assert_eq!(engine.session(&id).await.unwrap().index, 2);
        // A step tells of them too.
        engine.jump(&id, 2).await.unwrap();
        let step = engine.step(&id, forward).await.unwrap().unwrap();
        assert_eq!(step.breakpoint.as_deref(), Some("big"));
        breakpoints.push(breakpoint("one more", "type = x"));
        let error = engine.set_breakpoints(&id, breakpoints).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        let patterns = |count: usize| {
            let many =
                (0..count).map(|number| breakpoint(&number.to_string(), "type matches /a+/"));
            many.collect::<Vec<_>>()
        };
        engine.set_breakpoints(&id, patterns(64)).await.unwrap();
        let error = engine.set_breakpoints(&id, patterns(65)).await.unwrap_err();
        assert!(
            error.to_string().contains("64 regular expressions"),
            "{error}"
        );
    });
}

#[test]
fn sessions_expire_and_make_room() {
    runtime().block_on(async {
        let options = ReplayOptions {
            max_sessions: 2,
            max_events: 4,
            max_events_in_all: 8,
            ..ReplayOptions::default()
        };
        let Fixture {
            engine,
            store,
            clock,
        } = fixture(options).await;
        let create = async || engine.create(ReplayScope::default()).await;
        let first = create().await.unwrap();
        let second = create().await.unwrap();
        assert_ne!(first, second);
        assert_eq!(create().await.unwrap_err().kind(), ErrorKind::Full);
        clock.advance(Duration::from_secs(61));
        engine.session(&second).await.unwrap();
        // The one that was not used makes room.
        let third = create().await.unwrap();
        let gone = engine.session(&first).await.unwrap_err();
        assert_eq!(gone.kind(), ErrorKind::Invalid);
        assert!(gone.to_string().contains("no replay session"), "{gone}");
        engine.delete(&third).await.unwrap();
        engine.delete(&third).await.unwrap();
        clock.advance(Duration::from_mins(29));
        // Asking whether it is there doesn't prolong it.
        assert!(engine.contains(&second) && !engine.contains(&third));
        clock.advance(Duration::from_mins(1));
        assert!(!engine.contains(&second));
        assert!(engine.session(&second).await.is_err());
        append(&store, vec![event("fifth", "node.request", 40, 1)]).await;
        let error = create().await.unwrap_err();
        assert!(error.to_string().contains("more than 4 events"), "{error}");
    });
}

fn of_workspace(workspace: &str) -> ReplayScope {
    ReplayScope {
        filter: EventFilter::workspace(workspace),
        ..ReplayScope::default()
    }
}

#[test]
fn no_workspace_takes_what_another_uses() {
    runtime().block_on(async {
        let options = ReplayOptions {
            max_sessions: 3,
            max_sessions_of_one: 2,
            ..ReplayOptions::default()
        };
        let Fixture { engine, clock, .. } = fixture(options).await;
        let create = async |workspace| engine.create(of_workspace(workspace)).await;
        let ours = create("ours").await.unwrap();
        let watched = create("ours").await.unwrap();
        let hold = engine.hold(&watched).unwrap();
        // Two are all that one workspace has, however much room there is.
        assert_eq!(create("ours").await.unwrap_err().kind(), ErrorKind::Full);
        let theirs = create("theirs").await.unwrap();
        clock.advance(Duration::from_mins(2));
        // Their own makes room before ours does.
        let again = create("theirs").await.unwrap();
        assert!(!engine.contains(&theirs) && engine.contains(&ours));
        // Ours were not used for two minutes, which is too short for others.
        assert_eq!(create("third").await.unwrap_err().kind(), ErrorKind::Full);
        clock.advance(Duration::from_mins(9));
        engine.session(&again).await.unwrap();
        create("third").await.unwrap();
        assert!(!engine.contains(&ours) && engine.contains(&watched));
        // Held, it doesn't expire; let go, it does in time.
        clock.advance(Duration::from_hours(5));
        assert!(engine.contains(&watched) && !engine.contains(&again));
        drop(hold);
        clock.advance(Duration::from_mins(29));
        assert!(engine.contains(&watched));
        clock.advance(Duration::from_mins(1));
        assert!(!engine.contains(&watched) && engine.hold(&watched).is_err());
    });
}

#[test]
fn regular_expressions_are_bounded_over_all_sessions() {
    runtime().block_on(async {
        let options = ReplayOptions {
            max_patterns: 3,
            max_patterns_in_all: 4,
            ..ReplayOptions::default()
        };
        let Fixture { engine, .. } = fixture(options).await;
        let one = engine.create(ReplayScope::default()).await.unwrap();
        let other = engine.create(ReplayScope::default()).await.unwrap();
        let patterns = |count: usize| -> Vec<Breakpoint> {
            let each = |n| breakpoint(&format!("b{n}"), &format!("type matches /a{n}/"));
            (0..count).map(each).collect()
        };
        let set = async |id, count| engine.set_breakpoints(id, patterns(count)).await;
        set(&one, 3).await.unwrap();
        assert_eq!(set(&other, 4).await.unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(set(&other, 2).await.unwrap_err().kind(), ErrorKind::Full);
        assert_eq!(engine.breakpoints(&other).await.unwrap(), []);
        // A session's own give way to its new ones, and those of an ended one to others'.
        set(&one, 3).await.unwrap();
        set(&other, 1).await.unwrap();
        engine.delete(&one).await.unwrap();
        set(&other, 3).await.unwrap();
    });
}

#[test]
fn what_retention_deleted_is_gone_and_the_rest_goes_on() {
    runtime().block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(
            start().saturating_add(Duration::from_mins(1)),
        ));
        let options = FileStoreOptions {
            segment_records: 2,
            group_delay: Duration::ZERO,
            ..FileStoreOptions::default()
        };
        let store = FileStore::open(
            directory.path(),
            options,
            Arc::clone(&clock) as Arc<dyn Clock>,
            &SequentialIds::new(1),
        );
        let store = Arc::new(store.unwrap());
        for number in 0..3_u64 {
            let items = (0..2)
                .map(|place| {
                    let number = number * 2 + place;
                    event(&format!("e{number}"), "node.request", number, 1)
                })
                .collect();
            let batch = AppendBatch {
                workspace: "default".into(),
                session: "s".into(),
                items,
            };
            store.append(batch).await.unwrap();
            clock.advance(Duration::from_secs(10));
        }
        let engine = LogReplay::new(
            Arc::clone(&store) as Arc<dyn EventStore>,
            clock,
            Arc::new(SequentialIds::new(7)),
            ReplayOptions::default(),
        );
        let id = engine.create(ReplayScope::default()).await.unwrap();
        let policy = RetainPolicy {
            max_age: Some(Duration::from_secs(25)),
            max_bytes: None,
        };
        let retained = store.retain(&policy).await.unwrap();
        assert_eq!(retained.first_seq, Seq(3));
        let error = engine.step(&id, Direction::Forward).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Gone);
        assert_eq!(engine.session(&id).await.unwrap().index, 0);
        let everything = vec![breakpoint("any", "type = *")];
        engine.set_breakpoints(&id, everything).await.unwrap();
        let hit = engine.run(&id, Direction::Forward).await.unwrap().unwrap();
        assert_eq!((hit.event.event.seq(), hit.index), (Seq(3), 3));
    });
}
