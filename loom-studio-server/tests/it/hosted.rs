//! Servers inside this very process, which has no runtime of its own.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};

use loom_studio_core::RetainPolicy;
use loom_studio_server::{HostError, HostOptions, Hosted, Keep, Settings};

const MEMORY: Keep = Keep::Memory {
    max_records: None,
    max_bytes: None,
};

fn start(keep: Keep, port: u16) -> Result<Hosted, HostError> {
    Hosted::start(HostOptions {
        settings: Settings {
            port,
            ..Settings::default()
        },
        keep,
        retain: RetainPolicy::default(),
    })
}

/// The status line and body of an answer.
fn exchange(address: SocketAddr, request: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/cloudevents+json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn post(server: &Hosted, id: &str) {
    let event = format!(r#"{{"specversion":"1.0","id":"{id}","source":"/node/a","type":"t"}}"#);
    let answer = exchange(server.local_addr(), "POST /events", &event);
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
}

fn events(server: &Hosted) -> String {
    exchange(server.local_addr(), "GET /api/events", "")
}

#[test]
fn several_servers_keep_apart_in_one_process() {
    let mut first = start(MEMORY, 0).unwrap();
    let second = start(MEMORY, 0).unwrap();
    post(&first, "one");
    assert!(events(&first).contains(r#""id":"one""#));
    assert!(events(&second).contains(r#""total":0"#));

    first.stop().unwrap();
    first.stop().unwrap();
    assert!(!first.is_running());
    assert!(TcpStream::connect(first.local_addr()).is_err());
    assert!(second.is_running());
    post(&second, "two");
}

#[test]
fn a_stopped_server_leaves_its_directory_free_and_whole() {
    let dir = tempfile::tempdir().unwrap();
    let keep = Keep::Directory(dir.path().to_owned());
    let server = start(keep.clone(), 0).unwrap();
    post(&server, "one");

    let refused = start(keep.clone(), 0).unwrap_err();
    assert_eq!(refused.code(), "data_dir_in_use");
    let process = format!("in use by process {}", std::process::id());
    assert!(refused.to_string().contains(&process), "{refused}");

    drop(server);
    let server = start(keep, 0).unwrap();
    assert!(events(&server).contains(r#""id":"one""#));
}

#[test]
fn why_a_server_did_not_start_has_a_code() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    assert_eq!(start(MEMORY, port).unwrap_err().code(), "port_in_use");

    let nowhere = Keep::Directory("/dev/null/nowhere".into());
    assert_eq!(start(nowhere, 0).unwrap_err().code(), "store_io");

    let open_to_all = Hosted::start(HostOptions {
        settings: Settings {
            host: "0.0.0.0".parse().unwrap(),
            port: 0,
            ..Settings::default()
        },
        keep: MEMORY,
        retain: RetainPolicy::default(),
    });
    assert_eq!(open_to_all.unwrap_err().code(), "token_needed");
}
