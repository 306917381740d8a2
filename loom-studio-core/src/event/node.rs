//! One node, however its address is written.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::sync::Arc;

/// A node's identity: the URI form of its address.
///
/// `/node/crew/master`, `node/crew/master` and `crew/master` are one node with the id `/node/crew/master`. A rooted path outside `/node` (`/user/sdk`) and an absolute URI stay as they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// The identity behind an address.
    pub fn new(address: &str) -> Self {
        Self(Self::normalize(address).into())
    }

    /// The id of an address, borrowed when it already has that form.
    pub fn normalize(address: &str) -> Cow<'_, str> {
        let trimmed = match address.trim_end_matches('/') {
            "" => address,
            trimmed => trimmed,
        };
        if trimmed.is_empty() || trimmed.starts_with('/') || is_absolute_uri(trimmed) {
            Cow::Borrowed(trimmed)
        } else if trimmed.starts_with("node/") || trimmed.starts_with("user/") {
            Cow::Owned(format!("/{trimmed}"))
        } else {
            Cow::Owned(format!("/node/{trimmed}"))
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text behind the id, shared.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// What people call the node: the id without the part all nodes share.
    pub fn name(&self) -> &str {
        self.0.strip_prefix("/node/").unwrap_or(&self.0)
    }

    /// As folds keep it.
    pub(crate) fn kept(&self) -> Self {
        Self(super::kept(&self.0))
    }

    pub(crate) fn as_shared(&self) -> &Arc<str> {
        &self.0
    }

    pub(crate) fn from_normalized(id: Arc<str>) -> Self {
        Self(id)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for NodeId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Whether the text begins with a URI scheme (RFC 3986 §3.1).
fn is_absolute_uri(text: &str) -> bool {
    let Some((scheme, _)) = text.split_once(':') else {
        return false;
    };
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_one_node() {
        let cases = [
            ("/node/crew/master", "/node/crew/master"),
            ("node/crew/master", "/node/crew/master"),
            ("crew/master", "/node/crew/master"),
            ("/node/crew/master/", "/node/crew/master"),
            ("calculator", "/node/calculator"),
            ("/user/sdk", "/user/sdk"),
            ("user/sdk", "/user/sdk"),
            ("https://example.com/a", "https://example.com/a"),
            ("urn:loom:a", "urn:loom:a"),
            ("a b:c", "/node/a b:c"),
            ("/", "/"),
        ];
        for (address, id) in cases {
            assert_eq!(NodeId::new(address).as_str(), id, "{address}");
        }
    }

    #[test]
    fn normalizing_twice_changes_nothing() {
        for address in [
            "crew/master",
            "node/x",
            "/user/sdk",
            "//",
            "node",
            "node/",
            ":",
            "x//",
            "",
        ] {
            let once = NodeId::normalize(address).into_owned();
            assert_eq!(NodeId::normalize(&once), once, "{address}");
        }
    }
}
