//! The queue against a naive model: a list of everything held.

use proptest::prelude::*;

use super::*;

const MAX_ENTRIES: usize = 12;
const MAX_BYTES: usize = 300;
const BATCH_ENTRIES: usize = 4;
const BATCH_BYTES: usize = 90;

#[derive(Debug, Clone)]
enum Step {
    Event(usize),
    Observation(usize),
    CloseOpen,
    Take,
    /// Of one of those taken.
    Settle(usize),
    Recycle,
    ServerTakes(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..120_usize).prop_map(Step::Event),
        3 => (0..60_usize).prop_map(Step::Observation),
        1 => Just(Step::CloseOpen),
        3 => Just(Step::Take),
        3 => (0..4_usize).prop_map(Step::Settle),
        1 => Just(Step::Recycle),
        1 => (20..200_usize).prop_map(Step::ServerTakes),
    ];
    prop::collection::vec(step, 0..80)
}

/// What was accepted and isn't settled, in the order of pushing, with the batch it went into once that is known.
#[derive(Default)]
struct Model {
    held: Vec<(Kind, Vec<u8>, Option<u64>)>,
    max_entry: usize,
    last_id: u64,
    refused: u64,
}

impl Model {
    fn push(&mut self, kind: Kind, json: &[u8]) -> Result<(), Refused> {
        let bytes: usize = self.held.iter().map(|(_, json, _)| json.len() + 1).sum();
        let result = if json.len() > self.max_entry || json.len() >= MAX_BYTES {
            Err(Refused::TooLarge)
        } else if self.held.len() >= MAX_ENTRIES || bytes + json.len() + 1 > MAX_BYTES {
            Err(Refused::Full)
        } else {
            self.held.push((kind, json.to_vec(), None));
            Ok(())
        };
        self.refused += u64::from(result.is_err());
        result
    }

    /// The batch takes the oldest that are in none.
    fn closed(&mut self, batch: &Batch) {
        let free = self.held.iter_mut().filter(|(_, _, batch)| batch.is_none());
        let mut mine: Vec<_> = free.take(batch.len()).collect();
        for (_, _, id) in &mut mine {
            *id = Some(batch.id);
        }
        let of = |wanted: Kind| -> Vec<Vec<u8>> {
            let matching = mine.iter().filter(|(kind, ..)| *kind == wanted);
            matching.map(|(_, json, _)| json.clone()).collect()
        };
        let (events, observations) = (of(Kind::Event), of(Kind::Observation));
        assert!(batch.events.iter().eq(events.iter().map(Vec::as_slice)));
        assert!(
            batch
                .observations
                .iter()
                .eq(observations.iter().map(Vec::as_slice))
        );
        assert!(batch.len() <= BATCH_ENTRIES && !batch.is_empty());
        assert!(batch.bytes() <= BATCH_BYTES || batch.len() == 1);
        assert!(batch.id > self.last_id);
        self.last_id = batch.id;
    }
}

fn json(padding: usize, number: usize) -> Vec<u8> {
    format!("{{\"n\":{number},\"p\":\"{}\"}}", "x".repeat(padding)).into_bytes()
}

proptest! {
    #[test]
    fn the_queue_is_a_list_with_bounds(steps in steps()) {
        let mut queue = Queue::new(&SenderConfig {
            max_queued_events: MAX_ENTRIES,
            max_queued_bytes: MAX_BYTES,
            batch_events: BATCH_ENTRIES,
            batch_bytes: BATCH_BYTES,
            ..SenderConfig::default()
        });
        let mut model = Model { max_entry: usize::MAX, ..Model::default() };
        let mut taken: Vec<Batch> = Vec::new();
        let mut done: Vec<Batch> = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Event(padding) => {
                    let json = json(padding, number);
                    let accepted = queue.push(Kind::Event, &json).map(drop);
                    prop_assert_eq!(accepted, model.push(Kind::Event, &json));
                }
                Step::Observation(padding) => {
                    let json = json(padding, number);
                    let accepted = queue.push(Kind::Observation, &json).map(drop);
                    prop_assert_eq!(accepted, model.push(Kind::Observation, &json));
                }
                Step::CloseOpen => {
                    queue.close_open();
                    prop_assert!(queue.has_nothing_open());
                }
                Step::Take => {
                    if let Some(batch) = queue.take() {
                        model.closed(&batch);
                        taken.push(batch);
                    }
                }
                Step::Settle(index) if index < taken.len() => {
                    let batch = taken.remove(index);
                    queue.settle(Settled::of(&batch));
                    model.held.retain(|(_, _, id)| *id != Some(batch.id));
                    done.push(batch);
                }
                Step::Recycle => done.drain(..).for_each(|batch| queue.recycle(batch)),
                Step::ServerTakes(bytes) => {
                    queue.max_entry_bytes = bytes;
                    model.max_entry = bytes;
                }
                Step::Settle(_) => {}
            }
            let of = |wanted: Kind| model.held.iter().filter(|(kind, ..)| *kind == wanted).count();
            prop_assert_eq!(queue.stats.queued_events as usize, of(Kind::Event));
            prop_assert_eq!(queue.stats.queued_observations as usize, of(Kind::Observation));
            let bytes: usize = model.held.iter().map(|(_, json, _)| json.len() + 1).sum();
            prop_assert_eq!(queue.stats.queued_bytes as usize, bytes);
            prop_assert_eq!(queue.stats.dropped_full + queue.stats.dropped_too_large, model.refused);
            prop_assert_eq!(queue.is_empty(), model.held.is_empty());
            for id in 1..=model.last_id {
                let held = model.held.iter().any(|(_, _, batch)| batch.is_some_and(|batch| batch <= id));
                prop_assert_eq!(queue.is_settled(id), !held, "batch {}", id);
            }
        }
    }
}

fn queue(session: &str) -> Queue {
    Queue::new(&SenderConfig {
        session: session.to_owned(),
        ..SenderConfig::default()
    })
}

#[test]
fn the_thread_is_woken_only_for_what_it_waits_for() {
    let mut queue = queue("");
    let full = SenderConfig::default().batch_events;
    for _ in 0..3 * full {
        assert_eq!(queue.push(Kind::Event, b"{}"), Ok(false), "it is busy");
    }
    queue.interest = Interest::Anything;
    assert_eq!(queue.push(Kind::Event, b"{}"), Ok(true));
    assert_eq!(queue.push(Kind::Event, b"{}"), Ok(false), "once is enough");
    queue.interest = Interest::FullBatch;
    for pushed in 3..=full {
        assert_eq!(queue.push(Kind::Event, b"{}"), Ok(pushed == full));
    }
}

#[test]
fn a_small_batch_does_not_keep_the_memory_of_a_full_one() {
    let mut queue = queue("");
    let text = vec![b' '; 100];
    for _ in 0..50 {
        queue
            .push(Kind::Event, &[b"{", &*text, b"}"].concat())
            .unwrap();
        queue.close_open();
        let batch = queue.take().unwrap();
        assert!(
            batch.capacity() <= 2 * batch.bytes(),
            "{}",
            batch.capacity()
        );
    }
}
