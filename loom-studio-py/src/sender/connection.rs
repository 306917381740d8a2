//! From an address to an open socket, and what the server on it speaks.

use std::time::Duration;

use futures_util::StreamExt as _;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL, USER_AGENT};
use http::{HeaderValue, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::{Error as WsError, ProtocolError, SubProtocolError};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::frame::{self, Answer, Hello};
use super::target::Target;

const V1: &str = "loom-studio.v1";
const AGENT: &str = concat!("loom-studio-sender/", env!("CARGO_PKG_VERSION"));
/// The largest answer: one with every entry of a batch rejected.
const MAX_ANSWER_BYTES: usize = 32 << 20;

/// Plain or TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

pub(super) type Socket = WebSocketStream<Box<dyn Stream>>;

/// An established connection.
pub(super) enum Connection {
    V1(Box<Socket>, Hello),
    Original(Box<Socket>),
}

/// Why there is none.
#[derive(Debug)]
pub(super) struct Failed {
    /// For a person.
    pub(super) reason: String,
    /// Somebody has to change something first: trying again soon is no use.
    pub(super) is_lasting: bool,
}

impl Failed {
    fn passing(reason: String) -> Self {
        Self {
            reason,
            is_lasting: false,
        }
    }
}

/// Connects, and finds out what the server speaks: `loom-studio.v1`, or else the original form.
pub(super) async fn connect(
    target: &Target,
    tls: Option<&TlsConnector>,
    limit: Duration,
) -> Result<Connection, Failed> {
    let attempt = async {
        match open(target, tls, Some(V1)).await {
            Ok(mut socket) => {
                let hello = hello(&mut socket, target).await?;
                Ok(Connection::V1(Box::new(socket), hello))
            }
            Err(error) if knows_no_subprotocol(&error) => {
                let opened = open(target, tls, None).await;
                let socket = opened.map_err(|error| describe(target, &error))?;
                Ok(Connection::Original(Box::new(socket)))
            }
            Err(error) => Err(describe(target, &error)),
        }
    };
    timeout(limit, attempt).await.unwrap_or_else(|_| {
        Err(Failed::passing(format!(
            "{target} did not answer within {limit:?}"
        )))
    })
}

async fn open(
    target: &Target,
    tls: Option<&TlsConnector>,
    subprotocol: Option<&'static str>,
) -> Result<Socket, WsError> {
    let stream = TcpStream::connect((&*target.host, target.port)).await?;
    // A batch must not wait for more to come; a socket that refuses the option works all the same.
    let _ = stream.set_nodelay(true);
    let stream: Box<dyn Stream> = match tls {
        None => Box::new(stream),
        Some(tls) => {
            let name = ServerName::try_from(target.host.clone()).map_err(std::io::Error::other)?;
            Box::new(tls.connect(name, stream).await?)
        }
    };
    let mut request = (&target.uri).into_client_request()?;
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    if let Some(authorization) = &target.authorization {
        headers.insert(AUTHORIZATION, authorization.clone());
    }
    if let Some(subprotocol) = subprotocol {
        let value = HeaderValue::from_static(subprotocol);
        headers.insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_ANSWER_BYTES))
        .max_frame_size(Some(MAX_ANSWER_BYTES));
    let (socket, _) = client_async_with_config(request, stream, Some(config)).await?;
    Ok(socket)
}

/// The upgrade was refused as a bad request, or accepted without the subprotocol.
fn knows_no_subprotocol(error: &WsError) -> bool {
    match error {
        WsError::Http(response) => response.status() == StatusCode::BAD_REQUEST,
        WsError::Protocol(ProtocolError::SecWebSocketSubProtocolError(
            SubProtocolError::NoSubProtocol | SubProtocolError::InvalidSubProtocol,
        )) => true,
        _ => false,
    }
}

async fn hello(socket: &mut Socket, target: &Target) -> Result<Hello, Failed> {
    loop {
        let failed = |what: &str| Failed::passing(format!("{target}: {what}"));
        return match socket.next().await {
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Text(text))) => match frame::decode(&text) {
                Ok(Answer::Hello(hello)) => Ok(hello),
                _ => Err(failed("its first frame is no hello")),
            },
            Some(Err(error)) => Err(describe(target, &error)),
            _ => Err(failed("it closed the connection before its hello")),
        };
    }
}

fn describe(target: &Target, error: &WsError) -> Failed {
    match error {
        WsError::Http(response) => {
            let status = response.status();
            let why = match status {
                StatusCode::UNAUTHORIZED => "it wants a token, or another one",
                StatusCode::FORBIDDEN => "it refuses this client",
                StatusCode::NOT_FOUND => "it takes no events under this path",
                _ => "it refuses the connection",
            };
            let detail = response.body().as_deref().and_then(problem);
            let detail = detail.map(|detail| format!(": {detail}"));
            Failed {
                reason: format!("{target}: {why} ({status}){}", detail.unwrap_or_default()),
                is_lasting: status.is_client_error(),
            }
        }
        WsError::Io(error) => Failed::passing(format!("cannot connect to {target}: {error}")),
        error => Failed::passing(format!("{target}: {error}")),
    }
}

/// What a problem document (RFC 9457) says.
fn problem(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Problem {
        detail: String,
    }
    let Problem { detail } = serde_json::from_slice(body).ok()?;
    Some(detail.chars().take(200).collect())
}

/// A text frame; one copy less than from a `String`.
pub(super) fn text(json: String) -> Message {
    Message::Text(Utf8Bytes::from(json))
}

/// A binary frame.
pub(super) fn binary(bytes: Vec<u8>) -> Message {
    Message::Binary(Bytes::from(bytes))
}
