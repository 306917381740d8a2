//! Reading Python objects without running Python code.
//!
//! PyO3's own accessors are used where they do the same; here is what they don't offer for the stable ABI, or not
//! without raising.

#![expect(unsafe_code, reason = "calls of the C API; each says why it may")]

use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};
use pyo3::{Borrowed, ffi};

/// The entries of a dictionary in their order, taken from its storage: a subclass's `items` isn't asked.
///
/// A dictionary that changes meanwhile gives some mixture of its entries, as often as the table is long at most.
pub(super) struct Entries<'a, 'py> {
    dict: &'a Bound<'py, PyAny>,
    position: ffi::Py_ssize_t,
}

impl<'a, 'py> Entries<'a, 'py> {
    /// `None` if it is no dictionary.
    pub(super) fn of(dict: &'a Bound<'py, PyAny>) -> Option<Self> {
        dict.is_instance_of::<pyo3::types::PyDict>()
            .then_some(Self { dict, position: 0 })
    }
}

impl Entries<'_, '_> {
    /// Passes over the next entry if key and value are these very objects.
    #[inline]
    pub(super) fn skip_same(&mut self, key: &Py<PyAny>, value: &Py<PyAny>) -> bool {
        let (mut found_key, mut found_value) = (std::ptr::null_mut(), std::ptr::null_mut());
        let mut position = self.position;
        // SAFETY: as in `next`; addresses are compared, nothing is read through them.
        let found = unsafe {
            ffi::PyDict_Next(
                self.dict.as_ptr(),
                &raw mut position,
                &raw mut found_key,
                &raw mut found_value,
            )
        };
        let is_same = found != 0 && found_key == key.as_ptr() && found_value == value.as_ptr();
        if is_same {
            self.position = position;
        }
        is_same
    }
}

impl<'py> Iterator for Entries<'_, 'py> {
    type Item = (Bound<'py, PyAny>, Bound<'py, PyAny>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (mut key, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: `dict` is a dictionary (`of`) and alive. `PyDict_Next` checks the position against the table as it
        // is now, and what it hands out is alive until Python code can run, which is after both are owned.
        unsafe {
            let found = ffi::PyDict_Next(
                self.dict.as_ptr(),
                &raw mut self.position,
                &raw mut key,
                &raw mut value,
            );
            (found != 0).then(|| {
                let py = self.dict.py();
                (
                    Bound::from_borrowed_ptr(py, key),
                    Bound::from_borrowed_ptr(py, value),
                )
            })
        }
    }
}

/// Whether an item of a list is this very object.
#[inline]
pub(super) fn is_item(list: &Bound<'_, PyList>, index: usize, item: &Py<PyAny>) -> bool {
    let Ok(index) = ffi::Py_ssize_t::try_from(index) else {
        return false;
    };
    // SAFETY: `list` is a list and alive; an index beyond its end gives null with an error set. Addresses are compared,
    // nothing is read through them.
    unsafe {
        let found = ffi::PyList_GetItem(list.as_ptr(), index);
        if found.is_null() {
            ffi::PyErr_Clear();
        }
        found == item.as_ptr()
    }
}

/// The UTF-8 form of a string, or of an instance of a subclass; `None` if it has half of a surrogate pair.
#[inline]
pub(super) fn utf8<'a>(text: &'a Bound<'_, PyAny>) -> Option<&'a [u8]> {
    let mut length = 0;
    // SAFETY: what is no string gives an error, as does a string without UTF-8 form. The bytes live as long as the
    // string, which `text` holds, and are never changed.
    unsafe {
        let start = ffi::PyUnicode_AsUTF8AndSize(text.as_ptr(), &raw mut length);
        if start.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        Some(std::slice::from_raw_parts(
            start.cast::<u8>(),
            length.cast_unsigned(),
        ))
    }
}

/// The string in UTF-8, halves of surrogate pairs encoded as if they were characters.
pub(super) fn utf8_with_surrogates<'py>(text: &Bound<'py, PyAny>) -> Option<Bound<'py, PyBytes>> {
    // SAFETY: the names are C strings; the answer is a new reference to a bytes object, or null with an error set.
    unsafe {
        let bytes = ffi::PyUnicode_AsEncodedString(
            text.as_ptr(),
            c"utf-8".as_ptr(),
            c"surrogatepass".as_ptr(),
        );
        if bytes.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        Bound::from_owned_ptr(text.py(), bytes)
            .cast_into::<PyBytes>()
            .ok()
    }
}

/// The dictionary of an instance, whatever its class says `__dict__` is.
#[inline]
pub(super) fn instance_dict<'py>(object: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    // SAFETY: a new reference, or null with an error set.
    unsafe {
        let dict = ffi::PyObject_GenericGetDict(object.as_ptr(), std::ptr::null_mut());
        if dict.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        Some(Bound::from_owned_ptr(object.py(), dict))
    }
}

