//! A table of events: RFC 4180, safe to open in a spreadsheet.

use std::fmt::{Display, Write as _};
use std::sync::Arc;

use super::calls::{Calls, Known, RunsAt};
use crate::causality::Fact;
use crate::error::Result;
use crate::event::{Event, NodeId, Outcome, Reply};
use crate::runs::{Call, Tokens};
use crate::store::EventStore;

/// The first line.
const HEADER: &str = "seq,time,received,type,source,target,session,workspace,id,trace,span,causation,request,run,call,outcome,status,reason,duration_ms,tokens_input,tokens_output,tokens_total,tokens_cached,tokens_reasoning,bytes,data\r\n";

/// What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection"), in full width too, and the mark itself.
const MARKED: [char; 12] = [
    '=', '+', '-', '@', '\t', '\r', '\n', '\'', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
];

/// Writes rows.
#[derive(Debug)]
pub(super) struct Csv {
    calls: Calls,
}

impl Csv {
    pub(super) fn new(store: Arc<dyn EventStore>, runs: RunsAt) -> Self {
        Self {
            calls: Calls::new(store, runs),
        }
    }

    pub(super) fn begin(out: &mut String) {
        out.push_str(HEADER);
    }

    /// Writes one event; false if it is a request whose call isn't known.
    pub(super) async fn write(&mut self, out: &mut String, event: &Event) -> Result<bool> {
        let spot = self.calls.locate(event.seq()).await?;
        let opened = spot.call().filter(|_| spot.is_request);
        let is_known = opened.is_some() || !Fact::of(event).is_request();
        let inside = match (spot.call(), opened) {
            (Some(call), None) => Some(call.request),
            (_, Some(call)) => {
                let parent = call.parent.call();
                let calls = spot.run.map(Known::calls).unwrap_or_default();
                parent.and_then(|parent| Some(calls.get(parent)?.request))
            }
            (None, None) => None,
        };
        let mut row = Row {
            out,
            is_first: true,
        };
        row.number(Some(event.seq()));
        row.text(Some(&event.time().to_rfc3339()));
        row.text(Some(&event.received().to_rfc3339()));
        row.text(Some(event.kind()));
        row.text(Some(event.from().as_str()));
        row.text(event.to().map(NodeId::as_str));
        row.text(Some(event.session()));
        row.text(Some(event.workspace()));
        row.text(Some(event.id()));
        row.text(
            event
                .trace()
                .map(|trace| trace.trace.to_string())
                .as_deref(),
        );
        row.text(event.trace().map(|trace| trace.span.to_string()).as_deref());
        row.text(event.causation_id().map(AsRef::as_ref));
        row.text(event.request_id().map(AsRef::as_ref));
        row.number(spot.run.map(|run| run.id));
        row.number(inside);
        row.text(match event.outcome() {
            Outcome::None => None,
            Outcome::Ok => Some("ok"),
            Outcome::Error => Some("error"),
        });
        row.text(match opened {
            Some(call) => Some(call.status.as_str()),
            None => (!is_known).then_some("unknown"),
        });
        row.text(reason(event, opened).as_deref());
        row.number(opened.map(|call| milliseconds(call.duration_nanos)));
        let tokens = Tokens::of(event).unwrap_or_default();
        row.number(tokens.input);
        row.number(tokens.output);
        row.number(tokens.total);
        row.number(tokens.cached);
        row.number(tokens.reasoning);
        row.number(Some(event.raw().len()));
        row.text(event.data());
        row.out.push_str("\r\n");
        Ok(is_known)
    }
}

/// What went wrong: for a request, what the reply that ended its call says; for a reply, what it says itself.
fn reason(event: &Event, opened: Option<&Call>) -> Option<String> {
    if let Some(call) = opened {
        return call.end.as_ref()?.error.as_deref().map(str::to_owned);
    }
    if event.outcome() != Outcome::Error {
        return None;
    }
    let error = Reply::read(event.kind(), event.data()?).error?;
    Some(error.into_owned()).filter(|text| !text.is_empty())
}

/// A duration in milliseconds, exact.
pub(super) fn milliseconds(nanos: i64) -> String {
    let text = format!("{}.{:06}", nanos / 1_000_000, nanos % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

struct Row<'a> {
    out: &'a mut String,
    is_first: bool,
}

impl Row<'_> {
    fn next(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(',');
        }
    }

    /// A number, as it stands; nothing when there is none.
    fn number(&mut self, number: Option<impl Display>) {
        self.next();
        if let Some(number) = number {
            // A `String` takes all that is written to it.
            let _ = write!(self.out, "{number}");
        }
    }

    /// A text in quotes, marked where a spreadsheet would calculate; nothing when there is none.
    fn text(&mut self, text: Option<&str>) {
        self.next();
        let Some(text) = text else { return };
        self.out.push('"');
        if text.starts_with(MARKED) {
            self.out.push('\'');
        }
        for (index, part) in text.split('"').enumerate() {
            if index > 0 {
                self.out.push_str("\"\"");
            }
            self.out.push_str(part);
        }
        self.out.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_marked() {
        let cell = |text: Option<&str>| {
            let mut out = String::new();
            let mut row = Row {
                out: &mut out,
                is_first: true,
            };
            row.text(text);
            out
        };
        for (text, expected) in [
            (None, ""),
            (Some(""), "\"\""),
            (Some("a"), "\"a\""),
            (Some("a,\"b\"\r\n"), "\"a,\"\"b\"\"\r\n\""),
            (Some("=1+1"), "\"'=1+1\""),
            (Some("-5"), "\"'-5\""),
            (Some("@x"), "\"'@x\""),
            (Some("\t=1"), "\"'\t=1\""),
            (Some("＝1"), "\"'＝1\""),
            (Some("'quoted"), "\"''quoted\""),
            (Some("{\"a\":1}"), "\"{\"\"a\"\":1}\""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }

    #[test]
    fn durations_are_exact() {
        for (nanos, expected) in [
            (0, "0"),
            (1, "0.000001"),
            (1_500_000, "1.5"),
            (30_000_000_000, "30000"),
            (120_000_010, "120.00001"),
        ] {
            assert_eq!(milliseconds(nanos), expected);
        }
    }
}
