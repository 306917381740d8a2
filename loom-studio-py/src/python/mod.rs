//! The module as Python sees it. `python/loom_studio/_native.pyi` describes the same and is checked against it.

mod capture;
mod dispatch;
mod redact;
mod sender;
#[cfg(feature = "server")]
mod serve;

use pyo3::prelude::*;

/// The native side of `loom_studio`.
// Objects are read under the lock of the interpreter, which alone keeps other threads from changing them meanwhile.
#[pymodule(gil_used = true)]
mod _native {
    #[pymodule_export]
    use super::dispatch::{Dispatch, begin, id_of_event};
    #[pymodule_export]
    use super::sender::Sender;
    #[pymodule_export]
    #[expect(
        non_upper_case_globals,
        reason = "the name is Python's convention for a module's version"
    )]
    const __version__: &str = crate::VERSION;

    #[cfg(feature = "server")]
    #[pymodule_export]
    use super::serve::{Server, main, platform_directory};
}
