//! A Rust program that shows itself in Studio: `cargo run -p loom-studio-examples --example sender [URL]`, beside a running server.

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use loom_studio::sender::{ConfigError, Sender, SenderConfig};

#[expect(clippy::print_stdout, reason = "shows what it did")]
fn main() -> Result<ExitCode, ConfigError> {
    let url = env::args().nth(1);
    let mut config = SenderConfig::new(url.as_deref().unwrap_or("ws://localhost:8765"));
    config.session = format!("example-{}", std::process::id());
    // A server that isn't there yet is waited for; nothing here ever is.
    let sender = Sender::start(config)?;

    let session = std::process::id();
    for number in 1..=100 {
        let request = format!("{session}-request-{number}");
        let events = [
            format!(
                r#"{{"specversion":"1.0","id":"{request}","source":"/node/crew/master","type":"node.request","subject":"/node/tool/calculator","data":{{"arguments":{{"x":{number}}}}}}}"#
            ),
            format!(
                r#"{{"specversion":"1.0","id":"{session}-response-{number}","source":"/node/tool/calculator","type":"node.response","causationid":"{request}","data":{{"request_id":"{request}","result":{}}}}}"#,
                number * number
            ),
        ];
        for event in events {
            // What is refused is counted, and shown below.
            let _ = sender.push(event.as_bytes());
        }
    }

    let is_delivered = sender.close(Duration::from_secs(5));
    println!("{:#?}", sender.stats());
    Ok(if is_delivered {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
