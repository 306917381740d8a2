//! How instances of a class are written, found out once per class.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PyMemoryView, PySet,
    PyString, PyTuple,
};

use super::object::{Entries, attribute, is_subtype, swallow, utf8};

/// So many classes are remembered; a program that keeps making new ones starts the memory over.
const MAX_CLASSES: usize = 4096;

/// How instances of a class are written.
#[derive(Clone)]
pub(super) enum Kind {
    Text,
    Int,
    Float,
    Dict,
    /// A list, or a class derived from it.
    List,
    /// A tuple, or a class derived from it: a named tuple too is an array, as in `json`.
    Tuple,
    /// Something of the standard library that can be iterated without running Python code.
    Iterable,
    Bytes,
    DateTime,
    Date,
    Time,
    Duration,
    Uuid,
    /// Something of the standard library whose text says all.
    Textual,
    Enumeration,
    Exception,
    /// A pydantic model, or a dataclass.
    Record(Arc<Shape>),
    /// Anything else: known by the name of its class only.
    Opaque,
}

/// The members of a pydantic model or a dataclass.
pub(super) struct Shape {
    /// The fields of a dataclass, in order. `None`: all that the instance's dictionary has.
    pub(super) fields: Option<Vec<Py<PyString>>>,
    /// Fields which the model says are never written.
    pub(super) excluded: Vec<Vec<u8>>,
    /// Fields which the model writes with code of its own. `None`: the model as a whole is.
    pub(super) custom: Option<Vec<Vec<u8>>>,
    /// Whether instances have members beyond the fields.
    pub(super) extra: bool,
}

/// What is known of classes.
#[derive(Default)]
pub(super) struct Kinds {
    /// By address; each entry keeps its class alive, so that no other can take the address.
    known: HashMap<usize, (Py<PyAny>, Kind), BuildHasherDefault<OfAddress>>,
}

/// Spreads the bits of an address, which end in zeros (Fibonacci hashing: Knuth, *The Art of Computer Programming* 3, 6.4).
#[derive(Default)]
struct OfAddress(u64);

impl Hasher for OfAddress {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_usize(usize::from(byte));
        }
    }

    fn write_usize(&mut self, address: usize) {
        self.0 = (self.0 ^ address as u64)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(26);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Kinds {
    /// How instances of the class of `object` are written.
    ///
    /// # Errors
    /// An interruption of the program.
    pub(super) fn of(&mut self, object: &Bound<'_, PyAny>) -> PyResult<Kind> {
        let address = object.get_type_ptr() as usize;
        if let Some((_, kind)) = self.known.get(&address) {
            return Ok(kind.clone());
        }
        let class = object.get_type().into_any();
        let kind = classify(object, &class)?;
        if self.known.len() >= MAX_CLASSES {
            self.known.clear();
        }
        self.known.insert(address, (class.unbind(), kind.clone()));
        Ok(kind)
    }
}

fn classify(object: &Bound<'_, PyAny>, class: &Bound<'_, PyAny>) -> PyResult<Kind> {
    let is = |module: &str, name: &str| {
        loaded(class.py(), module, name).is_some_and(|base| is_subtype(class, &base))
    };
    // An enumeration may be a string or a number too, and a model is asked before anything it may look like.
    Ok(if is("enum", "Enum") {
        Kind::Enumeration
    } else if is("pydantic.main", "BaseModel") {
        Kind::Record(Arc::new(model_shape(class)?))
    } else if object.is_instance_of::<PyString>() {
        Kind::Text
    } else if object.is_instance_of::<PyInt>() || object.is_instance_of::<PyBool>() {
        Kind::Int
    } else if object.is_instance_of::<PyFloat>() {
        Kind::Float
    } else if object.is_instance_of::<PyDict>() {
        Kind::Dict
    } else if object.is_instance_of::<PyList>() {
        Kind::List
    } else if object.is_instance_of::<PyTuple>() {
        Kind::Tuple
    } else if object.is_exact_instance_of::<PySet>()
        || object.is_exact_instance_of::<PyFrozenSet>()
        || loaded(class.py(), "collections", "deque").is_some_and(|deque| deque.is(class))
    {
        Kind::Iterable
    } else if object.is_instance_of::<PyBytes>()
        || object.is_instance_of::<PyByteArray>()
        || object.is_instance_of::<PyMemoryView>()
    {
        Kind::Bytes
    } else if is("datetime", "datetime") {
        Kind::DateTime
    } else if is("datetime", "date") {
        Kind::Date
    } else if is("datetime", "time") {
        Kind::Time
    } else if is("datetime", "timedelta") {
        Kind::Duration
    } else if is("uuid", "UUID") {
        Kind::Uuid
    } else if is_textual(class) {
        Kind::Textual
    } else if is_subtype(
        class,
        &class.py().get_type::<pyo3::exceptions::PyBaseException>(),
    ) {
        Kind::Exception
    } else if let Some(shape) = dataclass_shape(class)? {
        Kind::Record(Arc::new(shape))
    } else {
        Kind::Opaque
    })
}

/// Classes whose text is their value, exactly these: `str()` of a derived class could be anybody's code.
fn is_textual(class: &Bound<'_, PyAny>) -> bool {
    const CLASSES: [(&str, &str); 12] = [
        ("decimal", "Decimal"),
        ("pathlib", "PosixPath"),
        ("pathlib", "PurePosixPath"),
        ("pathlib", "WindowsPath"),
        ("pathlib", "PureWindowsPath"),
        ("fractions", "Fraction"),
        ("ipaddress", "IPv4Address"),
        ("ipaddress", "IPv6Address"),
        ("ipaddress", "IPv4Network"),
        ("ipaddress", "IPv6Network"),
        ("pydantic_core", "Url"),
        ("pydantic.networks", "AnyUrl"),
    ];
    CLASSES.iter().any(|&(module, name)| {
        loaded(class.py(), module, name).is_some_and(|known| known.is(class))
    })
}

/// What a module holds under a name, if the program has imported it: a class of a module that isn't there has no instances.
fn loaded<'py>(py: Python<'py>, module: &str, name: &str) -> Option<Bound<'py, PyAny>> {
    let modules = py
        .import(pyo3::intern!(py, "sys"))
        .ok()?
        .getattr(pyo3::intern!(py, "modules"))
        .ok()?;
    let module = modules
        .cast_into::<PyDict>()
        .ok()?
        .get_item(module)
        .ok()??;
    let names = module.cast_into::<pyo3::types::PyModule>().ok()?.dict();
    names.get_item(name).ok()?
}

