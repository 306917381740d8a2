//! `loom-studio query`.

use std::sync::Arc;

use loom_studio_core::{
    Condition, ConditionError, DEFAULT_MAX_SCANNED, EventFilter, EventQuery, EventStore, NodeId,
    Order, search,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::args::QueryArgs;
use super::remote::Remote;
use super::runs::{DEFAULT_WORKSPACE, read, server};
use super::store::existing_directory;
use super::terminal::{Cell, clean_json, has_colours, print, table};
use super::transfer::{open, report};
use super::tree::short;
use crate::routes::events::page_json;
use crate::routes::filter;

/// Events asked for at once.
const PAGE: usize = 1000;

/// Where the events come from.
enum Source {
    Local(Arc<dyn EventStore>),
    Server(Remote),
}

/// As much of a page as is read here.
#[derive(Deserialize)]
struct Page {
    events: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

/// As much of an event as a row shows.
#[derive(Deserialize)]
struct Shown {
    studioseq: u64,
    #[serde(default)]
    time: Option<String>,
    studioreceived: String,
    #[serde(rename = "type")]
    kind: String,
    source: String,
    #[serde(default)]
    subject: Option<serde_json::Value>,
    id: String,
}

/// `loom-studio query`.
pub(super) async fn query(args: QueryArgs) -> Result<(), String> {
    let condition = condition(&args.condition)?;
    let source = match server(&args.place)? {
        Some(remote) => Source::Server(remote),
        None => Source::Local(open(&existing_directory(args.place.store.clone())?)?),
    };
    let (mut rows, mut cursor, mut left) = (Vec::new(), None, args.limit as usize);
    loop {
        let json = page(&args, &source, &condition, left.min(PAGE), cursor).await?;
        let page: Page = read(&json)?;
        left = left.saturating_sub(page.events.len());
        let mut lines = String::new();
        for event in &page.events {
            if args.json {
                lines.push_str(&clean_json(event.get()));
                lines.push('\n');
            } else {
                rows.push(row(&read(event.get().as_bytes())?));
            }
        }
        print(&lines)?;
        cursor = page.next_cursor;
        if left == 0 || cursor.is_none() {
            break;
        }
    }
    if !args.json {
        let head = ["seq", "time", "type", "source", "target", "id"];
        print(&table(&head, &rows, has_colours()))?;
    }
    if cursor.is_some() {
        report("there may be more; --limit shows them")?;
    }
    Ok(())
}

/// The condition; an error points at the place in it.
fn condition(text: &str) -> Result<Condition, String> {
    let point = |error: ConditionError| {
        let (text, place) = (
            text.replace(char::is_control, " "),
            error.utf16_position(text),
        );
        let is_before = |width: &mut usize, character: char| {
            *width += character.len_utf16();
            Some(*width)
        };
        let before = text.chars().scan(0, is_before);
        let column = before.take_while(|end| *end <= place).count();
        format!("{error}\n  {text}\n  {:column$}^", "")
    };
    match filter::condition(Some(text)) {
        Ok(Some(condition)) => Ok(condition),
        Ok(None) => Err("the condition is empty".to_owned()),
        Err(refused) => match Condition::parse(text) {
            Err(error) => Err(point(error)),
            Ok(_) => Err(refused.detail().to_owned()),
        },
    }
}

async fn page(
    args: &QueryArgs,
    source: &Source,
    condition: &Condition,
    limit: usize,
    cursor: Option<String>,
) -> Result<Vec<u8>, String> {
    match source {
        Source::Server(remote) => {
            let limit = limit.to_string();
            let query = [
                ("workspace", args.workspace.as_deref()),
                ("where", Some(&*args.condition)),
                ("order", Some(&*args.order)),
                ("limit", Some(&*limit)),
                ("cursor", cursor.as_deref()),
            ];
            Ok(remote.get("/api/events", &query).await?.to_vec())
        }
        Source::Local(store) => {
            let workspace = args.workspace.as_deref().unwrap_or(DEFAULT_WORKSPACE);
            let question = EventQuery {
                filter: EventFilter::workspace(workspace),
                order: args
                    .order
                    .parse::<Order>()
                    .map_err(|error| error.to_string())?,
                limit,
                cursor: cursor.and_then(|cursor| cursor.parse().ok()),
                ..EventQuery::default()
            };
            let found = search(&**store, &question, condition, &(), DEFAULT_MAX_SCANNED).await;
            let found = found.map_err(|error| error.to_string())?;
            Ok(page_json(&found.page, Some(found.scanned)))
        }
    }
}

fn row(event: &Shown) -> Vec<Cell> {
    let target = event.subject.as_ref().and_then(serde_json::Value::as_str);
    let node = |address: &str| short(NodeId::new(address).as_str()).to_owned();
    vec![
        Cell::number(&event.studioseq),
        Cell::text(event.time.as_deref().unwrap_or(&event.studioreceived)),
        Cell::text(&event.kind),
        Cell::text(&node(&event.source)),
        Cell::text(&target.map_or_else(String::new, node)),
        Cell::text(&event.id),
    ]
}