/// An attribute as `object.__getattribute__` finds it, whatever the class says. Only a property of the class itself
/// can run Python code.
///
/// # Errors
/// An interruption of the program (`KeyboardInterrupt` and its like) that arrived meanwhile; everything else is `None`.
pub(super) fn attribute<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    // SAFETY: a new reference, or null with an error set, which is fetched.
    let found = unsafe {
        Bound::from_owned_ptr_or_err(
            object.py(),
            ffi::PyObject_GenericGetAttr(object.as_ptr(), name.as_ptr()),
        )
    };
    swallow(object.py(), found)
}

/// An ordinary exception is as good as nothing; an interruption of the program isn't ours to swallow.
pub(super) fn swallow<T>(py: Python<'_>, result: PyResult<T>) -> PyResult<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_instance_of::<PyException>(py) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a type is another or derived from it, by its bases: what an instance says its `__class__` is doesn't count.
pub(super) fn is_subtype(of: &Bound<'_, PyAny>, base: &Bound<'_, PyAny>) -> bool {
    let (derived, base) = (of.as_ptr(), base.as_ptr());
    // SAFETY: both are types, which is checked first.
    unsafe {
        ffi::PyType_Check(derived) != 0
            && ffi::PyType_Check(base) != 0
            && ffi::PyType_IsSubtype(derived.cast(), base.cast()) != 0
    }
}

/// What a `datetime` holds, as it lies in memory.
///
/// The stable ABI has no way to these fields but eight attribute look-ups. CPython has kept this layout since 3.6;
/// whether the running one does is tried out before it is relied on ([`DateTimeLayout::probe`]).
#[repr(C)]
struct RawDateTime {
    header: ffi::PyObject,
    hash: ffi::Py_hash_t,
    has_zone: std::ffi::c_char,
    year_month_day: [u8; 4],
    hour_minute_second: [u8; 3],
    micros: [u8; 3],
    fold: u8,
    zone: *mut ffi::PyObject,
}

/// The fields of a `datetime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) year: u32,
    pub(super) month: u32,
    pub(super) day: u32,
    pub(super) hour: u32,
    pub(super) minute: u32,
    pub(super) second: u32,
    pub(super) micros: u32,
}

/// Proof that this interpreter's `datetime` objects lie in memory as [`RawDateTime`].
pub(super) struct DateTimeLayout {
    kind: Py<PyAny>,
}

impl DateTimeLayout {
    /// Tries it on two objects made for it, one of which has a zone. `kind` is the class `datetime`.
    pub(super) fn probe(kind: &Bound<'_, PyAny>, utc: &Bound<'_, PyAny>) -> Option<Self> {
        let size: usize = kind.getattr("__basicsize__").ok()?.extract().ok()?;
        if size != size_of::<RawDateTime>() {
            return None;
        }
        let layout = Self {
            kind: kind.clone().unbind(),
        };
        let expected = Fields {
            year: 2026,
            month: 11,
            day: 21,
            hour: 4,
            minute: 13,
            second: 59,
            micros: 654_321,
        };
        let naive = kind.call1((2026, 11, 21, 4, 13, 59, 654_321)).ok()?;
        let aware = kind.call1((2026, 11, 21, 4, 13, 59, 654_321, utc)).ok()?;
        let (fields, zone) = layout.read(&naive)?;
        let (aware_fields, aware_zone) = layout.read(&aware)?;
        let same = fields == expected
            && zone.is_none()
            && aware_fields == expected
            && aware_zone.is_some_and(|zone| zone.is(utc));
        same.then_some(layout)
    }

    /// The fields and the zone of `datetime`; `None` if it is no instance of the class that was probed.
    #[inline]
    pub(super) fn read<'a, 'py>(
        &self,
        datetime: &'a Bound<'py, PyAny>,
    ) -> Option<(Fields, Option<Borrowed<'a, 'py, PyAny>>)> {
        let object = datetime.as_ptr();
        let raw = object.cast::<RawDateTime>();
        // SAFETY: it is a `datetime` or derived from it, which is checked first, and `probe` has seen that these have
        // this layout (or is about to see it, of objects at least as large as what is read). One without a zone may lack
        // the last field, which is read only if the flag says it is there; what it holds is then alive, kept by `datetime`.
        unsafe {
            if ffi::PyObject_TypeCheck(object, self.kind.as_ptr().cast()) == 0 {
                return None;
            }
            let [high, low, month, day] = (*raw).year_month_day;
            let [hour, minute, second] = (*raw).hour_minute_second;
            let [m0, m1, m2] = (*raw).micros;
            let fields = Fields {
                year: u32::from_be_bytes([0, 0, high, low]),
                month: u32::from(month),
                day: u32::from(day),
                hour: u32::from(hour),
                minute: u32::from(minute),
                second: u32::from(second),
                micros: u32::from_be_bytes([0, m0, m1, m2]),
            };
            let zone =
                ((*raw).has_zone != 0).then(|| Borrowed::from_ptr(datetime.py(), (*raw).zone));
            Some((fields, zone))
        }
    }
}
