//! Times in RFC 3339, durations in ISO 8601.

use std::io::Write as _;

use pyo3::Borrowed;
use pyo3::prelude::*;

use super::object::{DateTimeLayout, Fields, attribute, swallow};

const MICROS_PER_DAY: i64 = 86_400 * 1_000_000;

/// What is needed to read Python's times: their layout in memory, if it is the known one, and the zone UTC.
pub(super) struct Clockwork {
    layout: Option<DateTimeLayout>,
    utc: Py<PyAny>,
    /// The class `datetime`.
    datetime: Py<PyAny>,
}

impl Clockwork {
    /// # Errors
    /// If there is no module `datetime`.
    pub(super) fn new(py: Python<'_>) -> PyResult<Self> {
        let module = py.import("datetime")?;
        let utc = module.getattr("timezone")?.getattr("utc")?;
        let datetime = module.getattr("datetime")?;
        let layout = DateTimeLayout::probe(&datetime, &utc);
        Ok(Self {
            layout,
            utc: utc.unbind(),
            datetime: datetime.unbind(),
        })
    }

    /// Whether it is a `datetime`, and of no class derived from it: such a one never changes.
    #[inline]
    pub(super) fn is_datetime(&self, value: &Bound<'_, PyAny>) -> bool {
        std::ptr::eq(value.get_type_ptr().cast(), self.datetime.as_ptr())
    }
}

/// Appends a `datetime`; `false` if it can't be read.
///
/// # Errors
/// An interruption of the program: a zone may be Python code.
pub(super) fn push_datetime(
    out: &mut Vec<u8>,
    clockwork: &Clockwork,
    value: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    let direct = clockwork
        .layout
        .as_ref()
        .and_then(|layout| layout.read(value));
    let (fields, zone) = if let Some((fields, zone)) = direct {
        (fields, zone.map(Borrowed::to_owned))
    } else {
        let Some(fields) = look_up(value)? else {
            return Ok(false);
        };
        let zone = attribute(value, pyo3::intern!(value.py(), "tzinfo"))?;
        (fields, zone.filter(|zone| !zone.is_none()))
    };
    let Some(zone) = zone else {
        // Without a zone there is no telling which moment is meant: written as it stands.
        push_fields(out, fields);
        return Ok(true);
    };
    if zone.is(&clockwork.utc) {
        push_fields(out, fields);
        out.push(b'Z');
        return Ok(true);
    }
    match offset_micros(&zone, value)? {
        None => push_fields(out, fields),
        // RFC 3339 knows whole minutes only.
        Some(micros) if micros % 60_000_000 == 0 => {
            push_fields(out, fields);
            push_offset(out, micros / 60_000_000);
        }
        Some(micros) => {
            push_micros(out, micros_of(fields) - micros);
        }
    }
    Ok(true)
}

/// Appends a `date`; `false` if it can't be read.
///
/// # Errors
/// An interruption of the program.
pub(super) fn push_date(out: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let py = value.py();
    let parts: (Option<u32>, Option<u32>, Option<u32>) = (
        number(value, pyo3::intern!(py, "year"))?,
        number(value, pyo3::intern!(py, "month"))?,
        number(value, pyo3::intern!(py, "day"))?,
    );
    let (Some(year), Some(month), Some(day)) = parts else {
        return Ok(false);
    };
    Ok(write!(out, "{year:04}-{month:02}-{day:02}").is_ok())
}

/// Appends a `time`; `false` if it can't be read.
///
/// # Errors
/// An interruption of the program: a zone may be Python code.
pub(super) fn push_time(
    out: &mut Vec<u8>,
    clockwork: &Clockwork,
    value: &Bound<'_, PyAny>,
) -> PyResult<bool> {
    let Some([hour, minute, second, micros]) = look_up_clock(value)? else {
        return Ok(false);
    };
    push_clock(out, [hour, minute, second], micros);
    let Some(zone) =
        attribute(value, pyo3::intern!(value.py(), "tzinfo"))?.filter(|zone| !zone.is_none())
    else {
        return Ok(true);
    };
    if zone.is(&clockwork.utc) {
        out.push(b'Z');
    } else if let Some(micros) = offset_micros(&zone, value.py().None().bind(value.py()))?
        && micros % 60_000_000 == 0
    {
        push_offset(out, micros / 60_000_000);
    }
    Ok(true)
}

