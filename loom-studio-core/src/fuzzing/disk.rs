//! A directory in memory.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Disk, DiskFile};

pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// The directory; clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct MemoryDisk(Arc<Mutex<BTreeMap<String, MemoryFile>>>);

#[derive(Debug, Clone, Default)]
struct MemoryFile(Arc<Mutex<Vec<u8>>>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryDisk {
    pub(super) fn with(files: &Files) -> Self {
        let file = |content: &Vec<u8>| MemoryFile(Arc::new(Mutex::new(content.clone())));
        let files = files
            .iter()
            .map(|(name, content)| (name.clone(), file(content)));
        Self(Arc::new(Mutex::new(files.collect())))
    }

    pub(super) fn contents(&self) -> Files {
        let content = |file: &MemoryFile| lock(&file.0).clone();
        lock(&self.0)
            .iter()
            .map(|(name, file)| (name.clone(), content(file)))
            .collect()
    }
}

impl Disk for MemoryDisk {
    fn list_unsorted(&self) -> io::Result<Vec<String>> {
        Ok(lock(&self.0).keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = MemoryFile::default();
        lock(&self.0).insert(name.to_owned(), file.clone());
        Ok(Arc::new(file))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = lock(&self.0).get(name).cloned();
        Ok(Arc::new(file.ok_or(io::ErrorKind::NotFound)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = lock(&self.0);
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let removed = lock(&self.0).remove(name);
        removed
            .map(drop)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _: &str, _: &str) -> io::Result<Box<dyn Debug + Send + Sync>> {
        Ok(Box::new(()))
    }
}

impl DiskFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(lock(&self.0).len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let content = lock(&self.0);
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let part = content.get(offset..).and_then(|c| c.get(..buffer.len()));
        buffer.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut content = lock(&self.0);
        let start = offset as usize;
        let end = start + bytes.len();
        if content.len() < end {
            content.resize(end, 0);
        }
        content[start..end].copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        lock(&self.0).resize(len as usize, 0);
        Ok(())
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let mut content = lock(&self.0);
        let len = content.len().max(len as usize);
        content.resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn map(&self) -> io::Result<Box<dyn AsRef<[u8]> + Send + Sync>> {
        Ok(Box::new(lock(&self.0).clone()))
    }
}
