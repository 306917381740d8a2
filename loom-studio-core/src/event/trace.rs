//! W3C Trace Context, level 1: `traceparent`.

use std::fmt;
use std::str::FromStr;

/// A W3C trace id: 16 bytes, not all zero. Written as 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(pub u128);

/// A W3C span (parent) id: 8 bytes, not all zero. Written as 16 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(pub u64);

/// The ids a `traceparent` carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span that sent the event.
    pub span: SpanId,
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The text is not a W3C `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent")]
pub struct InvalidTraceparent;

/// The value of each hexadecimal digit; other bytes have a bit above it.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which checks it"
)]
const DIGITS: [u8; 256] = {
    let mut digits = [0x10; 256];
    let mut value = 0;
    while value < 16 {
        let digit = b"0123456789abcdef"[value];
        digits[digit as usize] = value as u8;
        digits[digit.to_ascii_uppercase() as usize] = value as u8;
        value += 1;
    }
    digits
};

/// A field of at most 16 hexadecimal digits.
fn hex(digits: &[u8]) -> Option<u64> {
    let (mut number, mut seen) = (0, 0);
    for byte in digits {
        let digit = DIGITS.get(usize::from(*byte)).copied().unwrap_or(0x10);
        number = number << 4 | u64::from(digit & 0xf);
        seen |= digit;
    }
    (seen < 0x10).then_some(number)
}

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    /// Reads `version-trace-span-flags`. Upper-case digits and fields of later versions are taken, all-zero ids are not.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = text.as_bytes();
        let field = |range| bytes.get(range).and_then(hex).ok_or(InvalidTraceparent);
        let is_separated = [2, 35, 52].iter().all(|at| bytes.get(*at) == Some(&b'-'))
            && bytes.get(55).is_none_or(|byte| *byte == b'-');
        let (version, _flags) = (field(0..2)?, field(53..55)?);
        let trace = u128::from(field(3..19)?) << 64 | u128::from(field(19..35)?);
        let span = field(36..52)?;
        if !is_separated || version == 0xff || trace == 0 || span == 0 {
            return Err(InvalidTraceparent);
        }
        Ok(Self {
            trace: TraceId(trace),
            span: SpanId(span),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_specification_example() {
        let context: TraceContext = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            .parse()
            .unwrap();
        assert_eq!(
            context.trace.to_string(),
            "0af7651916cd43dd8448eb211c80319c"
        );
        assert_eq!(context.span.to_string(), "b7ad6b7169203331");
    }

    #[test]
    fn refuses_what_is_not_a_traceparent() {
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "my-trace",
        ] {
            assert_eq!(
                bad.parse::<TraceContext>(),
                Err(InvalidTraceparent),
                "{bad}"
            );
        }
    }
}
