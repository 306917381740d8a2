//! Text for a terminal: tables, colours, and nothing in it that would steer the terminal.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};

/// What a cell means, by colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Faint,
    Good,
    Busy,
    Bad,
}

impl Tone {
    /// That of a status of runs and calls.
    pub(super) fn of_status(status: &str) -> Self {
        match status {
            "ok" => Self::Good,
            "running" => Self::Busy,
            _ => Self::Bad,
        }
    }

    const fn escape(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Faint => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Busy => "\x1b[33m",
            Self::Bad => "\x1b[31m",
        }
    }
}

/// Whether standard output takes colours: a terminal, and nobody objects (<https://no-color.org>).
pub(super) fn has_colours() -> bool {
    let objects = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !objects
}

/// One cell of a table.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
    is_number: bool,
}

impl Cell {
    pub(super) fn text(text: &str) -> Self {
        Self::toned(text, Tone::Plain)
    }

    pub(super) fn toned(text: &str, tone: Tone) -> Self {
        Self {
            text: clean(text),
            tone,
            is_number: false,
        }
    }

    /// Set to the right.
    pub(super) fn number(text: &impl ToString) -> Self {
        Self {
            is_number: true,
            ..Self::text(&text.to_string())
        }
    }
}

/// Rows under a head, each column as wide as its widest cell.
pub(super) fn table(head: &[&str], rows: &[Vec<Cell>], colours: bool) -> String {
    let mut widths: Vec<usize> = head.iter().map(|title| title.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text.chars().count());
        }
    }
    let numbers = |column: usize| {
        let first = rows.first().and_then(|row| row.get(column));
        first.is_some_and(|cell| cell.is_number)
    };
    let titles = head.iter().enumerate().map(|(column, title)| Cell {
        text: (*title).to_owned(),
        tone: Tone::Faint,
        is_number: numbers(column),
    });
    let mut out = String::new();
    line(&mut out, &titles.collect::<Vec<_>>(), &widths, colours);
    for row in rows {
        line(&mut out, row, &widths, colours);
    }
    out
}

fn line(out: &mut String, row: &[Cell], widths: &[usize], colours: bool) {
    let filled = row.iter().rposition(|cell| !cell.text.is_empty());
    let count = filled.map_or(0, |last| last + 1);
    for (index, (cell, width)) in row.iter().zip(widths).enumerate().take(count) {
        let space = width.saturating_sub(cell.text.chars().count());
        let before = if cell.is_number { space } else { 0 };
        // No space at the end of a line.
        let after = if cell.is_number || index + 1 == count {
            0
        } else {
            space
        };
        let gap = if index == 0 { "" } else { "  " };
        let text = toned(&cell.text, cell.tone, colours);
        let _ = write!(out, "{gap}{:before$}{text}{:after$}", "", "");
    }
    out.push('\n');
}

/// A text in its colour.
pub(super) fn toned(text: &str, tone: Tone, colours: bool) -> String {
    match tone.escape() {
        "" => text.to_owned(),
        _ if !colours => text.to_owned(),
        escape => format!("{escape}{text}\x1b[0m"),
    }
}

/// What a terminal would obey: control characters, and those that turn the direction of writing.
fn steers(character: char) -> bool {
    matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
        || character.is_control()
}

/// A text without what a terminal would obey.
pub(super) fn clean(text: &str) -> String {
    let harmless = |character| {
        if steers(character) {
            '\u{fffd}'
        } else {
            character
        }
    };
    text.chars().map(harmless).collect()
}

/// As [`clean`], of a text in lines.
pub(super) fn clean_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(clean).collect();
    lines.join("\n")
}

/// JSON text in which what a terminal would obey is escaped: the same document.
pub(super) fn clean_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if steers(character) && !matches!(character, '\n' | '\r' | '\t') {
            let _ = write!(out, "\\u{:04x}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out
}

/// A length of time with three digits that count.
pub(super) fn duration(millis: f64) -> String {
    match millis {
        millis if millis < 10.0 => format!("{millis:.2} ms"),
        millis if millis < 1_000.0 => format!("{millis:.0} ms"),
        millis if millis < 60_000.0 => format!("{:.1} s", millis / 1e3),
        millis => format!("{:.1} min", millis / 60e3),
    }
}

/// Writes to standard output. A reader that has seen enough is no error.
pub(super) fn print(text: &str) -> Result<(), String> {
    let mut output = io::stdout().lock();
    let written = output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush());
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("cannot write to standard output: {error}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_steers_the_terminal() {
        let rows = [
            vec![
                Cell::number(&7),
                Cell::toned("é", Tone::Bad),
                Cell::text("\x1b[31m"),
            ],
            vec![Cell::number(&123), Cell::text("long"), Cell::text("")],
        ];
        let plain = table(&["n", "word", "rest"], &rows, false);
        assert_eq!(
            plain,
            "  n  word  rest\n  7  é     \u{fffd}[31m\n123  long\n"
        );
        let coloured = table(&["n", "word", "rest"], &rows, true);
        assert!(coloured.contains("  \x1b[31mé\x1b[0m     "), "{coloured:?}");
    }

    #[test]
    fn json_is_the_same_document_without_what_steers_the_terminal() {
        let json = "{\"a\":\"\u{9b}31m\u{202e}\u{7f}é中\"}\n";
        let cleaned = clean_json(json);
        assert_eq!(cleaned, "{\"a\":\"\\u009b31m\\u202e\\u007fé中\"}\n");
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&cleaned), read(json));
        assert_eq!(clean_lines("a\u{1b}b\n  ^"), "a\u{fffd}b\n  ^");
    }

    #[test]
    fn durations_are_short() {
        let texts = [0.5, 591.4, 30_455.5, 150_000.0].map(duration);
        assert_eq!(texts, ["0.50 ms", "591 ms", "30.5 s", "2.5 min"]);
    }
}
