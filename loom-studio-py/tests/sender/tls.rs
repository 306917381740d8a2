//! `wss://`: a certificate that is trusted, and one that isn't.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use loom_studio::sender::{ConfigError, Sender, SenderConfig};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::harness::{PATIENCE, TestServer, config, event, memory, start, wait_for};

/// Ends TLS in front of a server, as a proxy does, with a certificate of its own making.
struct Proxy {
    port: u16,
    /// Its certificate.
    pem: String,
    _runtime: Runtime,
}

impl Proxy {
    fn to(server: SocketAddr) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let certificate = made.cert.der().clone();
        let text = base64::engine::general_purpose::STANDARD.encode(&certificate);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(TcpListener::bind(("127.0.0.1", 0)))
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that doesn't trust it hangs up.
                    if let Ok(mut inside) = acceptor.accept(stream).await {
                        let mut outside = TcpStream::connect(server).await.unwrap();
                        let _ = copy_bidirectional(&mut inside, &mut outside).await;
                    }
                });
            }
        });
        Self {
            port,
            pem,
            _runtime: runtime,
        }
    }
}

fn file(dir: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = dir.path().join("ca.pem");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn events_go_through_tls() {
    let server = TestServer::over(memory(), |settings| {
        settings.allow_hosts = vec!["localhost".to_owned()];
    });
    let proxy = Proxy::to(server.addr);
    let dir = tempfile::tempdir().unwrap();
    for scheme in ["wss", "https"] {
        let sender = start(SenderConfig {
            ca_file: Some(file(&dir, &proxy.pem)),
            ..config(&format!("{scheme}://localhost:{}", proxy.port))
        });
        for id in 0..1_000 {
            sender.push(&event(format!("{scheme}-{id}"))).unwrap();
        }
        assert!(sender.flush(PATIENCE), "{:?}", sender.stats());
        assert!(sender.close(PATIENCE));
    }
    assert_eq!(server.count(), 2_000);
}

#[test]
fn a_certificate_nobody_vouches_for_is_not_trusted() {
    let server = TestServer::start();
    let proxy = Proxy::to(server.addr);
    let sender = start(config(&format!("wss://localhost:{}", proxy.port)));
    sender.push(&event(1)).unwrap();
    let stats = wait_for(&sender, "the failure", |stats| stats.last_error.is_some());
    let error = stats.last_error.unwrap();
    assert!(error.contains("certificate"), "{error}");
    assert_eq!((stats.connected, server.count()), (false, 0));
}

#[test]
fn a_file_without_certificates_is_told_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    for path in [file(&dir, "nothing"), dir.path().join("absent")] {
        let started = Sender::start(SenderConfig {
            ca_file: Some(path),
            ..config("wss://localhost:1")
        });
        assert!(matches!(started, Err(ConfigError::Certificates { .. })));
    }
}
