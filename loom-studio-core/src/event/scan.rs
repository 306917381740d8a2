//! A checking scanner over JSON text (RFC 8259): hands out an object's members as text and builds nothing.
//!
//! It takes exactly what JSON allows. Like the grammar, and unlike a string type, it takes escapes of half a surrogate pair.

use std::borrow::Cow;

/// Visits the members of an object in their order, the values as JSON text. A repeated name comes each time, so a caller that overwrites keeps the last, as
/// Python and JavaScript do. `None` when the text is not one JSON object.
///
/// Linear time, no recursion; allocates only for a name with escapes.
pub(crate) fn members<'a>(json: &'a str, mut visit: impl FnMut(&str, &'a str)) -> Option<()> {
    let mut scanner = Scanner { json, at: 0 };
    scanner.space();
    scanner.take(b'{')?;
    scanner.space();
    if scanner.take(b'}').is_none() {
        loop {
            let name = scanner.name()?;
            scanner.space();
            let start = scanner.at;
            scanner.value()?;
            let value = json.get(start..scanner.at)?;
            match text_of(name) {
                Some(name) => visit(&name, value),
                // No name that is looked for.
                None => visit(name, value),
            }
            scanner.space();
            if scanner.take(b',').is_none() {
                break scanner.take(b'}')?;
            }
            scanner.space();
        }
    }
    scanner.space();
    (scanner.at == json.len()).then_some(())
}

/// Visits the elements of an array in their order, as JSON text. `None` when the text is not one JSON array.
///
/// Linear time, no recursion, allocates nothing.
pub(crate) fn elements<'a>(json: &'a str, mut visit: impl FnMut(&'a str)) -> Option<()> {
    let mut scanner = Scanner { json, at: 0 };
    scanner.space();
    scanner.take(b'[')?;
    scanner.space();
    if scanner.take(b']').is_none() {
        loop {
            let start = scanner.at;
            scanner.value()?;
            visit(json.get(start..scanner.at)?);
            scanner.space();
            if scanner.take(b',').is_none() {
                break scanner.take(b']')?;
            }
            scanner.space();
        }
    }
    scanner.space();
    (scanner.at == json.len()).then_some(())
}

/// The string that a value holds; `None` for every other type, and for text that no string can hold.
pub(crate) fn text_of(value: &str) -> Option<Cow<'_, str>> {
    let inner = value.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str(value).ok().map(Cow::Owned)
}

/// The number that a value or the string in it holds.
pub(crate) fn number_of(value: &str) -> Option<f64> {
    match value.as_bytes().first()? {
        b'"' => text_of(value)?.parse().ok(),
        b'-' | b'0'..=b'9' => value.parse().ok(),
        _ => None,
    }
}

struct Scanner<'a> {
    json: &'a str,
    at: usize,
}

/// Deepest nesting of one value; deeper text is refused.
const MAX_DEPTH: u32 = 128;

impl<'a> Scanner<'a> {
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

    /// A member's name with its quotes, and the colon after it.
    fn name(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.string()?;
        let end = self.at;
        self.space();
        self.take(b':')?;
        self.json.get(start..end)
    }

    #[inline]
    fn string(&mut self) -> Option<()> {
        self.take(b'"')?;
        let bytes = self.json.as_bytes();
        let mut at = self.at;
        loop {
            for word in bytes.get(at..)?.as_chunks::<8>().0 {
                let special = special_bytes(u64::from_le_bytes(*word));
                at += special.trailing_zeros() as usize / 8;
                if special != 0 {
                    break;
                }
            }
            match bytes.get(at)? {
                b'"' => {
                    self.at = at + 1;
                    return Some(());
                }
                b'\\' => at += escape_length(bytes.get(at + 1..)?)?,
                0..0x20 => return None,
                _ => at += 1,
            }
        }
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        let _ = self.take(b'-');
        if self.take(b'0').is_none() {
            self.digits()?;
        }
        if self.take(b'.').is_some() {
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            let _ = self.take(b'+').or_else(|| self.take(b'-'));
            self.digits()?;
        }
        Some(())
    }

    fn literal(&mut self, word: &str) -> Option<()> {
        let rest = self.json.as_bytes().get(self.at..)?;
        rest.starts_with(word.as_bytes())
            .then(|| self.at += word.len())
    }

