//! The suite every [`EventStore`](crate::EventStore) must pass.
