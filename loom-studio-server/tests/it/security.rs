//! Who may ask: `Host`, `Origin`, token and workspace, on HTTP and on the WebSocket handshake alike.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use loom_studio_server::{Components, Server, Settings, StartError, Token};
use serde_json::json;

use crate::harness::{TestServer, V1, event, memory, numbered};
use crate::http_client::Request;
use crate::websocket::Dial;

const WS: [&str; 2] = ["/ws/ingest", "/ws/events"];

fn token(secret: &str, workspace: Option<&str>) -> Token {
    Token {
        secret: secret.to_owned(),
        workspace: workspace.map(str::to_owned),
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

#[tokio::test]
async fn a_host_that_is_not_this_server_is_refused() {
    let server = TestServer::start().await;
    let port = server.addr.port();
    for host in [
        format!("localhost:{port}"),
        format!("127.0.0.1:{port}"),
        format!("[::1]:{port}"),
        format!("LOCALHOST:{port}"),
    ] {
        let response = Request::get("/api/events")
            .header("host", &host)
            .send(server.addr)
            .await;
        assert_eq!(response.status, 200, "{host}");
        let response = Request::upgrade("/ws/events", V1)
            .header("host", &host)
            .send(server.addr)
            .await;
        assert_eq!(response.status, 101, "{host}");
    }
    // A name that an attacker points at 127.0.0.1, another port, and the forms that fool a careless comparison.
    for host in [
        "attacker.example".to_owned(),
        format!("attacker.example:{port}"),
        format!("localhost.attacker.example:{port}"),
        format!("attacker.example@localhost:{port}"),
        "localhost".to_owned(),
        format!("localhost:{}", port.wrapping_add(1)),
        format!("0.0.0.0:{port}"),
        format!("127.0.0.2:{port}"),
        String::new(),
    ] {
        for path in ["/", "/api/events", "/metrics", "/api/nothing"] {
            Request::get(path)
                .header("host", &host)
                .send(server.addr)
                .await
                .problem(403, "forbidden_host");
        }
        for path in WS {
            Request::upgrade(path, V1)
                .header("host", &host)
                .send(server.addr)
                .await
                .problem(403, "forbidden_host");
        }
        let writing = Request::post(
            "/events",
            "application/cloudevents+json",
            event("1").to_string(),
        );
        writing
            .header("host", &host)
            .send(server.addr)
            .await
            .problem(403, "forbidden_host");
    }
    assert_eq!(server.get("/api/events").await.ok()["total"], 0);
}

#[tokio::test]
async fn the_host_of_an_absolute_target_counts_too() {
    let server = TestServer::start().await;
    let host = format!("127.0.0.1:{}", server.addr.port());
    let request = Request::get("http://attacker.example/api/events").header("host", &host);
    request
        .send(server.addr)
        .await
        .problem(403, "forbidden_host");
}

#[tokio::test]
async fn a_page_of_another_origin_can_neither_read_nor_write() {
    let server = TestServer::start().await;
    let port = server.addr.port();
    for origin in [
        format!("http://localhost:{port}"),
        format!("http://127.0.0.1:{port}"),
        format!("http://[::1]:{port}"),
    ] {
        let response = Request::get("/api/events")
            .header("origin", &origin)
            .send(server.addr)
            .await;
        assert_eq!(response.status, 200, "{origin}");
        for path in WS {
            let response = Request::upgrade(path, V1)
                .header("origin", &origin)
                .send(server.addr)
                .await;
            assert_eq!(response.status, 101, "{origin}");
        }
    }
    for origin in [
        "http://attacker.example".to_owned(),
        format!("http://attacker.example:{port}"),
        format!("http://localhost:{}", port.wrapping_add(1)),
        "http://localhost".to_owned(),
        format!("http://localhost:{port}.attacker.example"),
        format!("ftp://localhost:{port}"),
        "null".to_owned(),
        String::new(),
    ] {
        let refused = |request: Request| {
            let request = request.header("origin", &origin);
            async move {
                request
                    .send(server.addr)
                    .await
                    .problem(403, "forbidden_origin")
            }
        };
        refused(Request::get("/api/events")).await;
        refused(Request::get("/")).await;
        refused(Request::post(
            "/events",
            "application/cloudevents+json",
            event("1").to_string(),
        ))
        .await;
        for path in WS {
            for protocol in ["", V1] {
                refused(Request::upgrade(path, protocol)).await;
            }
        }
    }
    // What the browser is told leaves other origins no way to read an answer either.
    let response = Request::new("OPTIONS", "/api/events")
        .header("origin", "http://attacker.example")
        .header("access-control-request-method", "GET")
        .send(server.addr)
        .await;
    assert_eq!(response.header("access-control-allow-origin"), None);
    assert_eq!(server.get("/api/events").await.ok()["total"], 0);
}

#[tokio::test]
async fn configured_hosts_and_origins_are_let_in() {
    let server = TestServer::with(|settings| {
        settings.allow_hosts = vec!["studio.example".to_owned(), "other.example:8443".to_owned()];
        settings.allow_origins = vec!["https://app.example".to_owned()];
    })
    .await;
    let host = |host: &'static str| {
        Request::get("/api/events")
            .header("host", host)
            .send(server.addr)
    };
    for allowed in ["studio.example", "studio.example:443", "other.example:8443"] {
        assert_eq!(host(allowed).await.status, 200, "{allowed}");
    }
    for refused in [
        "sub.studio.example",
        "studio.example.attacker.example",
        "other.example",
        "other.example:8444",
    ] {
        host(refused).await.problem(403, "forbidden_host");
    }
    let origin = |origin: &'static str| {
        Request::upgrade("/ws/events", V1)
            .header("origin", origin)
            .send(server.addr)
    };
    for allowed in ["https://app.example", "https://studio.example"] {
        assert_eq!(origin(allowed).await.status, 101, "{allowed}");
    }
    for refused in [
        "http://app.example",
        "https://app.example:444",
        "https://app.example.attacker.example",
    ] {
        origin(refused).await.problem(403, "forbidden_origin");
    }
}

