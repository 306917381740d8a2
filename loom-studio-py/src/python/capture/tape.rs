//! What a value was, without its text: its parts that can't change, held, and how they hang together.
//!
//! Comparing objects by identity costs a fraction of writing them again. Only what consists of dictionaries, lists and values of Python's own
//! immutable classes is recorded; a change of anything else is found by its text.

use std::slice::Iter;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::object::{Entries, is_item};
use super::writer::{Writer, Written};

/// One step through a value, in the order in which it is written.
pub(super) enum Item {
    /// A key, or a value that can't change.
    Leaf(Py<PyAny>),
    /// A dictionary, of which so many keys and values follow.
    Dict(usize),
    /// A list, of which so many values follow.
    List(usize),
}

/// Whether a value consists of the very objects that were recorded. `false` may also mean that it is equal.
pub(super) fn is_same(value: &Bound<'_, PyAny>, items: &mut Iter<'_, Item>) -> bool {
    match items.next() {
        None => false,
        Some(Item::Leaf(leaf)) => leaf.is(value),
        Some(Item::Dict(count)) => is_same_dict(value, *count, items),
        Some(Item::List(count)) => is_same_list(value, *count, items),
    }
}

fn is_same_dict(dict: &Bound<'_, PyAny>, count: usize, items: &mut Iter<'_, Item>) -> bool {
    if !dict.is_exact_instance_of::<PyDict>() {
        return false;
    }
    let Some(mut entries) = Entries::of(dict) else {
        return false;
    };
    for _ in 0..count {
        let Some(Item::Leaf(key)) = items.next() else {
            return false;
        };
        let is_same = if let Some(Item::Leaf(leaf)) = items.as_slice().first() {
            items.next();
            entries.skip_same(key, leaf)
        } else {
            entries
                .next()
                .is_some_and(|(found, value)| key.is(&found) && is_same(&value, items))
        };
        if !is_same {
            return false;
        }
    }
    entries.next().is_none()
}

fn is_same_list(list: &Bound<'_, PyAny>, count: usize, items: &mut Iter<'_, Item>) -> bool {
    let Ok(list) = list.cast_exact::<PyList>() else {
        return false;
    };
    if list.len() != count {
        return false;
    }
    (0..count).all(|index| {
        if let Some(Item::Leaf(leaf)) = items.as_slice().first() {
            items.next();
            is_item(list, index, leaf)
        } else {
            list.get_item(index)
                .is_ok_and(|value| is_same(&value, items))
        }
    })
}

impl Writer<'_> {
    /// Records a key or a value that can't change.
    #[inline]
    pub(super) fn keep(&mut self, leaf: Bound<'_, PyAny>) {
        if self.is_taping {
            self.tape.push(Item::Leaf(leaf.unbind()));
        }
    }

    /// Appends the text of what was recorded: what `value` wrote then.
    ///
    /// # Errors
    /// [`Stop`](super::Stop).
    pub(super) fn recorded(&mut self, py: Python<'_>, items: &mut Iter<'_, Item>) -> Written {
        match items.next() {
            None => {}
            Some(Item::Leaf(leaf)) => {
                self.leaf(leaf.bind(py))?;
            }
            Some(Item::Dict(count)) => {
                self.out.push(b'{');
                for index in 0..*count {
                    if index > 0 {
                        self.out.push(b',');
                    }
                    self.recorded(py, items)?;
                    self.out.push(b':');
                    self.recorded(py, items)?;
                }
                self.out.push(b'}');
            }
            Some(Item::List(count)) => {
                self.out.push(b'[');
                for index in 0..*count {
                    if index > 0 {
                        self.out.push(b',');
                    }
                    self.recorded(py, items)?;
                }
                self.out.push(b']');
            }
        }
        self.check(0)
    }
}
