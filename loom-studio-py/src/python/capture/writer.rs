//! Python values as JSON text, by value and without running the program's code.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple,
};

use super::escape::{push_escaped, push_string};
use super::kinds::{Kind, Kinds, Shape, class_name};
use super::object::{Entries, attribute, instance_dict, swallow, utf8, utf8_with_surrogates};
use super::tape::Item;
use super::time::{Clockwork, push_date, push_datetime, push_duration, push_time};

/// Levels of objects and arrays the server takes, the event's own object counted.
pub(super) const MAX_DEPTH: usize = 64;
/// Python itself refuses to print longer integers by default: it takes quadratic time.
const MAX_INT_BITS: u64 = 14_000;
/// Of more bytes than these only the number is written.
const MAX_BYTES_SHOWN: usize = 48 * 1024;

/// Why an object isn't written to its end.
pub(crate) enum Stop {
    /// It would be larger than allowed.
    TooLarge,
    /// The program was interrupted meanwhile (`KeyboardInterrupt` and its like), which isn't ours to swallow.
    Interrupted(PyErr),
}

impl From<PyErr> for Stop {
    fn from(error: PyErr) -> Self {
        Self::Interrupted(error)
    }
}

pub(super) type Written = Result<(), Stop>;

/// Writes values to the end of `out`.
pub(super) struct Writer<'w> {
    pub(super) out: &'w mut Vec<u8>,
    pub(super) kinds: &'w mut Kinds,
    pub(super) clockwork: &'w Clockwork,
    /// The length `out` may not exceed.
    pub(super) limit: usize,
    /// The containers that are being written, outermost first. The event itself is one more.
    pub(super) path: &'w mut Vec<usize>,
    /// What is recorded of what is written, while `is_taping`.
    pub(super) tape: &'w mut Vec<Item>,
    /// Ends when something is written that can't be recorded.
    pub(super) is_taping: bool,
}

