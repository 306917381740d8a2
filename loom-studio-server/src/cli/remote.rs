//! A running server, as the command line uses it.

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::uri::{Authority, Scheme};
use http::{Request, Response, StatusCode, Uri, header};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::net::TcpStream;

use super::args::{ExportArgs, ImportArgs};
use super::transfer::{Input, Output, PIECE_BYTES, conditions};

/// Longest answer read that tells no more than how it went.
const MAX_ANSWER_BYTES: usize = 1 << 20;
/// Longest answer to a question.
const MAX_DOCUMENT_BYTES: usize = 256 << 20;

/// A server's address and the secret it wants.
pub(super) struct Remote {
    authority: Authority,
    token: Option<String>,
}

impl Remote {
    pub(super) fn new(url: &str, token: Option<&str>) -> Result<Self, String> {
        let uri: Uri = url
            .parse()
            .map_err(|error| format!("{url} is no URL: {error}"))?;
        let scheme = uri.scheme().cloned();
        if scheme == Some(Scheme::HTTPS) {
            let base = url.trim_end_matches('/');
            return Err(format!(
                "TLS is not spoken here; curl does it:\n    curl -fH \"Authorization: Bearer $LOOM_STUDIO_TOKEN\" {base}/api/export -o events.jsonl\n    \
                 curl -fH \"Authorization: Bearer $LOOM_STUDIO_TOKEN\" {base}/api/import -T events.jsonl -X POST"
            ));
        }
        match (scheme, uri.authority()) {
            (Some(scheme), Some(authority)) if scheme == Scheme::HTTP => Ok(Self {
                authority: authority.clone(),
                token: token.map(str::to_owned).filter(|token| !token.is_empty()),
            }),
            _ => Err(format!(
                "{url} is no address of a server: expected one like http://127.0.0.1:8765"
            )),
        }
    }

    /// The answer to a request, once it is a good one.
    async fn send(
        &self,
        method: &str,
        path: &str,
        query: &[(&str, Option<&str>)],
        body: Body,
    ) -> Result<Response<Incoming>, String> {
        let authority = &self.authority;
        let failed = |what: &dyn std::fmt::Display| format!("the server {authority}: {what}");
        let port = authority.port_u16().unwrap_or(80);
        let host = authority.host().trim_matches(['[', ']']);
        let stream = TcpStream::connect((host, port))
            .await
            .map_err(|error| failed(&error))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failed(&error))?;
        // It ends with the exchange; how is told by the exchange itself.
        tokio::spawn(connection);
        let host = authority
            .as_str()
            .rsplit_once('@')
            .map_or(authority.as_str(), |(_, host)| host);
        let mut request = Request::builder()
            .method(method)
            .uri(target(path, query))
            .header(header::HOST, host)
            .header(header::CONTENT_TYPE, "application/x-ndjson");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(body).map_err(|error| failed(&error))?;
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| failed(&with_cause(&error)))?;
        if answer.status() == StatusCode::OK {
            return Ok(answer);
        }
        let status = answer.status();
        let problem: Option<Value> = serde_json::from_slice(&whole(answer).await?).ok();
        let detail = problem
            .as_ref()
            .and_then(|problem| problem["detail"].as_str());
        Err(failed(
            &detail.map_or_else(|| status.to_string(), str::to_owned),
        ))
    }

    /// The answer to a question.
    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, Option<&str>)],
    ) -> Result<Bytes, String> {
        let answer = self.send("GET", path, query, Body::empty()).await?;
        up_to(answer, MAX_DOCUMENT_BYTES).await
    }

    pub(super) async fn export(&self, args: &ExportArgs) -> Result<Lines, String> {
        let conditions = conditions(args);
        let query = [
            ("workspace", args.workspace.as_deref()),
            ("session_id", conditions.session_id.as_deref()),
            ("trace_id", conditions.trace_id.as_deref()),
            ("node_id", conditions.node_id.as_deref()),
            ("event_type", conditions.event_type.as_deref()),
            ("start_time", conditions.start_time.as_deref()),
            ("end_time", conditions.end_time.as_deref()),
            ("q", conditions.q.as_deref()),
            ("where", conditions.condition.as_deref()),
            ("run_id", args.run.as_deref()),
            ("format", Some(args.format.name())),
        ];
        let answer = self
            .send("GET", "/api/export", &query, Body::empty())
            .await?;
        Ok(Lines(Body::new(answer.into_body()).into_data_stream()))
    }

    /// Sends an input, and returns what became of it in words.
    pub(super) async fn import(&self, args: &ImportArgs, input: Input) -> Result<String, String> {
        let query = [
            ("workspace", args.workspace.as_deref()),
            ("session_id", args.session.as_deref()),
        ];
        let pieces = stream::try_unfold(input, |mut input| async move {
            let mut piece = vec![0; PIECE_BYTES];
            let length = input.read(&mut piece)?.len();
            piece.truncate(length);
            Ok::<_, String>((length > 0).then(|| (Bytes::from(piece), input)))
        });
        let body = Body::from_stream(pieces);
        let answer = self.send("POST", "/api/import", &query, body).await?;
        let answer: Value = serde_json::from_slice(&whole(answer).await?)
            .map_err(|error| format!("the server's answer is none of Loom Studio's: {error}"))?;
        let (added, duplicates) = (&answer["added"], &answer["duplicates"]);
        let summary = format!("{added} records stored, {duplicates} were there already");
        match answer["rejected"].as_object() {
            Some(rejected) if !rejected.is_empty() => Err(format!(
                "{summary}; rejected: {}\nThe first: {}",
                answer["rejected"], answer["first_rejected"][0]
            )),
            _ => Ok(summary),
        }
    }
}

/// An error of hyper tells the step alone; what went wrong is behind it.
fn with_cause(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn target(path: &str, query: &[(&str, Option<&str>)]) -> String {
    let encoded = query.iter().filter_map(|(name, value)| {
        let value = utf8_percent_encode((*value)?, NON_ALPHANUMERIC);
        Some(format!("{name}={value}"))
    });
    let encoded: Vec<String> = encoded.collect();
    if encoded.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", encoded.join("&"))
    }
}

async fn whole(answer: Response<Incoming>) -> Result<Bytes, String> {
    up_to(answer, MAX_ANSWER_BYTES).await
}

async fn up_to(answer: Response<Incoming>, limit: usize) -> Result<Bytes, String> {
    axum::body::to_bytes(Body::new(answer.into_body()), limit)
        .await
        .map_err(|error| format!("the server's answer broke off: {error}"))
}

/// The lines of an export on their way.
pub(super) struct Lines(BodyDataStream);

impl Lines {
    /// Writes them all and returns how many bytes they were.
    pub(super) async fn write_to(mut self, output: &mut Output) -> Result<u64, String> {
        let mut bytes = 0;
        while let Some(piece) = self.0.next().await {
            let piece = piece.map_err(|error| {
                format!("the server broke off, the export is not whole: {error}")
            })?;
            output.write(&piece)?;
            bytes += piece.len() as u64;
        }
        Ok(bytes)
    }
}
