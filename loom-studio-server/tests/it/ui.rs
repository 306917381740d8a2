//! The web page as the server delivers it.

use crate::harness::TestServer;
use crate::http_client::Request;

/// The page's own script and style files, as its HTML names them.
fn assets(html: &str) -> Vec<String> {
    html.split('"')
        .filter_map(|part| part.strip_prefix("./").or_else(|| part.strip_prefix('/')))
        .filter(|path| path.starts_with("assets/"))
        .map(|path| format!("/{path}"))
        .collect()
}

#[tokio::test]
async fn the_page_comes_with_a_strict_policy() {
    let server = TestServer::start().await;
    let page = server.get("/").await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let policy = page.header("content-security-policy").unwrap();
    for directive in [
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(directive), "{directive} in {policy}");
    }
    for weak in ["unsafe-inline", "unsafe-eval", "http:", "https:", "*"] {
        assert!(!policy.contains(weak), "{weak} in {policy}");
    }
    // Nothing in the page needs more than the policy allows.
    let html = page.text();
    assert!(
        !html.contains("<script>") && !html.contains("<style"),
        "{html}"
    );
    assert!(
        !html.contains("http://") && !html.contains("https://"),
        "{html}"
    );
    assert!(!assets(&html).is_empty(), "{html}");
}

#[tokio::test]
async fn assets_are_kept_for_ever_and_the_page_is_asked_for_again() {
    let server = TestServer::start().await;
    for asset in assets(&server.get("/").await.text()) {
        let response = server.get(&asset).await;
        assert_eq!(response.status, 200, "{asset}");
        assert_eq!(
            response.header("cache-control"),
            Some("public, max-age=31536000, immutable"),
            "{asset}"
        );
        let kind = response.header("content-type").unwrap();
        let expected = match asset.rsplit('.').next().unwrap() {
            "css" => "text/css",
            "js" => "text/javascript",
            "svg" => "image/svg+xml",
            other => panic!("{other} needs a type here"),
        };
        assert!(kind.starts_with(expected), "{asset} is {kind}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    }
}

#[tokio::test]
async fn an_unchanged_file_is_304() {
    let server = TestServer::start().await;
    let html = server.get("/").await;
    let asset = assets(&html.text()).remove(0);
    for path in ["/".to_owned(), asset] {
        let response = server.get(&path).await;
        let tag = response.header("etag").unwrap().to_owned();
        let again = Request::get(&path)
            .header("if-none-match", &tag)
            .send(server.addr)
            .await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), Some(tag.as_str()));
        assert_eq!(
            again.header("cache-control"),
            response.header("cache-control")
        );
        let list = format!("\"other\", {tag}");
        assert_eq!(
            Request::get(&path)
                .header("if-none-match", &list)
                .send(server.addr)
                .await
                .status,
            304
        );
        assert_eq!(
            Request::get(&path)
                .header("if-none-match", "\"other\"")
                .send(server.addr)
                .await
                .status,
            200
        );
    }
}

#[tokio::test]
async fn files_are_compressed_for_who_can_read_it() {
    let server = TestServer::start().await;
    let asset = assets(&server.get("/").await.text())
        .into_iter()
        .find(|path| path.rsplit('.').next() == Some("js"))
        .unwrap();
    let plain = server.get(&asset).await;
    assert_eq!(plain.header("content-encoding"), None);
    let packed = Request::get(&asset)
        .header("accept-encoding", "gzip, deflate, br")
        .send(server.addr)
        .await;
    let encoding = packed.header("content-encoding").unwrap();
    assert!(["gzip", "br"].contains(&encoding), "{encoding}");
    assert!(
        packed.body.len() * 2 < plain.body.len(),
        "{} of {} bytes",
        packed.body.len(),
        plain.body.len()
    );
    assert!(
        packed
            .header("vary")
            .unwrap()
            .to_ascii_lowercase()
            .contains("accept-encoding")
    );
    let refused = Request::get(&asset)
        .header("accept-encoding", "gzip;q=0, br;q=0, identity")
        .send(server.addr)
        .await;
    assert_eq!(refused.header("content-encoding"), None);
    assert_eq!(refused.body, plain.body);
}

#[tokio::test]
async fn every_view_of_the_page_has_an_address() {
    let server = TestServer::start().await;
    let page = server.get("/").await.body;
    for path in [
        "/topology",
        "/log?event=7",
        "/runs/r-1/deep/view",
        "/index.html",
    ] {
        let response = server.get(path).await;
        assert_eq!((response.status, &response.body), (200, &page), "{path}");
        assert_eq!(response.header("cache-control"), Some("no-cache"), "{path}");
    }
    for path in [
        "/assets/none.js",
        "/favicon-none.png",
        "/assets/../../Cargo.toml",
        "/..%2f..%2fCargo.toml",
        "/%2e%2e/csp-hashes.json",
    ] {
        let response = server.get(path).await;
        assert!(
            response.status == 404 || response.body == page,
            "{path}: {}",
            response.status
        );
    }
    server
        .get("/assets/none.js")
        .await
        .problem(404, "not_found");
}
