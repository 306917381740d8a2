//! What must hold of any bytes: the bodies of the fuzz targets, for `fuzz/` and for the tests. Not covered by semver.

mod disk;
mod envelope;
mod recovery;

pub use envelope::envelope;
pub use recovery::recovery;

pub use crate::store::{frame, index};

/// A target: panics when a promise is broken.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name in `fuzz/fuzz_targets`.
    pub name: &'static str,
    /// Its body.
    pub run: fn(&[u8]),
    /// Inputs that reach far into the code, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: [Target; 4] = [
    Target {
        name: "envelope",
        run: envelope,
        seeds: envelope::seeds,
    },
    Target {
        name: "frame",
        run: frame,
        seeds: recovery::frame_seeds,
    },
    Target {
        name: "index",
        run: index,
        seeds: recovery::index_seeds,
    },
    Target {
        name: "recovery",
        run: recovery,
        seeds: recovery::seeds,
    },
];
