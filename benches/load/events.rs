//! Events as a Loom application sends them: requests to tools and their replies.

use std::fmt::Write as _;

use loom_studio_core::Timestamp;

/// Text of the kind agents exchange. Compresses about as prose does.
const PROSE: &str = "The planner asked for the opening hours of the museum, compared them with the arrival of the train and \
found that forty minutes are left for the walk from the station; the weather service reports light rain until noon, so the \
route along the river was dropped in favour of the covered market hall. Remaining budget 148.20 EUR, two of five steps done. \
Next: reserve a table near the exit, confirm the number of guests, and write the summary that the coordinator expects. ";

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const AGENTS: u64 = 8;
const TOOLS: u64 = 24;

/// Writes the events of one connection.
#[derive(Debug)]
pub(crate) struct Events {
    prefix: String,
    next: u64,
    event_bytes: usize,
}

impl Events {
    pub(crate) fn new(prefix: String, event_bytes: u32) -> Self {
        Self {
            prefix,
            next: 0,
            event_bytes: event_bytes as usize,
        }
    }

    /// An `event_batch` frame of so many events, all of this moment.
    pub(crate) fn frame(&mut self, batch: u64, events: u32, time: Timestamp) -> String {
        let mut frame = String::with_capacity(64 + events as usize * (self.event_bytes + 1));
        let _ = write!(
            frame,
            "{{\"type\":\"event_batch\",\"batch\":{batch},\"events\":["
        );
        let time = time.to_string();
        for index in 0..events {
            if index > 0 {
                frame.push(',');
            }
            self.event(&mut frame, &time);
        }
        frame.push_str("]}");
        frame
    }

    /// Every second event answers the one before it.
    fn event(&mut self, out: &mut String, time: &str) {
        let number = self.next;
        self.next += 1;
        let call = number / 2;
        let prefix = &self.prefix;
        let (agent, tool) = (call % AGENTS, call % TOOLS);
        let start = out.len();
        let (trace, span) = (call.wrapping_mul(0x9e37_79b9_7f4a_7c15), number + 1);
        let _ = write!(
            out,
            "{{\"specversion\":\"1.0\",\"id\":\"{prefix}-{number}\",\"time\":\"{time}\",\"datacontenttype\":\"application/json\",\
             \"traceparent\":\"00-{trace:032x}-{span:016x}-01\","
        );
        let _ = if number.is_multiple_of(2) {
            write!(
                out,
                "\"type\":\"node.request\",\"source\":\"/node/agent/a{agent}\",\"subject\":\"/node/tool/t{tool}\",\
                 \"data\":{{\"arguments\":{{\"step\":{number}}},\"text\":\""
            )
        } else {
            let request = number - 1;
            write!(
                out,
                "\"type\":\"node.response\",\"source\":\"/node/tool/t{tool}\",\"subject\":\"/node/agent/a{agent}\",\
                 \"data\":{{\"request_id\":\"{prefix}-{request}\",\"result\":\""
            )
        };
        let mut missing = self.event_bytes.saturating_sub(out.len() - start + 3);
        // A third that doesn't compress, as the ids and numbers in real data don't.
        let mut state = trace ^ number ^ 0x2545_f491_4f6c_dd1d;
        for _ in 0..missing / 3 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            out.push(char::from(LETTERS[(state >> 58) as usize]));
        }
        missing -= missing / 3;
        let mut from = (number as usize * 31) % PROSE.len();
        while missing > 0 {
            let part = &PROSE[from..PROSE.len().min(from + missing)];
            out.push_str(part);
            missing -= part.len();
            from = 0;
        }
        out.push_str("\"}}");
    }
}

#[cfg(test)]
mod tests {
    use loom_studio_core::{Envelope, EventLimits};

    use super::*;

    #[test]
    fn events_are_valid_and_have_the_wanted_size() {
        let mut events = Events::new("x".to_owned(), 700);
        for _ in 0..100 {
            let mut event = String::new();
            events.event(&mut event, "2026-01-02T03:04:05.678901Z");
            assert_eq!(event.len(), 700, "{event}");
            Envelope::decode(event.as_bytes(), &EventLimits::default()).unwrap();
        }
    }
}
