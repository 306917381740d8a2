//! The seam to the file system: everything the log does to a disk, so that tests can tear, drop and fail it.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

/// One directory of files.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Names of all files, unsorted.
    fn list_unsorted(&self) -> io::Result<Vec<String>>;
    /// A new empty file; an old one of that name is emptied.
    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// An existing file, for reading and writing.
    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>>;
    /// Renames a file, replacing the target.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Deletes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Returns when creations, renames and deletions so far would survive a power cut.
    fn sync_dir(&self) -> io::Result<()>;
    /// Takes the exclusive lock of the directory, and writes `holder` for others to read.
    ///
    /// # Errors
    /// `WouldBlock`, with the present holder's text, when another process has it.
    fn lock(&self, name: &str, holder: &str) -> io::Result<Box<dyn Debug + Send + Sync>>;
}

/// One file.
#[expect(
    clippy::len_without_is_empty,
    reason = "a length in bytes on a disk, not a collection"
)]
pub trait DiskFile: Debug + Send + Sync + 'static {
    /// Its length.
    fn len(&self) -> io::Result<u64>;
    /// Fills `buffer` from `offset`.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `bytes` at `offset`.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts or extends the file.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Reserves space up to `len`, so that later writes need no allocation. The file reads as zeros there.
    fn allocate(&self, len: u64) -> io::Result<()>;
    /// Returns when the content would survive a power cut.
    fn sync_data(&self) -> io::Result<()>;
    /// The whole content, mapped or copied.
    fn map(&self) -> io::Result<Box<dyn AsRef<[u8]> + Send + Sync>>;
}
