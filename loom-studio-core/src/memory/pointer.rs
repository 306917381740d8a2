//! RFC 6901: JSON pointers.

use std::borrow::Cow;
use std::sync::Arc;

/// The deepest place a pointer can name, and the deepest a tree can be.
pub(super) const MAX_DEPTH: usize = 128;

/// The reference tokens of a pointer, unescaped; `None` when the text is no pointer or too deep.
pub(super) fn tokens(pointer: &str) -> Option<Vec<Arc<str>>> {
    if pointer.is_empty() {
        return Some(Vec::new());
    }
    let rest = pointer.strip_prefix('/')?;
    if memchr::memchr_iter(b'/', rest.as_bytes())
        .nth(MAX_DEPTH - 1)
        .is_some()
    {
        return None;
    }
    rest.split('/')
        .map(|token| unescape(token).map(Arc::from))
        .collect()
}

fn unescape(token: &str) -> Option<Cow<'_, str>> {
    if !token.contains('~') {
        return Some(Cow::Borrowed(token));
    }
    let mut out = String::with_capacity(token.len());
    let mut parts = token.split('~');
    out.push_str(parts.next()?);
    for part in parts {
        out.push(match part.as_bytes().first()? {
            b'0' => '~',
            b'1' => '/',
            _ => return None,
        });
        out.push_str(part.get(1..)?);
    }
    Some(Cow::Owned(out))
}

/// Appends a reference token.
pub(super) fn push_token(pointer: &mut String, token: &str) {
    pointer.push('/');
    for char in token.chars() {
        match char {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            char => pointer.push(char),
        }
    }
}

/// An array index: digits without a zero in front.
pub(super) fn index(token: &str) -> Option<usize> {
    let is_index = token.bytes().all(|byte| byte.is_ascii_digit())
        && (token.len() == 1 || !token.starts_with('0'));
    // An empty token doesn't parse.
    is_index.then(|| token.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_read_as_rfc_6901_says() {
        let read = |pointer: &str| {
            tokens(pointer).map(|tokens| tokens.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        let of = |tokens: &[&str]| Some(tokens.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(read(""), of(&[]));
        assert_eq!(read("/"), of(&[""]));
        assert_eq!(read("/a~1b/m~0n/~01"), of(&["a/b", "m~n", "~1"]));
        assert_eq!(read("/c%d//"), of(&["c%d", "", ""]));
        for bad in ["a", "/~", "/~2", "/a~"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert!(tokens(&"/a".repeat(MAX_DEPTH)).is_some());
        assert!(tokens(&"/a".repeat(MAX_DEPTH + 1)).is_none());
    }

    #[test]
    fn an_index_has_one_spelling() {
        assert_eq!(index("0"), Some(0));
        assert_eq!(index("10"), Some(10));
        for bad in [
            "",
            "00",
            "01",
            "-1",
            "+1",
            "1e0",
            " 1",
            "-",
            "99999999999999999999999",
        ] {
            assert_eq!(index(bad), None, "{bad}");
        }
    }

    #[test]
    fn tokens_survive_writing() {
        let mut pointer = String::new();
        push_token(&mut pointer, "a/b~c");
        push_token(&mut pointer, "");
        assert_eq!(tokens(&pointer).unwrap(), ["a/b~c".into(), "".into()]);
    }
}
