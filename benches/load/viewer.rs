//! One viewing connection.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use loom_studio_server::protocol::{ClientFrame, LOOM_STUDIO_V1, SubscribeFilter};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::args::Args;
use crate::clock::wall;
use crate::latencies::Latencies;
use crate::run::Stage;

/// Few enough that a viewer which falls behind is told so instead of reading old frames.
const WINDOW: u32 = 8;

/// What one viewer saw while it was measured.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) rows: u64,
    pub(crate) frames: u64,
    pub(crate) wire_bytes: u64,
    pub(crate) latencies: Latencies,
    /// Records that gaps named.
    pub(crate) missed: u64,
}

/// The few members a measurement needs; reading all of them would take CPU from the server on a small machine.
#[derive(Debug, Deserialize)]
struct Frame<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(default)]
    through_seq: u64,
    #[serde(default)]
    cols: Times,
    #[serde(default)]
    from_seq: u64,
    #[serde(default)]
    to_seq: u64,
}

#[derive(Debug, Default, Deserialize)]
struct Times {
    time_us: Vec<i64>,
}

/// Opens a connection in `loom-studio.v1`.
pub(crate) async fn connect(
    address: SocketAddr,
    path: &str,
) -> Result<WebSocketStream<TcpStream>, String> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| format!("{address}: {error}"))?;
    stream
        .set_nodelay(true)
        .map_err(|error| error.to_string())?;
    let mut request = format!("ws://{address}{path}")
        .into_client_request()
        .map_err(|error| error.to_string())?;
    request.headers_mut().insert(
        "sec-websocket-protocol",
        HeaderValue::from_static(LOOM_STUDIO_V1),
    );
    let (socket, _) = tokio_tungstenite::client_async(request, stream)
        .await
        .map_err(|error| format!("{path}: {error}"))?;
    Ok(socket)
}

/// Takes in every frame until the position that `last_seq` tells in the end.
pub(crate) async fn run(
    args: Args,
    address: SocketAddr,
    stage: watch::Receiver<Stage>,
    mut last_seq: watch::Receiver<Option<u64>>,
    ready: tokio::sync::mpsc::Sender<()>,
) -> Result<Seen, String> {
    let mut socket = connect(address, "/ws/events").await?;
    let subscribe = ClientFrame::Subscribe {
        sub: 1,
        from: None,
        filter: SubscribeFilter::default(),
        preview: args.preview,
        topology: args.topology,
        window: Some(WINDOW),
    };
    send(&mut socket, &subscribe).await?;
    // An acknowledgement of something unknown is passed over; the answer to this shows that the subscription stands.
    socket
        .send(Message::text("?"))
        .await
        .map_err(|error| error.to_string())?;
    let (mut seen, mut through) = (Seen::default(), 0);
    let mut ready = Some(ready);
    loop {
        let is_over = last_seq
            .borrow_and_update()
            .is_some_and(|last| through >= last);
        if is_over {
            return Ok(seen);
        }
        let message = tokio::select! {
            message = socket.next() => message,
            changed = last_seq.changed() => {
                changed.map_err(|_| "the run was given up".to_owned())?;
                continue;
            }
        };
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            other => return Err(format!("the server ended a viewer: {other:?}")),
        };
        let frame: Frame<'_> =
            serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
        match frame.kind {
            "error" => drop(ready.take()),
            "events" => {
                through = frame.through_seq;
                let ack = ClientFrame::Ack {
                    sub: 1,
                    through_seq: through,
                };
                send(&mut socket, &ack).await?;
                if *stage.borrow() != Stage::WarmUp {
                    seen.frames += 1;
                    seen.rows += frame.cols.time_us.len() as u64;
                    seen.wire_bytes += text.len() as u64;
                    let now = wall().as_micros();
                    for time in frame.cols.time_us {
                        seen.latencies.add(u64::try_from(now - time).unwrap_or(0));
                    }
                }
            }
            "gap" => {
                through = frame.to_seq;
                seen.missed += frame.to_seq + 1 - frame.from_seq;
            }
            _ => {}
        }
    }
}

async fn send(socket: &mut WebSocketStream<TcpStream>, frame: &ClientFrame) -> Result<(), String> {
    let text = serde_json::to_string(frame).map_err(|error| error.to_string())?;
    socket
        .send(Message::text(text))
        .await
        .map_err(|error| error.to_string())
}
