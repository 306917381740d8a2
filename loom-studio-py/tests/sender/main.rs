//! The sender against the real server, over real sockets.

mod delivery;
mod harness;
