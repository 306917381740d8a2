//! Figures of a log or a part of it: tokens, response times, throughput, errors, and where the time of runs went. The definitions in prose: `docs/metrics.md`.
//!
//! Calls are paired by the topology's fold, and tokens are counted by the runs' fold: what those know already is read from them. [`Metrics`] folds only what nobody else does. [`Measured`] is the three at one
//! position, and gives the answer.

mod bottlenecks;
mod fold;
mod measured;
mod save;
mod throughput;
mod view;

pub use bottlenecks::{Bottleneck, Bottlenecks, bottlenecks};
pub use fold::Metrics;
pub use measured::{Measured, measure};
pub use throughput::{Throughput, TimeBucket};
pub use view::{CallFigures, MetricsView, ModelFigures};
