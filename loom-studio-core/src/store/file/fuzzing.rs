//! Fuzz bodies that look behind the checksums: content that passes them, and is no sound frame or index all the same.

use bytes::Bytes;

use super::block::Block;
use super::blocks::decompress;
use super::bloom::Filters;
use super::bytes::checksum;
use super::frame::{
    FRAME_HEADER_BYTES, FrameHeader, META_BYTES, SEGMENT_HEADER_BYTES, SegmentHeader, read_meta,
};
use super::index::{Field, Hasher, Index, KEYS};
use super::sealed::{Check, SealedIndex};
use super::selection::Selection;
use crate::clock::Timestamp;
use crate::event::{Record, Stamps};
use crate::store::{EventFilter, Pattern, TimeRange};

/// Gives every frame in `bytes` the checksums that go with its content, as far as lengths lead from one to the next.
pub(crate) fn reseal_frame(mut bytes: &mut [u8]) {
    while bytes.len() >= FRAME_HEADER_BYTES {
        let length = u32::from_le_bytes(bytes[28..32].try_into().expect("four bytes")) as usize;
        let body = bytes.get(FRAME_HEADER_BYTES..).unwrap_or_default();
        let body = &body[..length.min(body.len())];
        let (end, crc) = (FRAME_HEADER_BYTES + body.len(), checksum(body));
        bytes[52..56].copy_from_slice(&crc.to_le_bytes());
        let crc = checksum(&bytes[..56]);
        bytes[56..60].copy_from_slice(&crc.to_le_bytes());
        bytes = &mut bytes[end..];
    }
}

/// Gives an index the checksums that go with its content.
pub(crate) fn reseal_index(bytes: &mut [u8]) {
    const HEADER_BYTES: usize = 48;
    const SECTION_BYTES: usize = 24;
    for section in 0..11 {
        let at = HEADER_BYTES + section * SECTION_BYTES;
        let Some(entry) = bytes.get(at..at + SECTION_BYTES) else {
            return;
        };
        let word = |from: usize| {
            let word = u64::from_le_bytes(entry[from..from + 8].try_into().expect("eight bytes"));
            usize::try_from(word).unwrap_or(usize::MAX)
        };
        let (start, length) = (word(0), word(8));
        let content = bytes.get(start..start.saturating_add(length));
        let crc = checksum(content.unwrap_or_default());
        bytes[at + 16..at + 20].copy_from_slice(&crc.to_le_bytes());
    }
    if let Some(header) = bytes.first_chunk_mut::<HEADER_BYTES>() {
        let crc = checksum(&header[..HEADER_BYTES - 4]);
        header[HEADER_BYTES - 4..].copy_from_slice(&crc.to_le_bytes());
    }
}

/// The first frame of a log, with its block in plain text and as it stands there.
pub(crate) fn first_frame(log: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (header, rest) = log.split_first_chunk().expect("a frame");
    let decoded = FrameHeader::decode(header).expect("a frame");
    let body = &rest[..decoded.body_bytes as usize];
    let block = decompress(body, decoded.block_bytes).expect("a block");
    (
        [header.as_slice(), &block].concat(),
        [header.as_slice(), body].concat(),
    )
}

