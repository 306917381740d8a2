//! The operating system's file system.

use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;
use rustix::fs::FallocateFlags;

use super::disk::{Disk, DiskFile};

/// A directory of the file system.
#[derive(Debug)]
pub(crate) struct OsDisk(PathBuf);

impl OsDisk {
    /// Opens a directory, and makes it when it doesn't exist.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path).map_err(|error| named(path, &error))?;
        Ok(Self(path.to_owned()))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

/// An error that says which file it is about.
#[derive(Debug, thiserror::Error)]
#[error("{}: {cause}", path.display())]
struct Named {
    path: PathBuf,
    cause: String,
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    let (path, cause) = (path.to_owned(), error.to_string());
    io::Error::new(error.kind(), Named { path, cause })
}

/// What went wrong, for those who need not know where the files are.
pub(super) fn without_path(error: &io::Error) -> String {
    let named = error.get_ref().and_then(|inner| inner.downcast_ref());
    named.map_or_else(|| error.to_string(), |named: &Named| named.cause.clone())
}

#[derive(Debug)]
struct OsFile {
    file: File,
    path: PathBuf,
}

impl OsFile {
    fn shared(file: File, path: PathBuf) -> Arc<dyn DiskFile> {
        Arc::new(Self { file, path })
    }

    fn name<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| named(&self.path, &error))
    }
}

impl Disk for OsDisk {
    fn list_unsorted(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.0).map_err(|error| named(&self.0, &error))?;
        let names = entries.map(|entry| Ok(entry?.file_name().into_string()));
        Ok(names
            .collect::<io::Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.at(name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path);
        file.map(|file| OsFile::shared(file, path.clone()))
            .map_err(|error| named(&path, &error))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let path = self.at(name);
        let file = OpenOptions::new().read(true).write(true).open(&path);
        file.map(|file| OsFile::shared(file, path.clone()))
            .map_err(|error| named(&path, &error))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.at(from), self.at(to)).map_err(|error| named(&self.at(from), &error))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.at(name)).map_err(|error| named(&self.at(name), &error))
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.0)
            .and_then(|directory| directory.sync_all())
            .map_err(|error| named(&self.0, &error))
    }

    fn lock(&self, name: &str, holder: &str) -> io::Result<Box<dyn Debug + Send + Sync>> {
        let path = self.at(name);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| named(&path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut present = String::new();
                // Who holds it is a help, not a need.
                let _ = file.read_to_string(&mut present);
                return Err(io::Error::new(io::ErrorKind::WouldBlock, present));
            }
            Err(TryLockError::Error(error)) => return Err(named(&path, &error)),
        }
        file.set_len(0)?;
        file.write_all(holder.as_bytes())?;
        Ok(Box::new(Lock(file)))
    }
}

/// A locked file. A child that this process forked shares the lock with it, so that closing the file here would leave it locked.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // What can't be unlocked is unlocked when the last process that has it ends.
        let _ = self.0.unlock();
    }
}

impl DiskFile for OsFile {
    fn len(&self) -> io::Result<u64> {
        self.name(self.file.metadata().map(|metadata| metadata.len()))
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.name(self.file.read_exact_at(buffer, offset))
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.name(self.file.write_all_at(bytes, offset))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.name(self.file.set_len(len))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, len) {
            // A file system without it allocates as it goes.
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
            Err(error) => self.name(Err(error.into())),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.name(self.file.sync_data())
    }

    fn map(&self) -> io::Result<Box<dyn AsRef<[u8]> + Send + Sync>> {
        // SAFETY: index files are written under another name and never change once they have theirs; the directory's lock keeps other processes of this program away, and
        // retention unlinks files without truncating them, which leaves mappings valid. A foreign program that truncates one could still end this process with SIGBUS.
        #[expect(
            unsafe_code,
            reason = "a memory map is how an index is read without being loaded"
        )]
        let map = self.name(unsafe { Mmap::map(&self.file) })?;
        Ok(Box::new(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_its_file_and_can_leave_it_out() {
        let directory = tempfile::tempdir().unwrap();
        let disk = OsDisk::open(directory.path()).unwrap();
        let error = disk.open("missing.log").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().contains("missing.log"), "{error}");
        let public = without_path(&error);
        assert!(
            public.contains("No such file") && !public.contains('/'),
            "{public}"
        );
        assert_eq!(without_path(&io::Error::other("of no file")), "of no file");
    }
}
