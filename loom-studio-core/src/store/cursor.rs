//! Opaque page cursors.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{EventQuery, Order};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::ids::{Epoch, Seq};

/// Where a page ended, as an opaque text. It belongs to one query, one order and one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cursor(String);

const VERSION: u8 = 1;
const LENGTH: usize = 1 + 8 + 8 + 8 + 8;

/// What a cursor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) time: Timestamp,
    pub(crate) seq: Seq,
}

impl Cursor {
    pub(crate) fn encode(epoch: Epoch, query: &EventQuery, position: Position) -> Self {
        let mut bytes = Vec::with_capacity(LENGTH);
        bytes.push(VERSION);
        bytes.extend(epoch.0.to_le_bytes());
        bytes.extend(fingerprint(query).to_le_bytes());
        bytes.extend(position.time.as_nanos().to_le_bytes());
        bytes.extend(position.seq.0.to_le_bytes());
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    pub(crate) fn decode(&self, epoch: Epoch, query: &EventQuery) -> Result<Position> {
        let unreadable = || Error::invalid("cursor: not a cursor of this store");
        let bytes = URL_SAFE_NO_PAD.decode(&self.0).map_err(|_| unreadable())?;
        let (&version, fields) = bytes.split_first().ok_or_else(unreadable)?;
        let (words, rest) = fields.as_chunks::<8>();
        let &[epoch_bytes, query_bytes, time, seq] = words else {
            return Err(unreadable());
        };
        if version != VERSION || !rest.is_empty() {
            return Err(unreadable());
        }
        if Epoch(u64::from_le_bytes(epoch_bytes)) != epoch {
            return Err(Error::epoch_mismatch());
        }
        if u64::from_le_bytes(query_bytes) != fingerprint(query) {
            return Err(Error::invalid(
                "cursor: it belongs to another query or order",
            ));
        }
        Ok(Position {
            time: Timestamp::from_nanos(i64::from_le_bytes(time)),
            seq: Seq(u64::from_le_bytes(seq)),
        })
    }
}

/// FNV-1a (Fowler, Noll, Vo) over the parts of a query that decide its answer: stable between processes, which the standard hasher isn't.
fn fingerprint(query: &EventQuery) -> u64 {
    let EventQuery {
        filter,
        within,
        order,
        up_to,
        limit: _,
        offset: _,
        cursor: _,
        max_text_bytes: _,
    } = query;
    let order: Order = *order;
    let mut text = format!("{filter:?}{order:?}{up_to:?}");
    if let Some(set) = within {
        text.push_str(set.name());
    }
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Takes any text; what it means is checked when it is used.
impl FromStr for Cursor {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn belongs_to_one_query_and_epoch() {
        let query = EventQuery::default();
        let position = Position {
            time: Timestamp::from_micros(-7),
            seq: Seq(9),
        };
        let cursor = Cursor::encode(Epoch(1), &query, position);
        assert_eq!(cursor.decode(Epoch(1), &query).unwrap(), position);
        assert_eq!(
            cursor
                .decode(
                    Epoch(1),
                    &EventQuery {
                        limit: 5,
                        offset: 2,
                        ..query.clone()
                    }
                )
                .unwrap(),
            position
        );
        let kind =
            |epoch, query: &EventQuery| cursor.decode(epoch, query).map_err(|error| error.kind());
        assert_eq!(kind(Epoch(2), &query), Err(ErrorKind::EpochMismatch));
        assert_eq!(
            kind(
                Epoch(1),
                &EventQuery {
                    order: Order::Time,
                    ..query.clone()
                }
            ),
            Err(ErrorKind::Invalid)
        );
        for bad in ["", "x", "AAAA", "****", &format!("{cursor}AAAA")] {
            let bad: Cursor = bad.parse().unwrap();
            assert_eq!(
                bad.decode(Epoch(1), &query).map_err(|error| error.kind()),
                Err(ErrorKind::Invalid)
            );
        }
    }
}