/// What pydantic keeps about the class says which of its fields may be read off the instance.
fn model_shape(class: &Bound<'_, PyAny>) -> PyResult<Shape> {
    let py = class.py();
    let mut shape = Shape {
        fields: None,
        excluded: Vec::new(),
        custom: Some(Vec::new()),
        extra: true,
    };
    let Some(fields) = swallow(py, class.getattr("__pydantic_fields__"))?
        .filter(PyAnyMethods::is_instance_of::<PyDict>)
    else {
        shape.custom = None;
        return Ok(shape);
    };
    for (name, field) in Entries::of(&fields).into_iter().flatten() {
        // Anything but a plain "no" counts: what might be secret isn't written.
        let exclude = swallow(py, field.getattr("exclude"))?;
        if !exclude.is_some_and(|exclude| {
            exclude.is_none() || exclude.extract::<bool>().is_ok_and(|yes| !yes)
        }) {
            shape.excluded.extend(utf8(&name).map(<[u8]>::to_vec));
        }
    }
    let decorators = swallow(py, class.getattr("__pydantic_decorators__"))?;
    let group = |name: &str| -> PyResult<Option<Bound<'_, PyAny>>> {
        let Some(decorators) = &decorators else {
            return Ok(None);
        };
        swallow(py, decorators.getattr(name))
    };
    match group("model_serializers")? {
        Some(serializers)
            if Entries::of(&serializers).is_some_and(|mut entries| entries.next().is_none()) => {}
        _ => shape.custom = None,
    }
    let Some(serializers) = group("field_serializers")? else {
        shape.custom = None;
        return Ok(shape);
    };
    for (_, decorator) in Entries::of(&serializers).into_iter().flatten() {
        let named = swallow(
            py,
            decorator
                .getattr("info")
                .and_then(|info| info.getattr("fields")),
        )?;
        let listed: Option<Vec<String>> = named.and_then(|names| names.extract().ok());
        match (listed, &mut shape.custom) {
            (Some(listed), Some(custom)) => {
                custom.extend(listed.into_iter().map(String::into_bytes));
            }
            _ => shape.custom = None,
        }
    }
    if shape
        .custom
        .as_ref()
        .is_some_and(|custom| custom.iter().any(|name| name == b"*"))
    {
        shape.custom = None;
    }
    Ok(shape)
}

fn dataclass_shape(class: &Bound<'_, PyAny>) -> PyResult<Option<Shape>> {
    let py = class.py();
    let Some(fields) = swallow(py, class.getattr("__dataclass_fields__"))? else {
        return Ok(None);
    };
    let Some(entries) = Entries::of(&fields) else {
        return Ok(None);
    };
    let mut names = Vec::new();
    for (name, field) in entries {
        // A pseudo-field (`ClassVar`, `InitVar`) is no member of an instance.
        let kind = attribute(&field, &PyString::new(py, "_field_type"))?;
        let Some(kind) = kind else { return Ok(None) };
        let real = loaded(py, "dataclasses", "_FIELD").is_none_or(|real| real.is(&kind));
        if let (true, Ok(name)) = (real, name.cast_into_exact::<PyString>()) {
            names.push(name.unbind());
        }
    }
    Ok(Some(Shape {
        fields: Some(names),
        excluded: Vec::new(),
        custom: Some(Vec::new()),
        extra: false,
    }))
}

/// The name of an object's class with its module, as far as both are strings.
///
/// # Errors
/// An interruption of the program.
pub(super) fn class_name(object: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let py = object.py();
    let class = object.get_type();
    let mut name = Vec::new();
    for part in [
        swallow(py, class.getattr(pyo3::intern!(py, "__module__")))?,
        swallow(py, class.qualname().map(Bound::into_any))?,
    ] {
        let Some(part) = part.filter(PyAnyMethods::is_instance_of::<PyString>) else {
            continue;
        };
        let Some(text) = utf8(&part) else { continue };
        if text == b"builtins" {
            continue;
        }
        if !name.is_empty() {
            name.push(b'.');
        }
        name.extend_from_slice(text);
    }
    Ok(name)
}
