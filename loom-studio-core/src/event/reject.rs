//! The rules an event must keep, one code each.

/// Bounds on one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventLimits {
    /// Largest event in bytes of JSON text. Default 1 MiB.
    pub max_bytes: usize,
    /// Deepest nesting of objects and arrays, the event itself counted. Default 64.
    pub max_depth: usize,
}

impl Default for EventLimits {
    fn default() -> Self {
        Self {
            max_bytes: 1 << 20,
            max_depth: 64,
        }
    }
}

impl EventLimits {
    /// Checks size and nesting without parsing: linear time, no recursion, no allocation.
    ///
    /// # Errors
    /// [`RejectCode::TooLarge`] or [`RejectCode::TooDeep`].
    pub fn check(&self, json: &[u8]) -> Result<(), Reject> {
        if json.len() > self.max_bytes {
            let detail = format!(
                "the event has {} bytes, the limit is {}",
                json.len(),
                self.max_bytes
            );
            return Err(Reject::new(RejectCode::TooLarge, detail));
        }
        // Counting settles almost every event: without that many brackets nothing can nest that deep.
        let brackets = count_brackets(json);
        if brackets > self.max_depth && depth(json) > self.max_depth {
            let detail = format!("the event nests deeper than {} levels", self.max_depth);
            return Err(Reject::new(RejectCode::TooDeep, detail));
        }
        Ok(())
    }
}

/// Opening brackets, in strings or not. Counted in bytes per block, which the compiler turns into vector code.
fn count_brackets(json: &[u8]) -> usize {
    json.chunks(usize::from(u8::MAX))
        .map(|block| {
            let count = block.iter().fold(0_u8, |count, byte| {
                // `{` and `[` differ in one bit.
                count + u8::from(byte | 0x20 == b'{')
            });
            usize::from(count)
        })
        .sum()
}

/// The deepest nesting in JSON text; for text that isn't JSON, some bound on what a parser would meet.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for &byte in json {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Which rule an event or observation breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectCode {
    /// The text is not JSON.
    InvalidJson,
    /// The JSON value is not an object.
    NotAnObject,
    /// `specversion` is not `1.0`.
    UnsupportedSpecversion,
    /// `id` is missing, empty or not a string.
    MissingId,
    /// `source` is missing, empty or not a string.
    MissingSource,
    /// `type` is missing, empty or not a string.
    MissingType,
    /// The event is larger than [`EventLimits::max_bytes`].
    TooLarge,
    /// The event nests deeper than [`EventLimits::max_depth`].
    TooDeep,
    /// An observation lacks `of` or `source`, or its `phase` is unknown.
    InvalidObservation,
    /// An observation is about an event that isn't stored.
    UnknownEvent,
}

impl RejectCode {
    /// The stable name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::NotAnObject => "not_an_object",
            Self::UnsupportedSpecversion => "unsupported_specversion",
            Self::MissingId => "missing_id",
            Self::MissingSource => "missing_source",
            Self::MissingType => "missing_type",
            Self::TooLarge => "too_large",
            Self::TooDeep => "too_deep",
            Self::InvalidObservation => "invalid_observation",
            Self::UnknownEvent => "unknown_event",
        }
    }
}

/// Why an event was not stored. Never holds the payload, so it is safe to log and to send back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", code.as_str())]
pub struct Reject {
    /// The broken rule.
    pub code: RejectCode,
    /// The rule in words, with what was found.
    pub detail: String,
}

impl Reject {
    pub(crate) fn new(code: RejectCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    pub(crate) fn missing(code: RejectCode, attribute: &str) -> Self {
        Self::new(
            code,
            format!("the required attribute \"{attribute}\" is missing or empty"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_ignores_brackets_in_strings() {
        assert_eq!(depth(br#"{"a":"[[[{{{","b":[1,{"c":"\"["}]}"#), 3);
        assert_eq!(depth(b"1"), 0);
        assert_eq!(depth(&vec![b'['; 200_000]), 200_000);
    }

    #[test]
    fn limits_are_inclusive() {
        let limits = EventLimits {
            max_bytes: 8,
            max_depth: 3,
        };
        assert_eq!(limits.check(b"[[[1]]] "), Ok(()));
        assert_eq!(
            limits.check(b"[[[1]]]  ").map_err(|reject| reject.code),
            Err(RejectCode::TooLarge)
        );
        assert_eq!(
            limits.check(b"[[[[]]]]").map_err(|reject| reject.code),
            Err(RejectCode::TooDeep)
        );
        assert_eq!(
            limits.check(b"[][][][]").map_err(|reject| reject.code),
            Ok(())
        );
    }
}
