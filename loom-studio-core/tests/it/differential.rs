//! The same histories and questions to the file store and to SQLite.

use std::time::Duration;

use loom_studio_core::*;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::crash::{open, runtime};
use crate::sim_disk::{Dice, SimDisk};

const WORKSPACES: [&str; 2] = ["w1", "w2"];
const NODES: [&str; 4] = ["/node/a", "/node/b", "/node/ab", "/other/c"];
const KINDS: [&str; 3] = ["agent.thought", "agent.act", "note"];
const WORDS: [&str; 4] = ["alpha", "思考", "be%ta", "gam_ma"];
const START_SECONDS: i64 = 1_767_323_045;

const SCHEMA: &str = "create table events (
    seq integer primary key, workspace text, id text, source text, node_to text, kind text, session text, time integer, request text, raw text,
    unique (workspace, source, id))";

/// An event made by chance, as text and as a row.
struct Sample {
    raw: String,
    row: Vec<Value>,
}

fn pick<'a>(dice: &mut Dice, from: &[&'a str]) -> &'a str {
    from[dice.below(from.len() as u64) as usize]
}

fn sample(dice: &mut Dice, workspace: &str) -> Sample {
    let id = format!("e{}", dice.below(150));
    let (source, kind) = (pick(dice, &NODES), pick(dice, &KINDS));
    let to = (dice.below(3) == 0).then(|| pick(dice, &NODES));
    let session = format!("s{}", dice.below(4));
    let second = START_SECONDS + dice.below(40).cast_signed();
    let time = Timestamp::from_micros(second * 1_000_000);
    let request = (dice.below(2) == 0).then(|| format!("q{}", dice.below(9)));
    let word = pick(dice, &WORDS);
    let subject = to.map_or(String::new(), |to| format!(r#","subject":"{to}""#));
    let request_member = request.as_ref().map_or(String::new(), |request| {
        format!(r#","request_id":"{request}""#)
    });
    let raw = format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"{source}","type":"{kind}","studiosession":"{session}","time":"{time}"{subject},"data":{{"text":"{word} {}"{request_member}}}}}"#,
        dice.below(20)
    );
    let optional =
        |text: Option<&str>| text.map_or(Value::Null, |text| Value::Text(text.to_owned()));
    let text = |text: &str| Value::Text(text.to_owned());
    let row = vec![
        text(workspace),
        text(&id),
        text(source),
        optional(to),
        text(kind),
        text(&session),
        Value::Integer(time.as_nanos()),
        optional(request.as_deref()),
        text(&raw),
    ];
    Sample { raw, row }
}

/// A condition in both languages.
struct Question {
    filter: EventFilter,
    sql: String,
    values: Vec<Value>,
}

impl Question {
    fn and(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(" and ");
        self.sql.push_str(sql);
        self.values.extend(values);
    }

    /// A pattern on columns of which one must fit.
    fn pattern(&mut self, dice: &mut Dice, columns: &[&str], values: &[&str]) -> Pattern {
        let whole = pick(dice, values);
        let cut = &whole[..2 + dice.below(whole.len() as u64 - 2) as usize];
        let (pattern, condition) = match dice.below(3) {
            0 => (Pattern::Exact(whole.to_owned()), "{} = ?"),
            1 => (Pattern::Prefix(cut.to_owned()), "instr({}, ?) = 1"),
            _ => (Pattern::Contains(cut[1..].to_owned()), "instr({}, ?) > 0"),
        };
        let (Pattern::Exact(text) | Pattern::Prefix(text) | Pattern::Contains(text)) = &pattern;
        let any_of: Vec<String> = columns
            .iter()
            .map(|column| condition.replace("{}", column))
            .collect();
        let values = columns.iter().map(|_| Value::Text(text.clone()));
        self.and(&format!("({})", any_of.join(" or ")), values);
        pattern
    }
}

