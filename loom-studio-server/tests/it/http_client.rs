//! A small HTTP/1.1 client: it shows a response as it came, and sends what a well-behaved client wouldn't.

use std::fmt::Write as _;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::within;

/// A request under construction.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn post(target: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut request = Self::new("POST", target).header("content-type", content_type);
        request.body = body.into();
        request
    }

    pub(crate) fn post_without_type(target: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut request = Self::new("POST", target);
        request.body = body.into();
        request
    }

    /// A WebSocket handshake that offers `protocols` in one header.
    pub(crate) fn upgrade(target: &str, protocols: &str) -> Self {
        let request = Self::get(target)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        if protocols.is_empty() {
            request
        } else {
            request.header("sec-websocket-protocol", protocols)
        }
    }

    pub(crate) fn with_method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends it on a connection of its own.
    pub(crate) async fn send(self, addr: SocketAddr) -> Response {
        Response::read(&mut self.write(addr).await).await
    }

    /// For HEAD, whose response tells the length of a body that doesn't come.
    pub(crate) async fn send_expecting_no_body(self, addr: SocketAddr) -> Response {
        let mut stream = self.write(addr).await;
        let mut bytes = Vec::new();
        within("read the response", stream.read_to_end(&mut bytes))
            .await
            .unwrap();
        Response::parse(&bytes)
    }

    async fn write(self, addr: SocketAddr) -> TcpStream {
        let mut stream = within("connect", TcpStream::connect(addr)).await.unwrap();
        let text = self.head(addr);
        within("send the request", async {
            stream.write_all(text.as_bytes()).await.unwrap();
            stream.write_all(&self.body).await.unwrap();
        })
        .await;
        stream
    }

    fn head(&self, addr: SocketAddr) -> String {
        let has = |name: &str| self.headers.iter().any(|(known, _)| known == name);
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !has("host") {
            write!(text, "host: {addr}\r\n").unwrap();
        }
        if !has("connection") {
            text.push_str("connection: close\r\n");
        }
        if !self.body.is_empty() && !has("transfer-encoding") {
            write!(text, "content-length: {}\r\n", self.body.len()).unwrap();
        }
        for (name, value) in &self.headers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        text.push_str("\r\n");
        text
    }
}

/// A response, its body taken out of the transfer encoding but not out of a content encoding.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) async fn read(stream: &mut TcpStream) -> Self {
        within("read the response", Self::read_unbounded(stream)).await
    }

    async fn read_unbounded(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        while !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
            let read = stream.read_buf(&mut bytes).await.unwrap();
            assert!(
                read > 0,
                "closed in the head: {:?}",
                String::from_utf8_lossy(&bytes)
            );
        }
        let mut response = Self::parse(&bytes);
        let status = response.status;
        if status == 101 || status == 204 || status == 304 {
            return response;
        }
        if response.header("transfer-encoding") == Some("chunked") {
            while !response.body.ends_with(b"0\r\n\r\n") {
                let read = stream.read_buf(&mut response.body).await.unwrap();
                assert!(read > 0, "closed in a chunked body");
            }
            response.body = unchunk(&response.body);
        } else if let Some(length) = response.header("content-length") {
            let length: usize = length.parse().unwrap();
            while response.body.len() < length {
                let read = stream.read_buf(&mut response.body).await.unwrap();
                assert!(read > 0, "closed in the body");
            }
        } else {
            stream.read_to_end(&mut response.body).await.unwrap();
        }
        response
    }

    /// A head and what came of the body with it.
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self {
            status,
            headers,
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    /// The body of a success.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// Holds when the response is a problem document with this status and code. Returns its `detail`.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> String {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{text}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{text}"
        );
        let problem = self.json();
        assert_eq!(problem["code"], code, "{text}");
        assert_eq!(problem["status"], status, "{text}");
        assert_eq!(problem["type"], format!("urn:loom-studio:error:{code}"));
        assert!(!problem["title"].as_str().unwrap().is_empty());
        problem["detail"].as_str().unwrap().to_owned()
    }
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let end = body.windows(2).position(|two| two == b"\r\n").unwrap();
        let size =
            usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap().trim(), 16).unwrap();
        if size == 0 {
            return out;
        }
        out.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 4 + size..];
    }
}
