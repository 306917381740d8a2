//! HTTP's side of things: who may ask, CloudEvents in requests, the page's files.

pub(crate) mod assets;
pub(crate) mod binding;
pub(crate) mod items;
pub(crate) mod security;