fn question(dice: &mut Dice) -> Question {
    let mut asked = Question {
        filter: EventFilter::default(),
        sql: "true".to_owned(),
        values: Vec::new(),
    };
    let text = |text: &str| [Value::Text(text.to_owned())];
    if dice.below(2) == 0 {
        let workspace = pick(dice, &WORKSPACES);
        asked.filter.workspace = Some(workspace.into());
        asked.and("workspace = ?", text(workspace));
    }
    if dice.below(4) == 0 {
        asked.filter.kind = Some(asked.pattern(dice, &["kind"], &KINDS));
    }
    if dice.below(4) == 0 {
        asked.filter.node = Some(asked.pattern(dice, &["source", "node_to"], &NODES));
    }
    if dice.below(5) == 0 {
        let session = format!("s{}", dice.below(5));
        asked.and("session = ?", text(&session));
        asked.filter.session = Some(Pattern::Exact(session));
    }
    if dice.below(5) == 0 {
        let id = format!("e{}", dice.below(170));
        asked.and("id = ?", text(&id));
        asked.filter.id = Some(id);
    }
    if dice.below(5) == 0 {
        let request = format!("q{}", dice.below(10));
        asked.and("request = ?", text(&request));
        asked.filter.request_id = Some(request);
    }
    if dice.below(4) == 0 {
        let word = pick(dice, &WORDS);
        asked.and("instr(raw, ?) > 0", text(word));
        asked.filter.text = Some(word.to_owned());
    }
    if dice.below(3) == 0 {
        let nanos = (START_SECONDS + dice.below(40).cast_signed()) * 1_000_000_000;
        asked.filter.time.start = Some(Timestamp::from_nanos(nanos));
        asked.and("time >= ?", [Value::Integer(nanos)]);
        if dice.below(2) == 0 {
            let end = nanos + dice.below(15).cast_signed() * 1_000_000_000;
            asked.filter.time.end = Some(Timestamp::from_nanos(end));
            asked.and("time <= ?", [Value::Integer(end)]);
        }
    }
    asked
}

/// All pages of an answer.
async fn answer(
    store: &FileStore,
    filter: &EventFilter,
    order: Order,
    limit: usize,
) -> (Vec<u64>, u64) {
    let mut query = EventQuery {
        filter: filter.clone(),
        order,
        limit,
        ..EventQuery::default()
    };
    let mut seqs = Vec::new();
    let mut total = None;
    loop {
        let page = store.query(&query).await.unwrap();
        let Total::Exact(count) = page.total else {
            panic!("nothing here is too long to be counted")
        };
        total.get_or_insert(count);
        seqs.extend(page.events.iter().map(|found| found.event.seq().0));
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return (seqs, total.unwrap()),
        }
    }
}

async fn compare(seed: u64) {
    let mut dice = Dice::new(seed);
    let disk = SimDisk::default();
    let mut store = open(&disk).unwrap();
    let sql = Connection::open_in_memory().unwrap();
    sql.execute(SCHEMA, []).unwrap();
    let insert = "insert or ignore into events values ((select coalesce(max(seq), 0) + 1 from events), ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    for _ in 0..6 {
        for _ in 0..dice.below(8) {
            let workspace = pick(&mut dice, &WORKSPACES);
            let samples: Vec<Sample> = (0..=dice.below(12))
                .map(|_| sample(&mut dice, workspace))
                .collect();
            let items = samples
                .iter()
                .map(|sample| Incoming::Event(sample.raw.clone().into()));
            let appended = store.append(AppendBatch {
                workspace: workspace.into(),
                session: "none".into(),
                items: items.collect(),
            });
            let appended = appended.await.unwrap();
            let mut added = 0;
            for sample in &samples {
                added += sql.execute(insert, params_from_iter(&sample.row)).unwrap() as u64;
            }
            assert_eq!((appended.added(), appended.rejected.len()), (added, 0));
            assert_eq!(appended.duplicates, samples.len() as u64 - added);
        }
        if dice.below(3) == 0 {
            drop(store);
            store = open(&disk).unwrap();
        }
        for _ in 0..12 {
            let asked = question(&mut dice);
            let (order, by) = [
                (Order::Seq, "seq"),
                (Order::SeqDescending, "seq desc"),
                (Order::Time, "time, seq"),
                (Order::TimeDescending, "time desc, seq desc"),
            ][dice.below(4) as usize];
            let text = format!("select seq from events where {} order by {by}", asked.sql);
            let mut statement = sql.prepare(&text).unwrap();
            let rows = statement.query_map(params_from_iter(&asked.values), |row| row.get(0));
            let expected: Vec<u64> = rows
                .unwrap()
                .map(|seq| seq.map(|seq: i64| seq as u64).unwrap())
                .collect();
            let limit = 1 + dice.below(60) as usize;
            let (found, total) = answer(&store, &asked.filter, order, limit).await;
            assert_eq!(found, expected, "seed {seed}: {text} {:?}", asked.values);
            assert_eq!(total, expected.len() as u64, "seed {seed}: {text}");
        }
    }
}

#[test]
fn sqlite_gives_the_same_answers() {
    let seed = RandomIds.next_id();
    runtime().block_on(async {
        for round in 0..25 {
            let compared = compare(seed.wrapping_add(round));
            tokio::time::timeout(Duration::from_mins(1), compared)
                .await
                .expect("an answer comes");
        }
    });
}