/// Appends a `timedelta` as days and seconds; `false` if it can't be read.
///
/// # Errors
/// An interruption of the program.
pub(super) fn push_duration(out: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> PyResult<bool> {
    let Some(micros) = delta_micros(value)? else {
        return Ok(false);
    };
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    let (days, seconds, micros) = (
        micros / 86_400_000_000,
        micros / 1_000_000 % 86_400,
        micros % 1_000_000,
    );
    let _ = write!(out, "{sign}P");
    if days > 0 {
        let _ = write!(out, "{days}D");
    }
    if seconds > 0 || micros > 0 || days == 0 {
        let _ = write!(out, "T{seconds}");
        if micros > 0 {
            let _ = write!(out, ".{micros:06}");
        }
        out.push(b'S');
    }
    Ok(true)
}

/// Appends microseconds since 1970 as a moment in UTC, always with six decimals if any.
pub(super) fn push_micros(out: &mut Vec<u8>, micros: i64) {
    let (days, of_day) = (
        micros.div_euclid(MICROS_PER_DAY),
        micros.rem_euclid(MICROS_PER_DAY),
    );
    let (year, month, day) = civil_from_days(days);
    let seconds = of_day / 1_000_000;
    push_fields(
        out,
        Fields {
            year: u32::try_from(year).unwrap_or(0),
            month,
            day,
            hour: (seconds / 3600) as u32,
            minute: (seconds / 60 % 60) as u32,
            second: (seconds % 60) as u32,
            micros: (of_day % 1_000_000) as u32,
        },
    );
    out.push(b'Z');
}

fn look_up(value: &Bound<'_, PyAny>) -> PyResult<Option<Fields>> {
    let py = value.py();
    let day = (
        number(value, pyo3::intern!(py, "year"))?,
        number(value, pyo3::intern!(py, "month"))?,
        number(value, pyo3::intern!(py, "day"))?,
    );
    let ((Some(year), Some(month), Some(day)), Some([hour, minute, second, micros])) =
        (day, look_up_clock(value)?)
    else {
        return Ok(None);
    };
    Ok(Some(Fields {
        year,
        month,
        day,
        hour,
        minute,
        second,
        micros,
    }))
}

fn look_up_clock(value: &Bound<'_, PyAny>) -> PyResult<Option<[u32; 4]>> {
    let py = value.py();
    let mut clock = [0; 4];
    let names = [
        pyo3::intern!(py, "hour"),
        pyo3::intern!(py, "minute"),
        pyo3::intern!(py, "second"),
        pyo3::intern!(py, "microsecond"),
    ];
    for (place, name) in clock.iter_mut().zip(names) {
        let Some(found) = number(value, name)? else {
            return Ok(None);
        };
        *place = found;
    }
    Ok(Some(clock))
}

fn number<T: for<'a, 'py> FromPyObject<'a, 'py>>(
    value: &Bound<'_, PyAny>,
    name: &Bound<'_, pyo3::types::PyString>,
) -> PyResult<Option<T>> {
    Ok(attribute(value, name)?.and_then(|found| found.extract().ok()))
}

/// What the zone says its distance from UTC is at that time.
fn offset_micros(zone: &Bound<'_, PyAny>, at: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
    let py = zone.py();
    match swallow(py, zone.call_method1(pyo3::intern!(py, "utcoffset"), (at,)))? {
        Some(delta) => delta_micros(&delta),
        None => Ok(None),
    }
}

fn delta_micros(delta: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
    let py = delta.py();
    let parts: (Option<i64>, Option<i64>, Option<i64>) = (
        number(delta, pyo3::intern!(py, "days"))?,
        number(delta, pyo3::intern!(py, "seconds"))?,
        number(delta, pyo3::intern!(py, "microseconds"))?,
    );
    let (Some(days), Some(seconds), Some(micros)) = parts else {
        return Ok(None);
    };
    let seconds = days
        .checked_mul(86_400)
        .and_then(|days| days.checked_add(seconds));
    Ok(seconds.and_then(|seconds| seconds.checked_mul(1_000_000)?.checked_add(micros)))
}

fn push_fields(out: &mut Vec<u8>, fields: Fields) {
    let mut text = *b"0000-00-00T";
    let (century, year) = (fields.year / 100, fields.year % 100);
    for (place, two) in [(0, century), (2, year), (5, fields.month), (8, fields.day)] {
        set_two(&mut text, place, two);
    }
    out.extend_from_slice(&text);
    push_clock(
        out,
        [fields.hour, fields.minute, fields.second],
        fields.micros,
    );
}

fn push_clock(out: &mut Vec<u8>, [hour, minute, second]: [u32; 3], micros: u32) {
    let mut text = *b"00:00:00.000000";
    let parts = [
        (0, hour),
        (3, minute),
        (6, second),
        (9, micros / 10_000),
        (11, micros / 100 % 100),
        (13, micros % 100),
    ];
    for (place, two) in parts {
        set_two(&mut text, place, two);
    }
    out.extend_from_slice(if micros == 0 { &text[..8] } else { &text });
}

/// Writes two decimal digits.
fn set_two(text: &mut [u8], place: usize, number: u32) {
    if let Some([tens, ones]) = text.get_mut(place..place + 2) {
        *tens = b'0' + (number / 10 % 10) as u8;
        *ones = b'0' + (number % 10) as u8;
    }
}

fn push_offset(out: &mut Vec<u8>, minutes: i64) {
    out.push(if minutes < 0 { b'-' } else { b'+' });
    let minutes = minutes.unsigned_abs() as u32;
    let mut text = *b"00:00";
    set_two(&mut text, 0, minutes / 60);
    set_two(&mut text, 3, minutes % 60);
    out.extend_from_slice(&text);
}

fn micros_of(fields: Fields) -> i64 {
    let days = days_from_civil(i64::from(fields.year), fields.month, fields.day);
    let seconds = i64::from(fields.hour * 3600 + fields.minute * 60 + fields.second);
    days * MICROS_PER_DAY + seconds * 1_000_000 + i64::from(fields.micros)
}

/// Days since 1970-01-01 (H. Hinnant, *chrono-Compatible Low-Level Date Algorithms*).
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = i64::from((153 * ((month + 9) % 12) + 2) / 5 + day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The day so many days after 1970-01-01 (same source).
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = (of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = (if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    }) as u32;
    (era * 400 + year + i64::from(month <= 2), month, day)
}
