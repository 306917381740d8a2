//! `loom-studio runs` and `loom-studio show`.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use loom_studio_core::{
    Clock as _, DirCheckpoints, EventFilter, EventStore, History, HistoryOptions, Pattern,
    Projection as _, RunList, SystemClock,
};

use super::args::{PlaceArgs, RunsArgs, ShowArgs};
use super::remote::Remote;
use super::store::{CHECKPOINTS, existing_directory};
use super::terminal::{Cell, Tone, clean_json, duration, has_colours, print, table};
use super::transfer::open;
use super::tree::{self, short, tokens};
use crate::dear::Dear;
use crate::dto::runs::{Part, RunDetail, RunDto, RunsPage};
use crate::routes::runs::node;
use crate::runs::{AsOf, Question, RunName, RunOrder, Trees, detail, list_at};
use crate::settings::Limits;

/// The workspace when none is named.
pub(super) const DEFAULT_WORKSPACE: &str = "default";

/// `loom-studio runs`.
pub(super) async fn list(args: RunsArgs) -> Result<(), String> {
    let page = if let Some(remote) = server(&args.place)? {
        listed_by(&remote, &args).await?
    } else {
        listed(&args).await?
    };
    if args.json {
        return print_json(page);
    }
    let page: RunsPage = read(&page)?;
    let rows: Vec<Vec<Cell>> = page.runs.iter().map(row).collect();
    let head = [
        "run", "status", "start", "duration", "events", "calls", "errors", "tokens", "root",
    ];
    let mut text = table(&head, &rows, has_colours());
    let shown = page.runs.len() as u64;
    if shown < page.total {
        let total = page.total;
        let _ = writeln!(text, "{shown} of {total}; --limit shows more");
    }
    if page.ambiguous > 0 {
        let _ = writeln!(
            text,
            "? {} may be part of other runs: it can't be told in which call they were made",
            page.ambiguous
        );
    }
    print(&text)
}

async fn listed_by(remote: &Remote, args: &RunsArgs) -> Result<Vec<u8>, String> {
    let limit = args.limit.to_string();
    let query = [
        ("workspace", args.workspace.as_deref()),
        ("status", args.status.as_deref()),
        ("session_id", args.session.as_deref()),
        ("node_id", args.node.as_deref()),
        ("order", Some(&*args.order)),
        ("limit", Some(&*limit)),
    ];
    Ok(remote.get("/api/runs", &query).await?.to_vec())
}

async fn listed(args: &RunsArgs) -> Result<Vec<u8>, String> {
    let (store, as_of) = local(&args.place).await?;
    let pattern = |text: &Option<String>| -> Option<Pattern> { text.as_ref()?.parse().ok() };
    let question = Question {
        status: args.status.clone(),
        session: pattern(&args.session),
        node: node(pattern(&args.node)),
        is_ambiguous: None,
        order: RunOrder::parse(&args.order).unwrap_or_default(),
        limit: usize::from(args.limit),
        after: None,
    };
    let workspace = workspace(args.workspace.as_deref());
    let page = as_of.page(&*store, &workspace, question).await;
    let page = page.map_err(|error| error.to_string())?;
    serde_json::to_vec(&page).map_err(|error| error.to_string())
}

fn row(run: &RunDto) -> Vec<Cell> {
    let mark = if run.root.is_ambiguous { "? " } else { "" };
    let root = format!(
        "{mark}{} → {}",
        short(&run.root.from),
        short(&run.root.node)
    );
    vec![
        Cell::number(&run.id),
        Cell::toned(&run.status, Tone::of_status(&run.status)),
        Cell::text(&run.start),
        Cell::number(&duration(run.duration_ms)),
        Cell::number(&run.events),
        Cell::number(&run.calls),
        Cell::number(&run.errors),
        Cell::number(&tokens(run.tokens.as_ref())),
        Cell::text(&root),
    ]
}

/// `loom-studio show`.
pub(super) async fn show(args: ShowArgs) -> Result<(), String> {
    let name = run_name(&args.run)?;
    let json = if let Some(remote) = server(&args.place)? {
        let query = [("workspace", args.workspace.as_deref())];
        let path = format!("/api/runs/{}", args.run);
        remote.get(&path, &query).await?.to_vec()
    } else {
        let (store, as_of) = local(&args.place).await?;
        let workspace = workspace(args.workspace.as_deref());
        let found = as_of.find(&workspace, name).await;
        let found = found
            .map_err(|error| error.to_string())?
            .ok_or_else(|| format!("{} is part of no run in {workspace}", args.run))?;
        let trees = Trees::new(Dear::default(), Limits::default().max_tree_records);
        let json = detail(&store, &trees, &found, &as_of, Part::default()).await;
        json.map_err(|error| error.to_string())?
            .ok_or("the run has no calls")?
    };
    if args.json {
        return print_json(json);
    }
    let detail: RunDetail = read(&json)?;
    print(&tree::run(&detail, has_colours()))
}

/// A run as it is named in an argument.
pub(super) fn run_name(text: &str) -> Result<RunName, String> {
    RunName::parse(text).ok_or_else(|| {
        format!(
            "{text} names no run: expected its number, that of an event in it, or the 32 hexadecimal digits of a trace id"
        )
    })
}

pub(super) fn workspace(named: Option<&str>) -> Arc<str> {
    named.unwrap_or(DEFAULT_WORKSPACE).into()
}

/// The server to go through, if one is named.
pub(super) fn server(place: &PlaceArgs) -> Result<Option<Remote>, String> {
    let server = place.server.as_deref();
    server
        .map(|url| Remote::new(url, place.token.as_deref()))
        .transpose()
}

/// The runs of a data directory. Checkpoints that a server left are taken up, and those that come due are left for it.
async fn local(place: &PlaceArgs) -> Result<(Arc<dyn EventStore>, AsOf), String> {
    let path = existing_directory(place.store.clone())?;
    let store = open(&path)?;
    let as_of = runs_of(&store, &path).await;
    let as_of = as_of.map_err(|error| error.to_string())?;
    Ok((store, as_of))
}

/// The runs of a store, with the checkpoints beside it.
pub(super) async fn runs_of(
    store: &Arc<dyn EventStore>,
    path: &Path,
) -> loom_studio_core::Result<AsOf> {
    let checkpoints = DirCheckpoints::open(&path.join(CHECKPOINTS), store.epoch())?;
    let history = History::open(
        Arc::clone(store),
        EventFilter::default(),
        Arc::new(checkpoints),
        HistoryOptions::default(),
        RunList::default(),
    );
    let history = Arc::new(history.await?);
    history.catch_up().await?;
    let list = list_at(&history, None).await?;
    Ok(AsOf {
        at: list.through(),
        list,
        now: SystemClock.now(),
    })
}

pub(super) fn read<'a, T: serde::Deserialize<'a>>(json: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(json)
        .map_err(|error| format!("the server's answer is none of Loom Studio's: {error}"))
}

fn print_json(json: Vec<u8>) -> Result<(), String> {
    let text = String::from_utf8(json).map_err(|error| error.to_string())?;
    print(&(clean_json(&text) + "\n"))
}
