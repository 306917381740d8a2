//! The texts in a JSON value, and how they are compared without case.

use std::borrow::Cow;

use memchr::memmem::Finder;

use crate::event::text_of;

/// Never part of UTF-8, so what is searched for can't reach from one text into the next.
const SEPARATOR: u8 = 0xff;

/// Visits every member name and every scalar but `null` in JSON text, strings unescaped. Linear time; the text must be JSON.
pub(super) fn leaves(json: &str, mut visit: impl FnMut(&str)) {
    let bytes = json.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'"' => {
                while let Some(byte) = bytes.get(at) {
                    at += match byte {
                        b'\\' => 2,
                        b'"' => break,
                        _ => 1,
                    };
                }
                at += 1;
                let raw = json.get(start..at).unwrap_or_default();
                visit(&string(raw));
            }
            b'{' | b'}' | b'[' | b']' | b',' | b':' | b' ' | b'\n' | b'\r' | b'\t' => {}
            _ => {
                let rest = bytes.get(at..).unwrap_or_default();
                let ends =
                    |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
                at += rest.iter().position(ends).unwrap_or(rest.len());
                let scalar = json.get(start..at).unwrap_or_default();
                if scalar != "null" {
                    visit(scalar);
                }
            }
        }
    }
}

/// What a JSON string says; one that no text can hold (half a surrogate pair) stays as written.
pub(super) fn string(raw: &str) -> Cow<'_, str> {
    text_of(raw).unwrap_or_else(|| {
        let inner = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
        Cow::Borrowed(inner.unwrap_or(raw))
    })
}

/// The text without case: each character in the lower case of its upper case (Unicode, without regard to language).
pub(super) fn fold(text: &str, out: &mut Vec<u8>) {
    if text.is_ascii() {
        let start = out.len();
        out.extend_from_slice(text.as_bytes());
        if let Some(added) = out.get_mut(start..) {
            added.make_ascii_lowercase();
        }
        return;
    }
    let mut buffer = [0; 4];
    for char in text
        .chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
    {
        out.extend_from_slice(char.encode_utf8(&mut buffer).as_bytes());
    }
}

/// Every text of [`leaves`], folded, a [`SEPARATOR`] after each.
pub(super) fn folded_leaves(json: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    leaves(json, |text| {
        fold(text, &mut out);
        out.push(SEPARATOR);
    });
    out
}

/// A text to be found without regard to case.
#[derive(Debug)]
pub(super) struct Needle(Box<Finder<'static>>);

impl Needle {
    pub(super) fn new(text: &str) -> Self {
        let mut folded = Vec::new();
        fold(text, &mut folded);
        Self(Box::new(Finder::new(&folded).into_owned()))
    }

    /// Linear in the text (two-way search, as `memchr` has it).
    pub(super) fn is_in(&self, folded: &[u8]) -> bool {
        self.0.find(folded).is_some()
    }

    pub(super) fn is_in_text(&self, text: &str) -> bool {
        let mut folded = Vec::with_capacity(text.len());
        fold(text, &mut folded);
        self.is_in(&folded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_are_names_and_scalars() {
        let mut found = Vec::new();
        let json = r#" {"a\"b" : "c\\", "n":null,"l":[1.5, true ,"\u4f60",{"":""}],"h":"\ud800"}"#;
        leaves(json, |text| found.push(text.to_owned()));
        assert_eq!(
            found,
            [
                "a\"b", "c\\", "n", "l", "1.5", "true", "你", "", "", "h", "\\ud800"
            ]
        );
    }

    #[test]
    fn case_is_folded_beyond_ascii() {
        for (part, text) in [
            ("time", "TIMEOUT"),
            ("ΟΔΟΣ", "ὁδος οδος"),
            ("straSSe", "Straße"),
            ("ÄPFEL", "äpfel"),
            ("k", "\u{212a}"),
            ("", ""),
        ] {
            assert!(Needle::new(part).is_in_text(text), "{part} {text}");
        }
        assert!(!Needle::new("a").is_in_text("b"));
    }
}
