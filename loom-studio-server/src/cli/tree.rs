//! A run as text: its calls as a tree, and what went wrong.

use std::fmt::Write as _;

use super::terminal::{Cell, Tone, clean, duration, table, toned};
use crate::dto::runs::{CallDto, RunDetail, TokensDto};

/// Levels of a tree that are drawn; what is deeper is drawn at the last of them.
const MAX_LEVELS: usize = 24;

/// The node of an address without what all have in common.
pub(super) fn short(address: &str) -> &str {
    address.strip_prefix("/node/").unwrap_or(address)
}

pub(super) fn tokens(tokens: Option<&TokensDto>) -> String {
    let total = tokens.and_then(|tokens| tokens.total);
    total.map_or_else(|| "-".to_owned(), |total| total.to_string())
}

/// The whole run.
pub(super) fn run(detail: &RunDetail, colours: bool) -> String {
    let run = &detail.run;
    let mut out = String::new();
    let status = toned(&run.status, Tone::of_status(&run.status), colours);
    let _ = writeln!(
        out,
        "Run {}: {status}, {}\n{} → {}, session {}, {}\n{} events, {} calls ({} open), {} errors, {} tokens\n",
        run.id,
        duration(run.duration_ms),
        clean(short(&run.root.from)),
        clean(short(&run.root.node)),
        clean(&run.session_id),
        run.start,
        run.events,
        run.calls,
        run.open_calls,
        run.errors,
        tokens(run.tokens.as_ref()),
    );
    let head = ["call", "seq", "duration", "self", "tokens", "status", ""];
    out.push_str(&table(&head, &rows(detail), colours));
    out.push_str("\n* on the critical path   ~ inferred from times\n");
    if !detail.unplaced.is_empty() {
        let count = detail.unplaced.len();
        let _ = writeln!(out, "{count} events of the run belong to no known call.");
    }
    if detail.deleted_records > 0 {
        let count = detail.deleted_records;
        let _ = writeln!(out, "{count} records of the run were deleted by retention.");
    }
    failure(&mut out, detail, colours);
    out
}

fn failure(out: &mut String, detail: &RunDetail, colours: bool) {
    let Some(failure) = &detail.failure else {
        return;
    };
    let title = toned("What went wrong first", Tone::Bad, colours);
    let _ = writeln!(out, "\n{title}");
    for step in &failure.chain {
        let _ = writeln!(out, "  {} (event {})", clean(&step.text), step.event);
    }
    if !failure.is_fatal {
        out.push_str("  The root did not fail: it was coped with.\n");
    }
}

/// One row for each call, callers before callees.
fn rows(detail: &RunDetail) -> Vec<Vec<Cell>> {
    let mut children = vec![Vec::new(); detail.calls.len()];
    for (index, call) in detail.calls.iter().enumerate() {
        if let Some(children) = call.parent.and_then(|parent| children.get_mut(parent)) {
            children.push(index);
        }
    }
    // For each level whether its last child has been drawn.
    let mut ended: Vec<bool> = Vec::new();
    let mut pending: Vec<(usize, usize, bool)> = Vec::new();
    pending.extend(detail.roots.iter().rev().map(|root| (*root, 0, true)));
    let mut rows = Vec::with_capacity(detail.calls.len());
    while let Some((index, level, is_last)) = pending.pop() {
        let Some(call) = detail.calls.get(index) else {
            continue;
        };
        ended.truncate(level);
        ended.push(is_last);
        rows.push(row(call, &branch(&ended)));
        let children = children.get(index).map_or(&[][..], Vec::as_slice);
        let level = (level + 1).min(MAX_LEVELS);
        for (place, child) in children.iter().rev().enumerate() {
            pending.push((*child, level, place == 0));
        }
    }
    rows
}

/// The lines before a call.
fn branch(ended: &[bool]) -> String {
    let mut branch = String::new();
    let Some((last, above)) = ended.get(1..).and_then(<[bool]>::split_last) else {
        return branch;
    };
    for has_ended in above {
        branch.push_str(if *has_ended { "   " } else { "│  " });
    }
    branch.push_str(if *last { "└─ " } else { "├─ " });
    branch
}

fn row(call: &CallDto, branch: &str) -> Vec<Cell> {
    let is_inferred = |trust: &str| trust == "structure";
    let link = call.link.as_ref();
    let mark = if call.on_critical_path { "* " } else { "" };
    let inferred = if link.is_some_and(|link| is_inferred(&link.trust)) {
        "~ "
    } else {
        ""
    };
    let tone = if call.status == "ok" {
        Tone::Plain
    } else {
        Tone::of_status(&call.status)
    };
    vec![
        Cell::text(&format!("{branch}{mark}{inferred}{}", short(&call.to))),
        Cell::number(&call.request),
        Cell::number(&duration(call.duration_ms)),
        Cell::number(&duration(call.self_ms)),
        Cell::number(&tokens(call.tokens.as_ref())),
        Cell::toned(&call.status, tone),
        Cell::text(&note(call)),
    ]
}

/// What else there is to say of a call.
fn note(call: &CallDto) -> String {
    let mut notes = Vec::new();
    if let Some(error) = call.end.as_ref().and_then(|end| end.error.as_deref()) {
        notes.push(error.to_owned());
    }
    if call.is_unheard {
        notes.push("never heard by its caller".to_owned());
    }
    if !call.candidates.is_empty() {
        let candidates: Vec<String> = call.candidates.iter().map(u64::to_string).collect();
        notes.push(format!("made in one of {}", candidates.join(", ")));
    }
    if call.is_cycle {
        notes.push("claims to be its own ancestor".to_owned());
    }
    notes.join("; ")
}
