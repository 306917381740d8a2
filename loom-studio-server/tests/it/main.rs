//! The server as its clients meet it: real sockets, and the real binary where a process is the subject.

mod data_dir;
mod golden;
mod harness;
mod http;
mod http_client;
mod ingest_legacy;
mod ingest_v1;
mod limits;
mod memory;
mod openapi;
mod past;
mod process;
mod runs;
mod runs_cli;
mod security;
mod shutdown;
mod stores;
mod transfer;
mod transfer_cli;
mod ui;
mod viewer;
mod viewer_lag;
mod viewer_legacy;
mod viewer_v1;
mod websocket;