/// Decodes headers, and a block in plain text or compressed.
///
/// # Panics
/// When a promise is broken.
pub fn frame(input: &[u8]) {
    if let Some(bytes) = input.first_chunk::<SEGMENT_HEADER_BYTES>() {
        let _ = SegmentHeader::decode(bytes);
    }
    if let Some(bytes) = input.first_chunk::<META_BYTES>() {
        let _ = read_meta(bytes);
    }
    let mut sealed = input.to_vec();
    reseal_frame(&mut sealed);
    let Some((header, body)) = sealed.split_first_chunk::<FRAME_HEADER_BYTES>() else {
        return;
    };
    let Some(header) = FrameHeader::decode(header) else {
        return;
    };
    assert_eq!(FrameHeader::decode(&header.encode()), Some(header));
    let compressed = decompress(body, header.block_bytes.min(1 << 20));
    for block in [Some(Bytes::copy_from_slice(body)), compressed] {
        // The seq of a frame is compared with the one before it, so it is never near the end of numbers.
        let first_seq = header.first_seq >> 1;
        let block = block.and_then(|block| Block::decode(block, first_seq, header.records));
        let Some(block) = block else { continue };
        for index in 0..block.len() {
            match block.record(index, &mut |text| text.into()) {
                Some(Record::Event(event)) => {
                    event.write_json(Stamps::default(), &mut Vec::new());
                    let _ = (event.data().map(str::len), format!("{event:?}"));
                }
                Some(Record::Observation(observation)) => {
                    let _ = format!("{observation:?}");
                }
                None => {}
            }
        }
        assert!(block.record(block.len(), &mut |text| text.into()).is_none());
        assert!(block.weight() > 0);
    }
}

/// Opens an index whose checksums are right, and asks it everything.
///
/// # Panics
/// When a promise is broken.
pub fn index(input: &[u8]) {
    for check in [Check::Small, Check::All] {
        let _ = SealedIndex::open(Box::new(input.to_vec()), check);
    }
    let mut sealed = input.to_vec();
    reseal_index(&mut sealed);
    let Some(index) = SealedIndex::open(Box::new(sealed), Check::Small) else {
        return;
    };
    let rows = index.rows();
    for row in [0, 1, rows / 2, rows.wrapping_sub(1), rows, u32::MAX] {
        let _ = index.time(row);
        if let Some((frame, count)) = index.frame_of(row) {
            assert!(row >= rows || row - frame.first_row < count);
        }
    }
    let hasher = Hasher(8);
    for hash in [0, 1 << 40, u64::MAX, hasher.text("e0-0"), hasher.text("q")] {
        for key in KEYS {
            assert!(index.lookup(key, hash).len() <= input.len());
        }
        assert!(index.named(hash, "w", "/node/a").len() <= input.len());
    }
    for field in [Field::Workspace, Field::Session, Field::Node, Field::Kind] {
        for pattern in [
            Pattern::Exact("w".into()),
            Pattern::Prefix("/".into()),
            Pattern::Contains(String::new()),
        ] {
            let _ = index.union(field, &pattern).len();
        }
    }
    for seq in [0, 1, 9, u64::MAX] {
        let _ = index.observed(seq);
    }
    index.each_frame(&mut |frame, next_row| assert!(frame.first_row <= next_row));
    let (earliest, latest) = index.time_bounds();
    let at = |nanos: i64| Some(Timestamp::from_nanos(nanos));
    let filters = [
        EventFilter::default(),
        EventFilter {
            time: TimeRange {
                start: at(earliest.saturating_add(1)),
                end: at(latest.saturating_sub(1)),
            },
            ..EventFilter::workspace("w")
        },
        EventFilter {
            id: Some("e0-0".into()),
            trace: Some(Pattern::Exact("0af7651916cd43dd8448eb211c80319c".into())),
            request_id: Some("q".into()),
            causation_id: Some("c".into()),
            session: Some(Pattern::Contains("s".into())),
            node: Some(Pattern::Prefix("/node".into())),
            kind: Some(Pattern::Exact("note".into())),
            ..EventFilter::default()
        },
    ];
    for filter in &filters {
        let selection = Selection::new(filter, hasher);
        let _ = selection.count(Index::Sealed(&index), u32::MAX);
        let _ = selection.rows(Index::Sealed(&index), u32::MAX).len();
    }
    let _ = (index.observations().len(), index.meta(), index.bytes());
    let mut filters = Filters::default();
    let slot = filters.add(index.filter());
    let _ = filters.candidates(hasher.text("e0-0")).count();
    filters.remove(slot);
}