#[tokio::test]
async fn a_token_is_asked_of_everything_but_health() {
    let server = TestServer::with(|settings| {
        settings.tokens = vec![token("s3cret:with colon", None), token("other", None)];
    })
    .await;
    for path in [
        "/",
        "/api/events",
        "/api/nothing",
        "/metrics",
        "/api/openapi.json",
        "/api/topology",
    ] {
        let response = server.get(path).await;
        response.problem(401, "unauthorized");
        let challenge = response.header("www-authenticate").unwrap();
        assert!(
            challenge.contains("Basic") && challenge.contains("Bearer"),
            "{challenge}"
        );
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    Request::post(
        "/events",
        "application/cloudevents+json",
        event("1").to_string(),
    )
    .send(server.addr)
    .await
    .problem(401, "unauthorized");

    let with = |value: String| {
        Request::get("/api/events")
            .header("authorization", &value)
            .send(server.addr)
    };
    for good in [
        "Bearer s3cret:with colon".to_owned(),
        "bearer other".to_owned(),
        basic("any", "s3cret:with colon"),
        basic("", "other"),
    ] {
        assert_eq!(with(good.clone()).await.status, 200, "{good}");
    }
    for wrong in [
        "Bearer ".to_owned(),
        "Bearer s3cret".to_owned(),
        "Bearer othe".to_owned(),
        "Bearer other2".to_owned(),
        "Bearer OTHER".to_owned(),
        "other".to_owned(),
        "Token other".to_owned(),
        basic("other", ""),
        basic("other", "wrong"),
        "Basic !!!".to_owned(),
        format!("Basic {}", STANDARD.encode("other")),
    ] {
        with(wrong).await.problem(401, "unauthorized");
    }
}

#[tokio::test]
async fn a_token_is_asked_of_web_socket_handshakes() {
    let server = TestServer::with(|settings| settings.tokens = vec![token("secret", None)]).await;
    for path in WS {
        for protocol in ["", V1] {
            Request::upgrade(path, protocol)
                .send(server.addr)
                .await
                .problem(401, "unauthorized");
            let wrong = Request::upgrade(path, protocol).header("authorization", "Bearer wrong");
            wrong.send(server.addr).await.problem(401, "unauthorized");
            for good in ["Bearer secret".to_owned(), basic("any", "secret")] {
                let request = Request::upgrade(path, protocol).header("authorization", &good);
                assert_eq!(request.send(server.addr).await.status, 101, "{path} {good}");
            }
        }
    }
    let dial = Dial {
        headers: vec![("authorization".to_owned(), basic("any", "secret"))],
        ..Dial::protocol(V1)
    };
    let mut socket = dial.open(server.addr, "/ws/ingest").await;
    socket.frame("hello").await;
    socket.send_json(&numbered(1, &[event("1")])).await;
    socket.frame("ack").await;
}

#[tokio::test]
async fn another_address_than_loopback_needs_a_token() {
    let everywhere = |tokens| Settings {
        host: "0.0.0.0".parse().unwrap(),
        port: 0,
        tokens,
        ..Settings::default()
    };
    let refused = Server::bind(everywhere(Vec::new()), memory(), Components::default()).await;
    assert!(
        matches!(refused, Err(StartError::TokenNeeded(_))),
        "{refused:?}"
    );
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("token"), "{message}");
    let bound = Server::bind(
        everywhere(vec![token("secret", None)]),
        memory(),
        Components::default(),
    )
    .await;
    assert_ne!(bound.unwrap().local_addr().port(), 0);
}

