//! A run as text: its calls as a tree, and what went wrong.

use std::fmt::Write as _;

use super::terminal::{Cell, Tone, clean, duration, table, toned};
use crate::dto::runs::{CallDto, PossibleDto, RunDetail, TokensDto};

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
    out.push_str("\n* on the critical path   ~ inferred from times");
    let is_possible = |possible: &PossibleDto| possible.to.is_some();
    if detail.possible.iter().any(is_possible) {
        out.push_str("   ? possibly made there, not counted");
    }
    out.push('\n');
    if run.root.is_ambiguous {
        let among = listed(&run.root.candidates, run.root.has_all_candidates);
        let _ = writeln!(out, "It may be part of another run: made in {among}.");
    }
    let others = detail.possible.iter().filter(|p| p.to.is_none()).count() as u64;
    let others = others + detail.more_possible;
    if others > 0 {
        let _ = writeln!(out, "{others} other events may belong to calls of the run.");
    }
    if !detail.unplaced.is_empty() {
        let count = detail.unplaced.len();
        let _ = writeln!(out, "{count} events of the run belong to no known call.");
    }
    if detail.deleted_records > 0 {
        let count = detail.deleted_records;
        let _ = writeln!(out, "{count} records of the run were deleted by retention.");
    }
    if detail.unread_records > 0 {
        let count = detail.unread_records;
        let _ = writeln!(
            out,
            "{count} later records of the run were not read: it is too large."
        );
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
    if failure.chain_left_out > 0 {
        let count = failure.chain_left_out;
        let _ = writeln!(out, "  {count} steps before the last are left out.");
    }
    if !failure.is_fatal {
        out.push_str("  The root did not fail: it was coped with.\n");
    }
}

/// What a row is about.
#[derive(Clone, Copy)]
enum Item<'a> {
    Call(usize),
    /// A call that may have been made here.
    Possible(&'a PossibleDto),
}

/// One row for each call, callers before callees.
fn rows(detail: &RunDetail) -> Vec<Vec<Cell>> {
    let mut children = vec![Vec::new(); detail.calls.len()];
    for (index, call) in detail.calls.iter().enumerate() {
        if let Some(children) = call.parent.and_then(|parent| children.get_mut(parent)) {
            children.push(Item::Call(index));
        }
    }
    for possible in detail.possible.iter().filter(|p| p.to.is_some()) {
        for call in &possible.calls {
            if let Some(children) = children.get_mut(*call) {
                children.push(Item::Possible(possible));
            }
        }
    }
    // For each level whether its last child has been drawn.
    let mut ended: Vec<bool> = Vec::new();
    let mut pending: Vec<(Item<'_>, usize, bool)> = Vec::new();
    let roots = detail.roots.iter().rev();
    pending.extend(roots.map(|root| (Item::Call(*root), 0, true)));
    let mut rows = Vec::with_capacity(detail.calls.len());
    while let Some((item, level, is_last)) = pending.pop() {
        ended.truncate(level);
        ended.push(is_last);
        let index = match item {
            Item::Call(index) => index,
            Item::Possible(possible) => {
                rows.push(possible_row(possible, &branch(&ended)));
                continue;
            }
        };
        let Some(call) = detail.calls.get(index) else {
            continue;
        };
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

fn possible_row(possible: &PossibleDto, branch: &str) -> Vec<Cell> {
    let to = possible.to.as_deref().unwrap_or_default();
    let among = listed(&possible.candidates, possible.has_all_candidates);
    let mut note = format!("possibly: made in {among}");
    if let Some(run) = possible.run_id {
        let _ = write!(note, "; run {run}");
    }
    vec![
        Cell::toned(&format!("{branch}? {}", short(to)), Tone::Faint),
        Cell::number(&possible.event),
        Cell::text(""),
        Cell::text(""),
        Cell::text(""),
        Cell::text(""),
        Cell::toned(&note, Tone::Faint),
    ]
}

/// Candidates in words.
fn listed(candidates: &[u64], is_complete: bool) -> String {
    let texts: Vec<String> = candidates.iter().map(u64::to_string).collect();
    match (texts.is_empty(), is_complete) {
        (true, _) => "a call that is no longer known".to_owned(),
        (false, true) => format!("one of {}", texts.join(", ")),
        (false, false) => format!("one of {} or another", texts.join(", ")),
    }
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
    if call.is_ambiguous {
        let among = listed(&call.candidates, call.has_all_candidates);
        notes.push(format!("made in {among}"));
    }
    if call.is_cycle {
        notes.push("claims to be its own ancestor".to_owned());
    }
    notes.join("; ")
}
