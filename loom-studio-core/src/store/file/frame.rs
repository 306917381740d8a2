//! Frames and headers on disk. The bytes are described in `docs/file-format.md`.

use super::bytes::{Reader, checksum};
use crate::ids::Epoch;

pub(super) const VERSION: u32 = 1;
pub(super) const SEGMENT_HEADER_BYTES: usize = 64;
pub(super) const FRAME_HEADER_BYTES: usize = 60;
pub(super) const META_BYTES: usize = 32;
const SEGMENT_MAGIC: &[u8; 8] = b"LOOMLOG1";
const META_MAGIC: &[u8; 8] = b"LOOMMETA";
const FRAME_MAGIC: &[u8; 4] = b"LSF1";
const GROUP_END: u32 = 1;
/// A frame's body or block is never larger: a length above it is damage, and no reason to allocate.
pub(super) const MAX_BLOCK_BYTES: u32 = 256 << 20;

/// What is wrong with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Damage {
    /// Not this kind of file, or a failed checksum.
    Invalid,
    /// A version this program doesn't know.
    Version(u32),
}

pub(super) fn meta_header(epoch: Epoch) -> [u8; META_BYTES] {
    let mut header = [0; META_BYTES];
    header[..8].copy_from_slice(META_MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[16..24].copy_from_slice(&epoch.0.to_le_bytes());
    let crc = checksum(&header[..28]);
    header[28..].copy_from_slice(&crc.to_le_bytes());
    header
}

pub(super) fn read_meta(bytes: &[u8; META_BYTES]) -> Result<Epoch, Damage> {
    let (checked, mut crc) = (&bytes[..28], Reader(&bytes[28..]));
    let mut reader = Reader(checked);
    let magic = reader.take(8);
    let version = reader.u32().ok_or(Damage::Invalid)?;
    if magic != Some(META_MAGIC) || crc.u32() != Some(checksum(checked)) {
        return Err(Damage::Invalid);
    }
    if version != VERSION {
        return Err(Damage::Version(version));
    }
    reader.take(4);
    reader.u64().map(Epoch).ok_or(Damage::Invalid)
}

/// What a segment's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) epoch: Epoch,
    pub(super) first_seq: u64,
    pub(super) created_nanos: i64,
}

impl SegmentHeader {
    pub(super) fn encode(self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut header = [0; SEGMENT_HEADER_BYTES];
        header[..8].copy_from_slice(SEGMENT_MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[16..24].copy_from_slice(&self.epoch.0.to_le_bytes());
        header[24..32].copy_from_slice(&self.first_seq.to_le_bytes());
        header[32..40].copy_from_slice(&self.created_nanos.to_le_bytes());
        let crc = checksum(&header[..60]);
        header[60..].copy_from_slice(&crc.to_le_bytes());
        header
    }

    pub(super) fn decode(bytes: &[u8; SEGMENT_HEADER_BYTES]) -> Result<Self, Damage> {
        let (checked, mut crc) = (&bytes[..60], Reader(&bytes[60..]));
        let mut reader = Reader(checked);
        let magic = reader.take(8);
        let version = reader.u32().ok_or(Damage::Invalid)?;
        if magic != Some(SEGMENT_MAGIC) || crc.u32() != Some(checksum(checked)) {
            return Err(Damage::Invalid);
        }
        if version != VERSION {
            return Err(Damage::Version(version));
        }
        reader.take(4);
        let read = |reader: &mut Reader<'_>| reader.u64().ok_or(Damage::Invalid);
        Ok(Self {
            epoch: Epoch(read(&mut reader)?),
            first_seq: read(&mut reader)?,
            created_nanos: read(&mut reader)?.cast_signed(),
        })
    }
}

/// What a frame's header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) ends_group: bool,
    pub(super) group: u64,
    pub(super) first_seq: u64,
    pub(super) records: u32,
    pub(super) body_bytes: u32,
    pub(super) block_bytes: u32,
    pub(super) min_time: i64,
    pub(super) max_time: i64,
    pub(super) body_crc: u32,
}

impl FrameHeader {
    pub(super) fn encode(&self) -> [u8; FRAME_HEADER_BYTES] {
        let mut header = [0; FRAME_HEADER_BYTES];
        header[..4].copy_from_slice(FRAME_MAGIC);
        header[4..8].copy_from_slice(&u32::from(self.ends_group).to_le_bytes());
        header[8..16].copy_from_slice(&self.group.to_le_bytes());
        header[16..24].copy_from_slice(&self.first_seq.to_le_bytes());
        header[24..28].copy_from_slice(&self.records.to_le_bytes());
        header[28..32].copy_from_slice(&self.body_bytes.to_le_bytes());
        header[32..36].copy_from_slice(&self.block_bytes.to_le_bytes());
        header[36..44].copy_from_slice(&self.min_time.to_le_bytes());
        header[44..52].copy_from_slice(&self.max_time.to_le_bytes());
        header[52..56].copy_from_slice(&self.body_crc.to_le_bytes());
        let crc = checksum(&header[..56]);
        header[56..].copy_from_slice(&crc.to_le_bytes());
        header
    }

    /// `None` for anything that isn't a whole, undamaged header.
    pub(super) fn decode(bytes: &[u8; FRAME_HEADER_BYTES]) -> Option<Self> {
        let (checked, mut crc) = (&bytes[..56], Reader(&bytes[56..]));
        let mut reader = Reader(checked);
        if reader.take(4)? != FRAME_MAGIC || crc.u32()? != checksum(checked) {
            return None;
        }
        let header = Self {
            ends_group: reader.u32()? & GROUP_END != 0,
            group: reader.u64()?,
            first_seq: reader.u64()?,
            records: reader.u32()?,
            body_bytes: reader.u32()?,
            block_bytes: reader.u32()?,
            min_time: reader.i64()?,
            max_time: reader.i64()?,
            body_crc: reader.u32()?,
        };
        (header.body_bytes <= MAX_BLOCK_BYTES && header.block_bytes <= MAX_BLOCK_BYTES)
            .then_some(header)
    }
}
