//! From JSON text to trees. The text comes from an event that was checked when it was stored, so what is malformed here is only refused, not explained.

use std::sync::Arc;

use imbl::OrdMap;

use super::pointer::MAX_DEPTH;
use super::tree::{Kind, Stamp, Tree};
use crate::event::scan::text_of;

/// Builds a tree whose values were all written by one record; `None` when the text is no value, or too deep.
pub(super) fn parse(json: &str, stamp: &Stamp) -> Option<Tree> {
    let mut parser = Parser { json, at: 0 };
    let tree = parser.value(stamp, 0)?;
    parser.space();
    (parser.at == json.len()).then_some(tree)
}

/// The elements of an array, as text; `None` when the text is no array.
pub(super) fn elements(json: &str) -> Option<Vec<&str>> {
    let mut parser = Parser { json, at: 0 };
    parser.space();
    parser.take(b'[')?;
    let mut found = Vec::new();
    parser.space();
    if parser.take(b']').is_some() {
        return Some(found);
    }
    loop {
        parser.space();
        let start = parser.at;
        parser.skip()?;
        found.push(json.get(start..parser.at)?);
        parser.space();
        if parser.take(b',').is_none() {
            parser.take(b']')?;
            return Some(found);
        }
    }
}

struct Parser<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// A string with its quotes.
    fn string(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.take(b'"')?;
        loop {
            let rest = self.json.as_bytes().get(self.at..)?;
            let found = memchr::memchr2(b'"', b'\\', rest)?;
            self.at += found + 1;
            if rest.get(found) == Some(&b'"') {
                return self.json.get(start..self.at);
            }
            self.at += 1;
        }
    }

    /// A scalar that is no string: everything up to what can follow a value.
    fn word(&mut self) -> Option<&'a str> {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.'))
        {
            self.at += 1;
        }
        (self.at > start)
            .then(|| self.json.get(start..self.at))
            .flatten()
    }

    fn value(&mut self, stamp: &Stamp, depth: usize) -> Option<Tree> {
        if depth >= MAX_DEPTH {
            return None;
        }
        self.space();
        let kind = match self.peek()? {
            b'"' => Kind::Scalar(self.string()?.into()),
            b'{' => {
                self.at += 1;
                let mut members = OrdMap::new();
                self.space();
                if self.take(b'}').is_none() {
                    loop {
                        self.space();
                        let name = self.string()?;
                        // A name that no string can hold keeps its escapes.
                        let name = text_of(name).unwrap_or_else(|| name.trim_matches('"').into());
                        self.space();
                        self.take(b':')?;
                        let tree = self.value(stamp, depth + 1)?;
                        members.insert(Arc::from(&*name), tree);
                        self.space();
                        if self.take(b',').is_none() {
                            self.take(b'}')?;
                            break;
                        }
                    }
                }
                Kind::Object(members)
            }
            b'[' => {
                self.at += 1;
                let mut items = Vec::new();
                self.space();
                if self.take(b']').is_none() {
                    loop {
                        items.push(self.value(stamp, depth + 1)?);
                        self.space();
                        if self.take(b',').is_none() {
                            self.take(b']')?;
                            break;
                        }
                    }
                }
                Kind::Array(items.into())
            }
            _ => Kind::Scalar(self.word()?.into()),
        };
        Some(Tree::new(kind, stamp))
    }

    /// One value, not built.
    fn skip(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1)?;
                    self.at += 1;
                }
                b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' if depth > 0 => self.at += 1,
                _ => {
                    self.word()?;
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }
}