    /// One value. The open brackets are the bits of a number, 1 for an object.
    fn value(&mut self) -> Option<()> {
        let (mut open, mut depth) = (0_u128, 0);
        loop {
            match self.peek()? {
                b'"' => self.string()?,
                bracket @ (b'{' | b'[') => {
                    let is_object = bracket == b'{';
                    self.at += 1;
                    self.space();
                    if self.take(if is_object { b'}' } else { b']' }).is_none() {
                        if depth == MAX_DEPTH {
                            return None;
                        }
                        (open, depth) = (open << 1 | u128::from(is_object), depth + 1);
                        if is_object {
                            self.name()?;
                            self.space();
                        }
                        continue;
                    }
                }
                b'-' | b'0'..=b'9' => self.number()?,
                b't' => self.literal("true")?,
                b'f' => self.literal("false")?,
                b'n' => self.literal("null")?,
                _ => return None,
            }
            while depth > 0 {
                let is_object = open & 1 == 1;
                self.space();
                if self.take(b',').is_some() {
                    self.space();
                    if is_object {
                        self.name()?;
                        self.space();
                    }
                    break;
                }
                self.take(if is_object { b'}' } else { b']' })?;
                (open, depth) = (open >> 1, depth - 1);
                if depth == 0 {
                    return Some(());
                }
            }
            if depth == 0 {
                return Some(());
            }
        }
    }
}

/// Bytes of an escape whose text after the backslash begins `rest`.
fn escape_length(rest: &[u8]) -> Option<usize> {
    match rest.first()? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' if rest.get(1..5)?.iter().all(u8::is_ascii_hexdigit) => Some(6),
        _ => None,
    }
}

/// The high bit of each byte that ends plain string text (a quote, a backslash, a control character), exact up to the first such byte.
const fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let quotes = word ^ (ONES * b'"' as u64);
    let backslashes = word ^ (ONES * b'\\' as u64);
    let is_zero =
        (quotes.wrapping_sub(ONES) & !quotes) | (backslashes.wrapping_sub(ONES) & !backslashes);
    let is_control = word.wrapping_sub(ONES * 0x20) & !word;
    (is_zero | is_control) & HIGH
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(json: &str) -> Option<Vec<(String, &str)>> {
        let mut found = Vec::new();
        members(json, |name, value| found.push((name.to_owned(), value)))?;
        Some(found)
    }

    #[test]
    fn hands_out_values_as_they_are_written() {
        let found = all(
            " {\"a\" : 1.50e+1 ,\"\\u0062\":[ { } , {\"x\":[]} ],\"c\":\"\\\"}\",\"a\":null}\n",
        )
        .unwrap();
        let expected = [
            ("a", "1.50e+1"),
            ("b", "[ { } , {\"x\":[]} ]"),
            ("c", "\"\\\"}\""),
            ("a", "null"),
        ];
        assert_eq!(
            found
                .iter()
                .map(|(name, value)| (name.as_str(), *value))
                .collect::<Vec<_>>(),
            expected
        );
        assert_eq!(all("{}"), Some(Vec::new()));
        assert_eq!(all("[]"), None);
    }

    #[test]
    fn elements_come_in_order_or_not_at_all() {
        let list = |json| {
            let mut found = Vec::new();
            elements(json, |value| found.push(value)).map(|()| found)
        };
        assert_eq!(list(" [ ] "), Some(vec![]));
        assert_eq!(
            list("[1, [2,3] ,{\"a\":[4]},\"]\"]"),
            Some(vec!["1", "[2,3]", "{\"a\":[4]}", "\"]\""])
        );
        for bad in ["", "{}", "[1", "[1,]", "[1] 2", "[,1]"] {
            assert_eq!(list(bad), None, "{bad}");
        }
    }

    #[test]
    fn string_ends_are_found_at_any_offset() {
        for length in 0..40 {
            let plain = "x".repeat(length);
            for (tail, is_json) in [
                ("\"", true),
                ("\\\\\"", true),
                ("\u{1f}\"", false),
                ("\u{7f}\u{80}\u{fffd}\"", true),
                ("", false),
                ("\\", false),
            ] {
                let json = format!("{{\"k\":\"{plain}{tail}}}");
                assert_eq!(all(&json).is_some(), is_json, "{json:?}");
            }
        }
    }

    #[test]
    fn numbers_follow_the_grammar() {
        for (number, is_json) in [
            ("0", true),
            ("-0", true),
            ("10", true),
            ("1.0", true),
            ("1e5", true),
            ("1E-05", true),
            ("1.5e+300000", true),
            ("", false),
            ("-", false),
            ("01", false),
            ("1.", false),
            (".5", false),
            ("1e", false),
            ("1e+", false),
            ("+1", false),
            ("0x1", false),
            ("1 2", false),
        ] {
            let json = format!("{{\"k\":{number}}}");
            assert_eq!(all(&json).is_some(), is_json, "{number}");
        }
    }
}
