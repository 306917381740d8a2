//! Numbers as they were written: compared digit by digit, so that neither 2^53 + 1 nor 0.1 is rounded.

use std::cmp::Ordering;
use std::fmt;

/// A number of a condition: JSON text, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal(String);

impl Decimal {
    /// The number, if `text` is one of RFC 8259.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (rest, None),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (mantissa, None),
        };
        let is_digits =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_whole = is_digits(whole) && (whole == "0" || !whole.starts_with('0'));
        let unsigned = |text: &str| is_digits(text.strip_prefix(['+', '-']).unwrap_or(text));
        (is_whole && fraction.is_none_or(is_digits) && exponent.is_none_or(unsigned))
            .then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Compares two JSON numbers by value. Linear in their text. Exponents beyond ±2^53 count as that.
pub(super) fn compare(left: &str, right: &str) -> Ordering {
    if let (Some(left), Some(right)) = (small(left), small(right)) {
        return left.cmp(&right);
    }
    let (left, right) = (Parts::of(left), Parts::of(right));
    match (left.sign(), right.sign()) {
        (0, 0) => Ordering::Equal,
        (1, 1) => left.magnitude(&right),
        (-1, -1) => right.magnitude(&left),
        (left, right) => left.cmp(&right),
    }
}

/// An integer that surely fits.
fn small(text: &str) -> Option<i64> {
    (text.len() <= 18).then(|| text.parse().ok()).flatten()
}

/// Texts are shorter than 2^53 bytes.
fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(MAX_EXPONENT)
}

const MAX_EXPONENT: i64 = 1 << 53;

/// `0.DIGITS × 10^exponent`, the first digit not 0.
struct Parts<'a> {
    is_negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, power) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let power: i64 = power.parse().unwrap_or(if power.starts_with('-') {
            -MAX_EXPONENT
        } else {
            MAX_EXPONENT
        });
        let power = power.clamp(-MAX_EXPONENT, MAX_EXPONENT);
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        let (fraction, exponent) = if whole.is_empty() {
            let digits = fraction.trim_start_matches('0');
            (digits, power - length(fraction) + length(digits))
        } else {
            (fraction, power + length(whole))
        };
        Self {
            is_negative,
            whole,
            fraction,
            exponent,
        }
    }

    fn sign(&self) -> i8 {
        match (
            self.whole.is_empty() && self.fraction.is_empty(),
            self.is_negative,
        ) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.whole.bytes().chain(self.fraction.bytes())
    }

    /// Compares two numbers that aren't 0 without their signs.
    fn magnitude(&self, other: &Self) -> Ordering {
        let longest =
            (self.whole.len() + self.fraction.len()).max(other.whole.len() + other.fraction.len());
        let padded = |parts: &'_ Self| {
            parts
                .digits()
                .chain(std::iter::repeat(b'0'))
                .take(longest)
                .collect::<Vec<u8>>()
        };
        self.exponent
            .cmp(&other.exponent)
            .then_with(|| padded(self).cmp(&padded(other)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_by_value_and_never_rounded() {
        let ascending = [
            "-1e400",
            "-18446744073709551616",
            "-2",
            "-1.5",
            "-1e-400",
            "0",
            "1e-400",
            "0.1",
            "0.10000000000000000001",
            "0.2",
            "1",
            "9.99",
            "10",
            "9007199254740992",
            "9007199254740993",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551615.5",
            "1e30",
            "1e400",
            "1e401",
        ];
        for (i, left) in ascending.iter().enumerate() {
            for (j, right) in ascending.iter().enumerate() {
                assert_eq!(compare(left, right), i.cmp(&j), "{left} {right}");
            }
        }
        for same in [
            ["1", "1.0"],
            ["100", "1e2"],
            ["0", "-0.0e9"],
            ["0.001", "1E-3"],
            ["9007199254740993.0", "9007199254740993"],
            ["1e99999999999999999999", "1e99999999999999999998"],
            ["120e-1", "12"],
        ] {
            assert_eq!(compare(same[0], same[1]), Ordering::Equal, "{same:?}");
        }
    }

    #[test]
    fn only_json_numbers_are_numbers() {
        for good in ["0", "-0", "1.5", "1e5", "1E+5", "-0.5e-7"] {
            assert!(Decimal::parse(good).is_some(), "{good}");
        }
        for bad in [
            "", "-", "01", "1.", ".5", "+1", "1e", "1e+-1", "0x1", "1_0", "NaN", "1e5e5", "--1",
            "1s",
        ] {
            assert!(Decimal::parse(bad).is_none(), "{bad}");
        }
    }
}
