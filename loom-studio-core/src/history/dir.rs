//! Checkpoints in a directory. `docs/file-format.md` has the bytes.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use super::checkpoints::{CheckpointKey, CheckpointStore, Durability};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Epoch, Seq};
use crate::store::{Disk, OsDisk};

const MAGIC: &[u8; 8] = b"LOOMCKP1";
const SUFFIX: &str = ".ckpt";
const TEMPORARY: &str = ".ckpt.tmp";
/// The largest state taken up again. A length in a file says no more than this of what to reserve.
const MAX_STATE_BYTES: u64 = 1 << 30;

/// A [`CheckpointStore`] in a directory of its own: one file per state, written under another name and then renamed, with a checksum.
pub struct DirCheckpoints {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    epoch: Epoch,
}

impl DirCheckpoints {
    /// Opens a directory for the states of one log, and makes it when it doesn't exist. What an earlier process left unfinished is deleted.
    ///
    /// One process at a time: the log's own lock sees to that when the directory lies in the log's.
    ///
    /// # Errors
    /// `Io` when the directory can't be made or read.
    pub fn open(path: &Path, epoch: Epoch) -> Result<Self> {
        let disk = OsDisk::open(path).map_err(|error| failed("open", path, error))?;
        Self::open_on(Arc::new(disk), path, epoch)
    }

    /// Opens a directory on any disk: the seam for fault tests.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(disk: Arc<dyn Disk>, path: &Path, epoch: Epoch) -> Result<Self> {
        let names = disk
            .list_unsorted()
            .map_err(|error| failed("read", path, error))?;
        for name in names.iter().filter(|name| name.ends_with(TEMPORARY)) {
            // It takes space and nothing else; the next opening tries again.
            let _ = disk.remove(name);
        }
        Ok(Self {
            disk,
            path: path.to_owned(),
            epoch,
        })
    }

    fn failed(&self, what: &str, error: io::Error) -> Error {
        failed(what, &self.path, error)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let file = self.disk.open(name)?;
        let length = file.len()?;
        if length > MAX_STATE_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut bytes = vec![0; length as usize];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Without a sync a power cut may leave the name with a part of the content: the checksum tells.
    fn write(
        &self,
        name: &str,
        temporary: &str,
        bytes: &[u8],
        durability: Durability,
    ) -> io::Result<()> {
        let file = self.disk.create(temporary)?;
        file.write_all_at(bytes, 0)?;
        match durability {
            Durability::Cache => self.disk.rename(temporary, name),
            Durability::Synced => {
                file.sync_data()?;
                self.disk.rename(temporary, name)?;
                self.disk.sync_dir()
            }
        }
    }
}

fn failed(what: &str, path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
        _ => ErrorKind::Io,
    };
    let message = format!("cannot {what} checkpoints in {}", path.display());
    Error::new(kind, message).with_source(error)
}

fn stem(key: &CheckpointKey) -> String {
    format!("{}.{:016x}", key.format, xxh3_64(key.scope.as_bytes()))
}

fn name_of(key: &CheckpointKey, at: Seq) -> String {
    format!("{}.{:020}{SUFFIX}", stem(key), at.0)
}

/// The position in a name that begins with `stem`.
fn position_in(name: &str, stem: &str) -> Option<Seq> {
    let digits = name
        .strip_prefix(stem)?
        .strip_prefix('.')?
        .strip_suffix(SUFFIX)?;
    let is_number = digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit());
    is_number.then(|| digits.parse().ok().map(Seq))?
}

