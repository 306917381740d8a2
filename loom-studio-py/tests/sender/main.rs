//! The sender against the real server and against servers that misbehave, over real sockets.

mod bounds;
mod delivery;
mod fake;
mod faults;
mod harness;
mod negotiation;
#[expect(
    dead_code,
    reason = "shared with the server's tests, which use more of it"
)]
#[path = "../../../loom-studio-server/tests/it/stores.rs"]
mod stores;
mod tls;
