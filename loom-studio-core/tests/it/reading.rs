//! Questions that take many blocks: answered in turns, by several threads, from segments whose times overlap.

use std::sync::Arc;
use std::time::Duration;

use loom_studio_core::*;

use crate::crash::{batch, open_with, small};
use crate::sim_disk::SimDisk;

const EVENTS: u64 = 500;
const PAGE: usize = 90;

/// An event as the questions see it.
#[derive(Debug, Clone)]
struct Known {
    number: u64,
    micros: u64,
    trace: String,
    kind: &'static str,
}

impl Known {
    /// Times differ, and are in no order: every segment has some of every second.
    fn new(number: u64) -> Self {
        Self {
            number,
            micros: number * 7_919 % EVENTS,
            trace: format!("{:032x}", 0xabc0 + number % 3),
            kind: if number.is_multiple_of(5) { "a" } else { "b" },
        }
    }

    fn text(&self) -> String {
        let Self {
            number,
            micros,
            trace,
            kind,
        } = self;
        let word = if number.is_multiple_of(11) {
            "needle"
        } else {
            "hay"
        };
        format!(
            r#"{{"specversion":"1.0","id":"e{number}","source":"/node/n{}","type":"{kind}","time":"2026-01-01T00:00:00.{micros:06}Z","traceparent":"00-{trace}-00000000000000ff-01","data":"{word}{}"}}"#,
            number % 7,
            "x".repeat(300)
        )
    }
}

type Question = (EventFilter, fn(&Known) -> bool);

fn questions() -> Vec<Question> {
    let exact = |text: &str| Some(Pattern::Exact(text.into()));
    let filter = EventFilter::default;
    // Since 2026-01-01T00:00:00Z.
    let at = |micros: i64| Some(Timestamp::from_micros(1_767_225_600_000_000 + micros));
    let (start, end) = (at(70), at(370));
    vec![
        (filter(), |_| true),
        (
            EventFilter {
                trace: exact(&Known::new(1).trace),
                ..filter()
            },
            |known| known.number % 3 == 1,
        ),
        (
            EventFilter {
                trace: Some(Pattern::Contains("abc2".into())),
                ..filter()
            },
            |known| known.number % 3 == 2,
        ),
        (
            EventFilter {
                kind: exact("a"),
                node: exact("n3"),
                ..filter()
            },
            |known| known.kind == "a" && known.number % 7 == 3,
        ),
        (
            EventFilter {
                time: TimeRange { start, end },
                kind: exact("b"),
                ..filter()
            },
            |known| known.kind == "b" && (70..=370).contains(&known.micros),
        ),
        (
            EventFilter {
                text: Some("needle".into()),
                ..filter()
            },
            |known| known.number.is_multiple_of(11),
        ),
    ]
}

async fn filled(disk: &SimDisk, read_helpers: u8) -> FileStore {
    let options = FileStoreOptions {
        group_delay: Duration::ZERO,
        segment_records: 130,
        segment_bytes: 1 << 20,
        block_bytes: 512,
        cache_bytes: 8 << 10,
        read_helpers,
        ..small()
    };
    let store = open_with(disk, options).unwrap();
    for first in (0..EVENTS).step_by(50) {
        let items: Vec<bytes::Bytes> = (first..first + 50)
            .map(|number| Known::new(number).text().into())
            .collect();
        let appended = store.append(batch(&items)).await.unwrap();
        assert!(appended.rejected.is_empty(), "{appended:?}");
    }
    store
}

/// All pages of a question, one after another.
async fn pages(store: &FileStore, mut query: EventQuery) -> (Vec<String>, Total) {
    let (mut ids, mut total) = (Vec::new(), None);
    loop {
        let page = store.query(&query).await.unwrap();
        total.get_or_insert(page.total);
        ids.extend(page.events.iter().map(|found| found.event.id().to_string()));
        query.cursor = page.next;
        if query.cursor.is_none() {
            return (ids, total.unwrap());
        }
    }
}

async fn check_all(store: &FileStore) {
    let all: Vec<Known> = (0..EVENTS).map(Known::new).collect();
    for (filter, matches) in questions() {
        for order in [
            Order::Seq,
            Order::SeqDescending,
            Order::Time,
            Order::TimeDescending,
        ] {
            let mut expected: Vec<&Known> = all.iter().filter(|known| matches(known)).collect();
            match order {
                Order::Seq => {}
                Order::SeqDescending => expected.reverse(),
                Order::Time => expected.sort_by_key(|known| known.micros),
                Order::TimeDescending => expected.sort_by_key(|known| EVENTS - known.micros),
            }
            let expected: Vec<String> = expected
                .iter()
                .map(|known| format!("e{}", known.number))
                .collect();
            let query = EventQuery {
                filter: filter.clone(),
                order,
                limit: PAGE,
                ..EventQuery::default()
            };
            let (ids, total) = pages(store, query.clone()).await;
            assert_eq!(ids, expected, "{query:?}");
            assert_eq!(total, Total::Exact(expected.len() as u64), "{query:?}");
            if filter.text.is_some() {
                // A scan that stops often finds the same.
                let max_text_bytes = 20_000;
                let (ids, _) = pages(
                    store,
                    EventQuery {
                        max_text_bytes,
                        ..query.clone()
                    },
                )
                .await;
                assert_eq!(ids, expected, "{query:?}");
            }
            let offset = expected.len() / 2;
            let page = store.query(&EventQuery { offset, ..query }).await.unwrap();
            let found = page.events.iter().map(|found| found.event.id().to_string());
            let wanted = expected.iter().skip(offset).take(PAGE);
            assert!(found.eq(wanted.cloned()), "{order:?} {filter:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_turns_answer_like_one_list_whoever_helps() {
    for helpers in [0, 3] {
        let store = Arc::new(filled(&SimDisk::default(), helpers).await);
        let asking = (0..2).map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { check_all(&store).await })
        });
        for asked in futures::future::join_all(asking).await {
            asked.unwrap();
        }
    }
}

#[tokio::test]
async fn a_damaged_block_fails_the_question_and_holds_nobody_up() {
    let disk = SimDisk::default();
    drop(filled(&disk, 0).await);
    let mut contents = disk.contents();
    let (_, log) = contents
        .iter_mut()
        .find(|(name, _)| {
            name.rsplit_once('.')
                .is_some_and(|(_, ending)| ending == "log")
        })
        .unwrap();
    // Within the body of a frame in the middle.
    let middle = log.len() / 2;
    let frame = memchr::memmem::find(&log[middle..], b"LSF1").unwrap() + middle;
    log[frame + 80] ^= 1;
    let options = FileStoreOptions {
        read_helpers: 3,
        ..small()
    };
    let store = open_with(&SimDisk::with(&contents), options).unwrap();
    let all = EventQuery {
        limit: EVENTS as usize,
        ..EventQuery::default()
    };
    for _ in 0..20 {
        let error = store.query(&all).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    }
    let newest = EventQuery {
        order: Order::SeqDescending,
        ..EventQuery::default()
    };
    assert_eq!(store.query(&newest).await.unwrap().events.len(), 100);
}
