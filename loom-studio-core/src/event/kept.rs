//! Names as folds keep them: of bounded length.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_128;

/// The longest name of a node, a session or an event that folds keep as it is, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 1_024;
/// How much of a longer one stays readable.
const READABLE_CHARS: usize = 64;

/// A name as folds keep it: itself, or where it is longer than 1,024 bytes its first 64 characters and a hash of it all. So a fold that bounds how many names it holds is bounded in bytes.
///
/// Two long names that begin alike and have one hash (XXH3, 128 bits) would be taken for one.
pub(crate) fn kept(name: &Arc<str>) -> Arc<str> {
    if name.len() <= MAX_NAME_BYTES {
        return Arc::clone(name);
    }
    let beginning: String = name.chars().take(READABLE_CHARS).collect();
    format!("{beginning}…{:032x}", xxh3_128(name.as_bytes())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_stay_and_long_ones_stay_apart() {
        let short: Arc<str> = "é".repeat(512).into();
        assert!(Arc::ptr_eq(&kept(&short), &short));
        let (left, right) = ("é".repeat(600) + "1", "é".repeat(600) + "2");
        let (left, right) = (kept(&left.into()), kept(&right.into()));
        assert!(left.len() < 200 && left != right, "{left}");
        assert_eq!(kept(&left), left);
    }
}
