//! Batches of events: from a file, so that every engine gets the same bytes and making them costs it nothing.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::Path;

use bytes::Bytes;

use crate::traffic::Traffic;

pub(crate) const BATCH: u64 = 100;

/// Writes the input file, unless it is there.
pub(crate) fn write(path: &Path, events: u64) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let temporary = path.with_extension("tmp");
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&temporary)?);
    let mut traffic = Traffic::new();
    let mut text = String::new();
    for _ in 0..events {
        traffic.event(&mut text);
        file.write_all(&(text.len() as u32).to_le_bytes())?;
        file.write_all(text.as_bytes())?;
    }
    file.into_inner()?.sync_all()?;
    std::fs::rename(temporary, path)
}

/// Reads the input file by batches.
#[derive(Debug)]
pub(crate) struct Input {
    file: BufReader<File>,
    left: u64,
}

impl Input {
    pub(crate) fn open(path: &Path, events: u64) -> io::Result<Self> {
        Ok(Self {
            file: BufReader::with_capacity(256 << 10, File::open(path)?),
            left: events,
        })
    }

    /// The next batch, in a buffer of its own as from a socket; `None` at the end.
    pub(crate) fn batch(&mut self) -> io::Result<Option<Vec<Bytes>>> {
        if self.left == 0 {
            return Ok(None);
        }
        let count = self.left.min(BATCH) as usize;
        self.left -= count as u64;
        let mut buffer = Vec::with_capacity(count * 800);
        let mut ends = Vec::with_capacity(count);
        for _ in 0..count {
            let mut length = [0; 4];
            self.file.read_exact(&mut length)?;
            let start = buffer.len();
            buffer.resize(start + u32::from_le_bytes(length) as usize, 0);
            if let Some(event) = buffer.get_mut(start..) {
                self.file.read_exact(event)?;
            }
            ends.push(start..buffer.len());
        }
        let buffer = Bytes::from(buffer);
        Ok(Some(
            ends.into_iter().map(|range| buffer.slice(range)).collect(),
        ))
    }
}