#[tokio::test]
async fn a_secret_is_in_no_debug_output() {
    let settings = Settings {
        tokens: vec![token("hush-hush", Some("team"))],
        ..Settings::default()
    };
    assert!(!format!("{settings:?}").contains("hush-hush"));
}

#[tokio::test]
async fn workspaces_do_not_see_each_other() {
    let server = TestServer::start().await;
    server.append_to("one", &[event("same id")]).await;
    server
        .append_to("two", &[event("same id"), event("second")])
        .await;
    for (workspace, events) in [("one", 1), ("two", 2), ("default", 0), ("three", 0)] {
        let page = server
            .get(&format!("/api/events?workspace={workspace}"))
            .await
            .ok();
        assert_eq!(page["total"], events, "{workspace}");
        let nodes = server
            .get(&format!("/api/topology?workspace={workspace}"))
            .await
            .ok();
        assert_eq!(
            nodes["nodes"].as_array().unwrap().len(),
            if events == 0 { 0 } else { 2 }
        );
        let sessions = server
            .get(&format!("/api/sessions?workspace={workspace}"))
            .await
            .ok();
        assert_eq!(
            sessions["sessions"].as_array().unwrap().len(),
            usize::from(events > 0)
        );
    }
    assert_eq!(server.get("/api/events/1?workspace=one").await.status, 200);
    server
        .get("/api/events/1?workspace=two")
        .await
        .problem(404, "not_found");
    // Written in another way it is the same workspace, and no way into another one.
    assert_eq!(
        server.get("/api/events?workspace=%6fne").await.ok()["total"],
        1
    );
    for wrong in ["workspace=", "workspace=a%0Ab"] {
        assert_eq!(
            server.get(&format!("/api/events?{wrong}")).await.status,
            400,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_bound_token_opens_its_workspace_alone() {
    let server = TestServer::with(|settings| {
        settings.tokens = vec![token("of one", Some("one")), token("of all", None)];
    })
    .await;
    server.append_to("one", &[event("1")]).await;
    server.append_to("two", &[event("1"), event("2")]).await;
    let get = |secret: &str, target: &str| {
        let request = Request::get(target).header("authorization", &format!("Bearer {secret}"));
        request.send(server.addr)
    };
    // Without asking for one, the token's own is meant.
    assert_eq!(get("of one", "/api/events").await.ok()["total"], 1);
    assert_eq!(
        get("of one", "/api/events?workspace=one").await.ok()["total"],
        1
    );
    assert_eq!(
        get("of all", "/api/events?workspace=two").await.ok()["total"],
        2
    );
    for path in [
        "/api/events",
        "/api/topology",
        "/api/sessions",
        "/api/events/2",
    ] {
        get("of one", &format!("{path}?workspace=two"))
            .await
            .problem(403, "forbidden_workspace");
        // Asking twice doesn't help.
        let own = get("of one", path).await;
        for disguise in [
            "workspace=one&workspace=two",
            "%77orkspace=two",
            "x=1;workspace=two",
        ] {
            let answer = get("of one", &format!("{path}?{disguise}")).await;
            assert!(
                answer.status >= 400 || answer.body == own.body,
                "{path}?{disguise}: {}",
                answer.text()
            );
        }
    }
    for path in WS {
        let request = Request::upgrade(&format!("{path}?workspace=two"), V1)
            .header("authorization", "Bearer of one");
        request
            .send(server.addr)
            .await
            .problem(403, "forbidden_workspace");
    }
    let dial = Dial {
        headers: vec![("authorization".to_owned(), "Bearer of one".to_owned())],
        ..Dial::protocol(V1)
    };
    let mut socket = dial.open(server.addr, "/ws/ingest").await;
    socket.frame("hello").await;
    socket.send_json(&numbered(1, &[event("by socket")])).await;
    assert_eq!(socket.frame("ack").await["rejected"], json!([]));
    assert_eq!(get("of one", "/api/events").await.ok()["total"], 2);
}
