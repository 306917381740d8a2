//! Where memories are kept, by all the names programs have for it.

use std::borrow::Cow;
use std::sync::Arc;

/// Where an entry is kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemoryTier {
    /// Of the step at hand; gone unless promoted.
    Ephemeral,
    /// Of the conversation (Loom's L1 and L2).
    Session,
    /// Of the task (L3).
    Working,
    /// Kept for ever (L4).
    LongTerm,
    /// Any other tier, as reported.
    Other(Arc<str>),
}

impl MemoryTier {
    /// The tier that a program means by a name. Upper case, `-`, `_` and spaces don't matter in the names that are known.
    pub fn of(reported: &str) -> Self {
        match &*canonical(reported) {
            "ephemeral" => Self::Ephemeral,
            "session" | "L1" | "L2" => Self::Session,
            "working" | "L3" => Self::Working,
            "long_term" | "L4" => Self::LongTerm,
            _ => Self::Other(reported.into()),
        }
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ephemeral => "ephemeral",
            Self::Session => "session",
            Self::Working => "working",
            Self::LongTerm => "long_term",
            Self::Other(name) => name,
        }
    }
}

/// One spelling for each tier that has several; L1 to L4 stay apart from the tiers they are part of.
pub(super) fn canonical(reported: &str) -> Cow<'_, str> {
    const KNOWN: [(&str, &str); 8] = [
        ("ephemeral", "ephemeral"),
        ("session", "session"),
        ("working", "working"),
        ("longterm", "long_term"),
        ("l1", "L1"),
        ("l2", "L2"),
        ("l3", "L3"),
        ("l4", "L4"),
    ];
    let plain = |name: &str| {
        name.chars()
            .filter(|char| !matches!(char, '-' | '_' | ' '))
            .map(|char| char.to_ascii_lowercase())
            .collect::<String>()
    };
    if KNOWN.iter().any(|(_, name)| *name == reported) {
        return Cow::Borrowed(reported);
    }
    // No known name is longer, however it is spaced.
    if reported.len() > 16 {
        return Cow::Borrowed(reported);
    }
    let plain = plain(reported);
    KNOWN
        .iter()
        .find(|(known, _)| *known == plain)
        .map_or(Cow::Borrowed(reported), |(_, name)| Cow::Borrowed(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_one_tier() {
        for (reported, name, tier) in [
            ("session", "session", MemoryTier::Session),
            ("long-term", "long_term", MemoryTier::LongTerm),
            ("longterm", "long_term", MemoryTier::LongTerm),
            ("Long Term", "long_term", MemoryTier::LongTerm),
            ("l1", "L1", MemoryTier::Session),
            ("L2", "L2", MemoryTier::Session),
            ("L3", "L3", MemoryTier::Working),
            ("L4", "L4", MemoryTier::LongTerm),
            ("EPHEMERAL", "ephemeral", MemoryTier::Ephemeral),
            ("my-tier", "my-tier", MemoryTier::Other("my-tier".into())),
        ] {
            assert_eq!(canonical(reported), name);
            assert_eq!(MemoryTier::of(reported), tier);
        }
    }
}