fn encode(epoch: Epoch, key: &CheckpointKey, at: Seq, state: &[u8]) -> io::Result<Vec<u8>> {
    let packed = zstd::bulk::compress(state, 1)?;
    let mut bytes = Vec::with_capacity(packed.len() + 128);
    bytes.extend(MAGIC);
    bytes.extend(epoch.0.to_le_bytes());
    bytes.extend(at.0.to_le_bytes());
    for text in [&key.format, &key.scope] {
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes.extend((state.len() as u64).to_le_bytes());
    bytes.extend(packed);
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    Ok(bytes)
}

/// The state, if the bytes are a sound checkpoint of exactly this.
fn decode(epoch: Epoch, key: &CheckpointKey, at: Seq, bytes: &[u8]) -> Option<Vec<u8>> {
    let (content, checksum) = bytes.split_last_chunk::<4>()?;
    if crc32fast::hash(content) != u32::from_le_bytes(*checksum) {
        return None;
    }
    let rest = content.strip_prefix(MAGIC)?;
    let (theirs, rest) = rest.split_first_chunk::<8>()?;
    let (position, mut rest) = rest.split_first_chunk::<8>()?;
    if u64::from_le_bytes(*theirs) != epoch.0 || u64::from_le_bytes(*position) != at.0 {
        return None;
    }
    for text in [&key.format, &key.scope] {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (found, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        if found != text.as_bytes() {
            return None;
        }
        rest = after;
    }
    let (length, packed) = rest.split_first_chunk::<8>()?;
    let length = u64::from_le_bytes(*length);
    if length > MAX_STATE_BYTES {
        return None;
    }
    let state = zstd::bulk::decompress(packed, length as usize).ok()?;
    (state.len() as u64 == length).then_some(state)
}

impl CheckpointStore for DirCheckpoints {
    fn adopt(&self, key: &CheckpointKey) -> Result<()> {
        let names = self.disk.list_unsorted();
        let names = names.map_err(|error| self.failed("read", error))?;
        let (own, scope) = (
            stem(key),
            format!(".{:016x}.", xxh3_64(key.scope.as_bytes())),
        );
        for name in names {
            let version = name
                .strip_prefix(key.name())
                .and_then(|rest| rest.strip_prefix('-'));
            let is_other = version.is_some_and(|rest| {
                let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                digits.starts_with(&scope) && digits.ends_with(SUFFIX)
            });
            if is_other && position_in(&name, &own).is_none() {
                // What stays takes space and nothing else; the next opening tries again.
                let _ = self.disk.remove(&name);
            }
        }
        Ok(())
    }

    fn positions(&self, key: &CheckpointKey) -> Result<Vec<(Seq, u64)>> {
        let names = self.disk.list_unsorted();
        let names = names.map_err(|error| self.failed("read", error))?;
        let stem = stem(key);
        let mut found: Vec<(Seq, u64)> = names
            .iter()
            .filter_map(|name| {
                let at = position_in(name, &stem)?;
                let length = self.disk.open(name).and_then(|file| file.len());
                Some((at, length.ok()?))
            })
            .collect();
        found.sort_unstable();
        Ok(found)
    }

    fn get(&self, key: &CheckpointKey, at: Seq) -> Result<Option<Vec<u8>>> {
        let name = name_of(key, at);
        let bytes = match self.read(&name) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Vec::new(),
            Err(error) => return Err(self.failed("read", error)),
        };
        let state = decode(self.epoch, key, at, &bytes);
        if state.is_none() {
            self.remove(key, at)?;
        }
        Ok(state)
    }

    fn put(
        &self,
        key: &CheckpointKey,
        at: Seq,
        state: &[u8],
        durability: Durability,
    ) -> Result<u64> {
        let name = name_of(key, at);
        let temporary = format!("{}.{:020}{TEMPORARY}", stem(key), at.0);
        let written = encode(self.epoch, key, at, state).and_then(|bytes| {
            self.write(&name, &temporary, &bytes, durability)
                .map(|()| bytes.len())
        });
        written.map(|length| length as u64).map_err(|error| {
            // What was begun takes space that is needed.
            let _ = self.disk.remove(&temporary);
            self.failed("write", error)
        })
    }

    fn remove(&self, key: &CheckpointKey, at: Seq) -> Result<()> {
        match self.disk.remove(&name_of(key, at)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.failed("delete", error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl fmt::Debug for DirCheckpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirCheckpoints")
            .field("path", &self.path)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}
