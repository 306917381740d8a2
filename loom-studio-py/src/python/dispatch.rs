//! The class `Dispatch`: one event on its way through a dispatcher.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::capture::{Snapshot, event_id};
use super::sender::Sender;

/// One event on its way through a dispatcher, from the first interceptor to the outcome.
///
/// Whoever watches the way (several interceptors may) tells it here, and each thing is reported once.
#[pyclass(module = "loom_studio._native")]
pub(super) struct Dispatch {
    owner: Option<Py<PyAny>>,
    cause: Option<Py<PyAny>>,
    open: Option<(Py<Sender>, Snapshot)>,
    /// The id of the event that was captured.
    id: Option<Py<PyAny>>,
    is_published: bool,
}

/// A new [`Dispatch`]; cheaper to call than the class.
///
/// `here` is what is going on where the event is dispatched: the id of the event that is being handled, another dispatch, or nothing. `owner` is the dispatcher.
#[pyfunction]
#[pyo3(signature = (here, owner, /))]
pub(super) fn begin(here: &Bound<'_, PyAny>, owner: Py<PyAny>) -> Dispatch {
    Dispatch::new(here, Some(owner))
}

/// The id of an event, if it is a string.
#[pyfunction(name = "event_id")]
#[pyo3(signature = (event, /))]
pub(super) fn id_of_event<'py>(event: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    event_id(event)
}

#[pymethods]
impl Dispatch {
    #[new]
    #[pyo3(signature = (here, owner=None))]
    fn new(here: &Bound<'_, PyAny>, owner: Option<Py<PyAny>>) -> Self {
        Self {
            owner,
            cause: cause_of(here),
            open: None,
            id: None,
            is_published: false,
        }
    }

    /// The dispatcher.
    #[getter]
    fn owner(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.owner.as_ref().map(|owner| owner.clone_ref(py))
    }

    /// The id of the event that was being handled.
    #[getter]
    fn cause(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.cause.as_ref().map(|cause| cause.clone_ref(py))
    }

    /// Whether an event was captured on this way.
    #[getter]
    fn is_seen(&self) -> bool {
        self.id.is_some()
    }

    /// Whether the bus has taken the event.
    #[getter]
    fn is_published(&self) -> bool {
        self.is_published
    }

    /// An interceptor saw the event before it is published. `False` if another event is on this way.
    fn before(&mut self, sender: &Bound<'_, Sender>, event: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = event.py();
        let Some(id) = event_id(event)? else {
            return Ok(false);
        };
        if let Some(mine) = &self.id {
            return Ok(is_same(mine.bind(py), &id));
        }
        self.id = Some(id.unbind());
        let cause = self.cause.as_ref().map(|cause| cause.bind(py));
        if let Some(snapshot) = sender.get().take(event, cause)? {
            self.open = Some((sender.clone().unbind(), snapshot));
        }
        Ok(true)
    }

    /// An interceptor saw the event after it was published. `False` if another event is on this way.
    fn after(&mut self, sender: &Bound<'_, Sender>, event: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = event.py();
        let (Some(mine), Some(id)) = (&self.id, event_id(event)?) else {
            return Ok(false);
        };
        if !is_same(mine.bind(py), &id) {
            return Ok(false);
        }
        let first = !std::mem::replace(&mut self.is_published, true);
        if let (true, Some((opened, snapshot))) = (first, &mut self.open)
            && opened.is(sender)
        {
            let told = sender.get().outcome(py, snapshot, Some(event), "post");
            // Tasks that were begun on this way keep it in their context: what it holds should be little.
            snapshot.forget_members();
            told?;
        }
        Ok(true)
    }

    /// The dispatch has ended, as `phase` says: `blocked`, `timeout` or `raised`.
    fn end(&mut self, py: Python<'_>, phase: &str) -> PyResult<()> {
        let Some((sender, snapshot)) = self.open.take() else {
            return Ok(());
        };
        sender.get().outcome(py, &snapshot, None, phase)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // The rest are strings and a sender, which refer to nothing.
        visit.call(&self.owner)
    }

    fn __clear__(&mut self) {
        self.owner = None;
    }
}

fn cause_of(here: &Bound<'_, PyAny>) -> Option<Py<PyAny>> {
    if here.is_instance_of::<PyString>() {
        return Some(here.clone().unbind());
    }
    let outer = here.cast::<Dispatch>().ok()?.try_borrow().ok()?;
    outer.cause.as_ref().map(|cause| cause.clone_ref(here.py()))
}

fn is_same(one: &Bound<'_, PyAny>, other: &Bound<'_, PyAny>) -> bool {
    one.is(other)
        || matches!((one.cast::<PyString>(), other.cast::<PyString>()), (Ok(one), Ok(other)) if one.to_cow().ok() == other.to_cow().ok())
}