impl Writer<'_> {
    /// Appends `value` as JSON.
    ///
    /// # Errors
    /// [`Stop`]; what was appended by then is no whole value.
    pub(super) fn value(&mut self, value: &Bound<'_, PyAny>) -> Written {
        if self.leaf(value)? {
            self.keep(value.clone());
            return Ok(());
        }
        self.branch(value)
    }

    /// [`value`](Self::value) of one that isn't needed any more.
    #[inline]
    fn owned(&mut self, value: Bound<'_, PyAny>) -> Written {
        if self.leaf(&value)? {
            self.keep(value);
            return Ok(());
        }
        self.branch(&value)
    }

    /// Appends a value of one of Python's own classes whose instances never change. `false`, and nothing appended, if it is none.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    #[inline]
    pub(super) fn leaf(&mut self, value: &Bound<'_, PyAny>) -> Result<bool, Stop> {
        if value.is_exact_instance_of::<PyString>() {
            self.text(value)?;
        } else if value.is_none() {
            self.out.extend_from_slice(b"null");
        } else if value.is_exact_instance_of::<PyInt>() {
            self.int(value)?;
        } else if let Ok(value) = value.cast_exact::<PyBool>() {
            self.out
                .extend_from_slice(if value.is_true() { b"true" } else { b"false" });
        } else if value.is_exact_instance_of::<PyFloat>() {
            self.float(value)?;
        } else if self.clockwork.is_datetime(value) {
            self.scalar(|out, clockwork| push_datetime(out, clockwork, value), value)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn branch(&mut self, value: &Bound<'_, PyAny>) -> Written {
        if value.is_exact_instance_of::<PyDict>() {
            self.nested(value, Self::dict)
        } else if value.is_exact_instance_of::<PyList>() {
            self.nested(value, Self::list)
        } else {
            self.is_taping = false;
            self.by_kind(value)
        }
    }

    fn by_kind(&mut self, value: &Bound<'_, PyAny>) -> Written {
        let py = value.py();
        match self.kinds.of(value)? {
            Kind::Text => self.text(value),
            Kind::Int => self.int(value),
            Kind::Float => self.float(value),
            Kind::Dict => self.nested(value, Self::dict),
            Kind::List => self.nested(value, Self::list),
            Kind::Tuple => self.nested(value, Self::tuple),
            Kind::Iterable => self.nested(value, Self::iterable),
            Kind::Bytes => self.bytes(value),
            Kind::DateTime => {
                self.scalar(|out, clockwork| push_datetime(out, clockwork, value), value)
            }
            Kind::Date => self.scalar(|out, _| push_date(out, value), value),
            Kind::Time => self.scalar(|out, clockwork| push_time(out, clockwork, value), value),
            Kind::Duration => self.scalar(|out, _| push_duration(out, value), value),
            Kind::Uuid => self.uuid(value),
            Kind::Textual => match swallow(py, value.str())? {
                Some(text) => self.text(text.as_any()),
                None => self.opaque(value),
            },
            Kind::Enumeration => match attribute(value, pyo3::intern!(py, "_value_"))? {
                // A value of an enumeration may be anything, itself included.
                Some(inner) => self.nested(value, |writer, _| writer.value(&inner)),
                None => self.opaque(value),
            },
            Kind::Exception => self.exception(value),
            Kind::Record(shape) => self.nested(value, |writer, value| writer.record(value, &shape)),
            Kind::Opaque => self.opaque(value),
        }
    }

    /// Fails when there is more than allowed.
    #[inline]
    pub(super) fn check(&self, more: usize) -> Written {
        if self.out.len() + more > self.limit {
            Err(Stop::TooLarge)
        } else {
            Ok(())
        }
    }

    /// A container, unless it is being written already or stands too deep.
    #[inline]
    fn nested<'v, 'py>(
        &mut self,
        value: &'v Bound<'py, PyAny>,
        write: impl FnOnce(&mut Self, &'v Bound<'py, PyAny>) -> Written,
    ) -> Written {
        let address = value.as_ptr() as usize;
        if self.path.contains(&address) {
            return self.mark("cycle", &class_name(value)?);
        }
        if self.path.len() >= MAX_DEPTH {
            return self.mark("too deep", &class_name(value)?);
        }
        self.path.push(address);
        let written = write(self, value);
        self.path.pop();
        written
    }

    /// What can't be written, as a string that says so.
    fn mark(&mut self, what: &str, detail: &[u8]) -> Written {
        self.is_taping = false;
        self.check(detail.len())?;
        self.out.extend_from_slice(b"\"<");
        self.out.extend_from_slice(what.as_bytes());
        if !detail.is_empty() {
            self.out.extend_from_slice(b": ");
            push_escaped(self.out, detail);
        }
        self.out.extend_from_slice(b">\"");
        Ok(())
    }

    fn opaque(&mut self, value: &Bound<'_, PyAny>) -> Written {
        self.mark("object", &class_name(value)?)
    }

    #[inline]
    fn text(&mut self, value: &Bound<'_, PyAny>) -> Written {
        let Some(text) = utf8(value) else {
            return self.broken_text(value);
        };
        self.check(text.len())?;
        push_string(self.out, text);
        Ok(())
    }

    /// Text with halves of surrogate pairs, which UTF-8 can't hold and JSON can: escaped, as `json` does.
    #[cold]
    fn broken_text(&mut self, value: &Bound<'_, PyAny>) -> Written {
        let Some(encoded) = utf8_with_surrogates(value) else {
            return self.opaque(value);
        };
        let mut rest = encoded.as_bytes();
        self.check(rest.len())?;
        self.out.push(b'"');
        // In this encoding 0xED begins a three-byte character, which is half of a pair if the next byte is 0xA0 or above.
        while let Some(at) = rest
            .windows(3)
            .position(|three| matches!(three, [0xED, 0xA0..=0xBF, _]))
        {
            let (clean, broken) = rest.split_at(at);
            push_escaped(self.out, clean);
            if let [_, high, low, after @ ..] = broken {
                let unit = 0xD000 | u32::from(high & 0x3F) << 6 | u32::from(low & 0x3F);
                self.out
                    .extend_from_slice(format!("\\u{unit:04x}").as_bytes());
                rest = after;
            }
        }
        push_escaped(self.out, rest);
        self.out.push(b'"');
        Ok(())
    }

    /// Text of an attribute that names things: whole characters only.
    pub(super) fn name(&mut self, value: &Bound<'_, PyAny>) -> Written {
        if utf8(value).is_some() || !value.is_instance_of::<PyString>() {
            return self.value(value);
        }
        let encoded = utf8_with_surrogates(value);
        let bytes = encoded
            .as_ref()
            .map_or(&[][..], |encoded| encoded.as_bytes());
        self.check(bytes.len())?;
        push_string(self.out, String::from_utf8_lossy(bytes).as_bytes());
        Ok(())
    }

    #[inline]
    fn int(&mut self, value: &Bound<'_, PyAny>) -> Written {
        if let Ok(number) = value.extract::<i64>() {
            self.out
                .extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            return Ok(());
        }
        self.long_int(value)
    }

    #[cold]
    fn long_int(&mut self, value: &Bound<'_, PyAny>) -> Written {
        let py = value.py();
        let int = py.get_type::<PyInt>();
        // Of the class itself, so that a derived class has no say.
        let bits = int
            .call_method1(pyo3::intern!(py, "bit_length"), (value,))
            .and_then(|bits| bits.extract::<u64>());
        let bits = swallow(py, bits)?.unwrap_or(u64::MAX);
        if bits <= MAX_INT_BITS
            && let Some(digits) = swallow(
                py,
                int.call_method1(pyo3::intern!(py, "__repr__"), (value,)),
            )?
            && let Some(digits) = utf8(&digits)
        {
            self.check(digits.len())?;
            self.out.extend_from_slice(digits);
            return Ok(());
        }
        self.mark("int", format!("{bits} bits").as_bytes())
    }

    #[inline]
    fn float(&mut self, value: &Bound<'_, PyAny>) -> Written {
        let Ok(number) = value.cast::<PyFloat>().map(PyFloatMethods::value) else {
            return self.opaque(value);
        };
        if number.is_finite() {
            self.out
                .extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
            return Ok(());
        }
        let name = if number.is_nan() {
            "float nan"
        } else if number > 0.0 {
            "float inf"
        } else {
            "float -inf"
        };
        self.mark(name, b"")
    }

    fn bytes(&mut self, value: &Bound<'_, PyAny>) -> Written {
        let py = value.py();
        let owned;
        let bytes = if let Ok(bytes) = value.cast::<PyBytes>() {
            bytes.as_bytes()
        } else if let Ok(array) = value.cast::<PyByteArray>() {
            owned = array.to_vec();
            &owned
        } else {
            let Some(copy) = swallow(py, value.call_method0(pyo3::intern!(py, "tobytes")))? else {
                return self.opaque(value);
            };
            owned = copy
                .cast::<PyBytes>()
                .map(|bytes| bytes.as_bytes().to_vec())
                .unwrap_or_default();
            &owned
        };
        if bytes.len() > MAX_BYTES_SHOWN {
            return self.mark("bytes", format!("{} of them", bytes.len()).as_bytes());
        }
        self.mark("bytes", STANDARD.encode(bytes).as_bytes())
    }

    fn scalar(
        &mut self,
        push: impl FnOnce(&mut Vec<u8>, &Clockwork) -> PyResult<bool>,
        value: &Bound<'_, PyAny>,
    ) -> Written {
        self.out.push(b'"');
        let start = self.out.len();
        if push(self.out, self.clockwork)? {
            self.out.push(b'"');
            return Ok(());
        }
        self.out.truncate(start - 1);
        self.opaque(value)
    }

    fn uuid(&mut self, value: &Bound<'_, PyAny>) -> Written {
        let number = attribute(value, pyo3::intern!(value.py(), "int"))?;
        let Some(number) = number.and_then(|number| number.extract::<u128>().ok()) else {
            return self.opaque(value);
        };
        let digits = format!("{number:032x}");
        let mut rest = digits.as_str();
        self.out.push(b'"');
        for length in [8, 4, 4, 4, 12] {
            let (part, after) = rest.split_at(length);
            self.out.extend_from_slice(part.as_bytes());
            if !after.is_empty() {
                self.out.push(b'-');
            }
            rest = after;
        }
        self.out.push(b'"');
        Ok(())
    }

    /// An exception is told by its class and, if that is text, its first argument: `str()` of it could be anybody's code.
    fn exception(&mut self, value: &Bound<'_, PyAny>) -> Written {
        let mut name = class_name(value)?;
        let arguments = attribute(value, pyo3::intern!(value.py(), "args"))?;
        let first = arguments.and_then(|arguments| {
            arguments
                .cast_into_exact::<PyTuple>()
                .ok()?
                .get_item(0)
                .ok()
        });
        if let Some(message) = first.filter(PyAnyMethods::is_exact_instance_of::<PyString>)
            && let Some(message) = utf8(&message)
        {
            name.extend_from_slice(b": ");
            name.extend_from_slice(message);
        }
        self.mark("error", &name)
    }

    fn dict(&mut self, dict: &Bound<'_, PyAny>) -> Written {
        let Some(entries) = Entries::of(dict) else {
            return self.opaque(dict);
        };
        let place = self.begin();
        self.out.push(b'{');
        let mut count = 0;
        for (key, value) in entries {
            if count > 0 {
                self.out.push(b',');
            }
            count += 1;
            if key.is_exact_instance_of::<PyString>() {
                self.text(&key)?;
                self.keep(key);
            } else {
                self.is_taping = false;
                self.other_key(&key)?;
            }
            self.out.push(b':');
            self.owned(value)?;
        }
        self.out.push(b'}');
        self.settle(place, Item::Dict(count));
        self.check(0)
    }

    /// The place of a container in the record.
    #[inline]
    fn begin(&mut self) -> usize {
        if self.is_taping {
            self.tape.push(Item::Dict(0));
        }
        self.tape.len()
    }

    #[inline]
    fn settle(&mut self, place: usize, container: Item) {
        if self.is_taping
            && let Some(item) = self.tape.get_mut(place - 1)
        {
            *item = container;
        }
    }

    /// A key is a string as `json` would make one, or else the JSON text of what it is.
    #[inline]
    fn key(&mut self, key: &Bound<'_, PyAny>) -> Written {
        if key.is_exact_instance_of::<PyString>() {
            self.text(key)
        } else {
            self.other_key(key)
        }
    }

    #[cold]
    fn other_key(&mut self, key: &Bound<'_, PyAny>) -> Written {
        let py = key.py();
        if key.is_instance_of::<PyString>() {
            return self.text(key);
        }
        if let Ok(number) = key.cast::<PyFloat>() {
            let number = number.value();
            if number.is_finite() {
                let text = swallow(py, PyFloat::new(py, number).repr())?;
                return text.map_or(Ok(()), |text| self.text(text.as_any()));
            }
            let name: &[u8] = if number.is_nan() {
                b"NaN"
            } else if number > 0.0 {
                b"Infinity"
            } else {
                b"-Infinity"
            };
            push_string(self.out, name);
            return Ok(());
        }
        let start = self.out.len();
        self.value(key)?;
        if self.out.get(start) != Some(&b'"') {
            let text = self.out.split_off(start);
            push_string(self.out, &text);
        }
        self.check(0)
    }

    fn list(&mut self, list: &Bound<'_, PyAny>) -> Written {
        let Ok(list) = list.cast::<PyList>() else {
            return self.opaque(list);
        };
        let place = self.begin();
        self.out.push(b'[');
        let mut index = 0;
        // A list may be changed by what is written: each step asks how long it is now.
        while index < list.len()
            && let Ok(item) = list.get_item(index)
        {
            if index > 0 {
                self.out.push(b',');
            }
            self.owned(item)?;
            self.check(0)?;
            index += 1;
        }
        self.out.push(b']');
        self.settle(place, Item::List(index));
        Ok(())
    }

    fn tuple(&mut self, tuple: &Bound<'_, PyAny>) -> Written {
        let Ok(tuple) = tuple.cast::<PyTuple>() else {
            return self.opaque(tuple);
        };
        self.out.push(b'[');
        for (index, item) in tuple.iter_borrowed().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.value(&item)?;
            self.check(0)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn iterable(&mut self, iterable: &Bound<'_, PyAny>) -> Written {
        let py = iterable.py();
        let Some(items) = swallow(py, iterable.try_iter())? else {
            return self.opaque(iterable);
        };
        self.out.push(b'[');
        for (index, item) in items.enumerate() {
            // It was changed while it was read: what was read so far stands.
            let Some(item) = swallow(py, item)? else {
                break;
            };
            if index > 0 {
                self.out.push(b',');
            }
            self.value(&item)?;
            self.check(0)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn record(&mut self, record: &Bound<'_, PyAny>, shape: &Shape) -> Written {
        if shape.custom.is_none() {
            return self.mark("custom serializer", &class_name(record)?);
        }
        self.out.push(b'{');
        let mut first = true;
        self.members(record, shape, |writer, key, value| {
            if !first {
                writer.out.push(b',');
            }
            first = false;
            writer.key(&key)?;
            writer.out.push(b':');
            writer.member(&key, &value, shape)
        })?;
        self.out.push(b'}');
        self.check(0)
    }

    /// The value of a member, unless the model writes it with code of its own.
    fn member(
        &mut self,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        shape: &Shape,
    ) -> Written {
        let custom = shape.custom.as_deref().unwrap_or_default();
        if !custom.is_empty() && utf8(key).is_some_and(|key| custom.iter().any(|name| name == key))
        {
            return self.mark("custom serializer", &class_name(value)?);
        }
        self.value(value)
    }

    /// Hands the members of a model or dataclass to `write`, in order.
    pub(super) fn members<'py>(
        &mut self,
        record: &Bound<'py, PyAny>,
        shape: &Shape,
        mut write: impl FnMut(&mut Self, Bound<'py, PyAny>, Bound<'py, PyAny>) -> Written,
    ) -> Written {
        let py = record.py();
        if let Some(fields) = &shape.fields {
            for name in fields {
                let name = name.bind(py);
                if let Some(value) = attribute(record, name)? {
                    write(self, name.clone().into_any(), value)?;
                }
            }
            return Ok(());
        }
        if let Some(dict) = instance_dict(record)
            && let Some(entries) = Entries::of(&dict)
        {
            for (key, value) in entries {
                let excluded = !shape.excluded.is_empty()
                    && utf8(&key).is_some_and(|key| shape.excluded.iter().any(|name| name == key));
                if !excluded {
                    write(self, key, value)?;
                }
            }
        }
        if shape.extra
            && let Some(extra) = attribute(record, pyo3::intern!(py, "__pydantic_extra__"))?
        {
            for (key, value) in Entries::of(&extra).into_iter().flatten() {
                write(self, key, value)?;
            }
        }
        Ok(())
    }
}
