//! A disk in memory that forgets what was not synced, and fails when told to.
//!
//! Every file has a durable image and a list of changes since its last sync; the directory likewise. A crash keeps a random subset of those changes, writes in sectors of 512 bytes each.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use loom_studio_core::{Disk, DiskFile};

const SECTOR: usize = 512;
const ENOSPC: i32 = 28;
const EIO: i32 = 5;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Create,
    Rename,
    Remove,
    SyncDir,
    Write,
    SetLen,
    Allocate,
    Sync,
    Map,
    Read,
    List,
    Lock,
    Open,
    Len,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// An operation on a file, and the last seq in it when it is a log's frames.
    Done(Kind, String, Option<u64>),
    /// A test saw the acknowledgement of everything up to this seq.
    Acknowledged(u64),
}

/// Operations that fail.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    kind: Kind,
    /// Ends of the names it is about.
    ending: &'static str,
    /// Calls that still succeed.
    before: usize,
    times: usize,
    errno: i32,
}

impl Fault {
    pub(crate) fn full(kind: Kind, ending: &'static str) -> Self {
        Self {
            kind,
            ending,
            before: 0,
            times: usize::MAX,
            errno: ENOSPC,
        }
    }

    /// So many calls succeed first.
    pub(crate) fn after_calls(self, before: usize) -> Self {
        Self { before, ..self }
    }

    pub(crate) fn broken(kind: Kind, ending: &'static str) -> Self {
        Self {
            errno: EIO,
            ..Self::full(kind, ending)
        }
    }

    /// Only once.
    pub(crate) fn once(self) -> Self {
        Self { times: 1, ..self }
    }
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Len(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Len(len) => content.resize(*len, 0),
            Self::Write(offset, bytes) => {
                let end = offset + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(bytes);
            }
        }
    }
}

#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    present: Vec<u8>,
    changes: Vec<Change>,
    /// The last seq in the frames written so far.
    last_seq: Option<u64>,
}

#[derive(Debug, Clone)]
enum Naming {
    Set(String, usize),
    Gone(String),
    Moved(String, String),
}

impl Naming {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Set(name, file) => {
                names.insert(name.clone(), *file);
            }
            Self::Gone(name) => {
                names.remove(name);
            }
            Self::Moved(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
        }
    }
}

#[derive(Debug, Default)]
struct State {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    namings: Vec<Naming>,
    log: Vec<Entry>,
    faults: Vec<Fault>,
    /// Faults that were met.
    failed: usize,
    calls: BTreeMap<Kind, usize>,
    /// Syncs of names that end so wait.
    stuck: Option<&'static str>,
    operations: usize,
    crash_at: Option<usize>,
    is_crashed: bool,
    is_locked: bool,
}

/// The disk; clones are the same disk.
#[derive(Clone, Default)]
pub(crate) struct SimDisk(Arc<Mutex<State>>, Arc<Condvar>);

impl fmt::Debug for SimDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimDisk")
    }
}

/// Random bits from a seed: what survives a crash must be the same in each run of it.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound.max(1)
    }
}

impl SimDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A disk that loses power at the n-th change or sync.
    pub(crate) fn crashing_at(operation: usize) -> Self {
        let disk = Self::default();
        disk.crash_at(operation);
        disk
    }

    /// Loses power at the n-th change or sync from now on.
    pub(crate) fn crash_at(&self, operation: usize) {
        let mut state = self.state();
        state.crash_at = Some(state.operations + operation);
    }

    pub(crate) fn fail(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Syncs of such names wait until told otherwise.
    pub(crate) fn stick(&self, ending: Option<&'static str>) {
        self.state().stuck = ending;
        self.1.notify_all();
    }

    /// How many operations of a kind there were.
    pub(crate) fn calls(&self, kind: Kind) -> usize {
        self.state().calls.get(&kind).copied().unwrap_or(0)
    }

    /// How many operations failed because they were told to.
    pub(crate) fn failed(&self) -> usize {
        self.state().failed
    }

    pub(crate) fn heal(&self) {
        self.state().faults.clear();
    }

    pub(crate) fn acknowledged(&self, seq: u64) {
        self.state().log.push(Entry::Acknowledged(seq));
    }

    pub(crate) fn log(&self) -> Vec<Entry> {
        self.state().log.clone()
    }

    /// Contents by name, as a running system sees them.
    pub(crate) fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let content = |file: &usize| state.files[*file].present.clone();
        state
            .names
            .iter()
            .map(|(name, file)| (name.clone(), content(file)))
            .collect()
    }

    /// A disk with these files, all durable.
    pub(crate) fn with(contents: &BTreeMap<String, Vec<u8>>) -> Self {
        let disk = Self::default();
        let mut state = disk.state();
        for (name, content) in contents {
            let file = state.files.len();
            state.names.insert(name.clone(), file);
            state.files.push(File {
                durable: content.clone(),
                present: content.clone(),
                ..File::default()
            });
        }
        state.durable_names = state.names.clone();
        drop(state);
        disk
    }

    /// The disk after a power cut: all that was synced, and of the rest what chance left.
    pub(crate) fn after_power_cut(&self, seed: u64) -> Self {
        let state = self.state();
        let mut dice = Dice::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        // 0: nothing unsynced survives; 4: everything does.
        let share = dice.below(5);
        let mut names = state.durable_names.clone();
        for naming in &state.namings {
            if dice.below(4) < share {
                naming.apply(&mut names);
            }
        }
        let content = |file: &File, dice: &mut Dice| {
            let mut content = file.durable.clone();
            for change in &file.changes {
                match change {
                    Change::Len(_) if dice.below(4) < share => change.apply(&mut content),
                    Change::Len(_) => {}
                    Change::Write(offset, bytes) => {
                        let (mut start, end) = (*offset, offset + bytes.len());
                        while start < end {
                            let next = ((start / SECTOR + 1) * SECTOR).min(end);
                            if dice.below(4) < share {
                                let sector = bytes[start - offset..next - offset].to_vec();
                                Change::Write(start, sector).apply(&mut content);
                            }
                            start = next;
                        }
                    }
                }
            }
            content
        };
        let survivors = names
            .iter()
            .map(|(name, file)| (name.clone(), content(&state.files[*file], &mut dice)))
            .collect();
        Self::with(&survivors)
    }
}

impl State {
    /// Counts an operation; an error when it must fail. A crash lets the change itself reach the memory of the disk, from where it may survive.
    fn begin(&mut self, kind: Kind, name: &str) -> io::Result<()> {
        if self.is_crashed {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        self.operations += 1;
        if self.crash_at == Some(self.operations) {
            self.is_crashed = true;
        }
        self.look(kind, name)
    }

    /// The part of [`begin`](Self::begin) that operations without a change have too: a power cut leaves them no trace.
    fn look(&mut self, kind: Kind, name: &str) -> io::Result<()> {
        *self.calls.entry(kind).or_insert(0) += 1;
        for fault in &mut self.faults {
            if fault.kind != kind || !name.ends_with(fault.ending) || fault.times == 0 {
                continue;
            }
            if fault.before > 0 {
                fault.before -= 1;
                continue;
            }
            fault.times -= 1;
            self.failed += 1;
            return Err(io::Error::from_raw_os_error(fault.errno));
        }
        Ok(())
    }

    fn end(&mut self, kind: Kind, name: &str, seq: Option<u64>) -> io::Result<()> {
        if self.is_crashed {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        self.log.push(Entry::Done(kind, name.to_owned(), seq));
        Ok(())
    }

    fn change(&mut self, file: usize, change: Change) {
        change.apply(&mut self.files[file].present);
        self.files[file].changes.push(change);
    }
}

#[derive(Debug)]
struct Handle {
    disk: SimDisk,
    file: usize,
    name: String,
}

/// The last seq of the frames in a write.
fn last_seq(mut bytes: &[u8]) -> Option<u64> {
    let mut last = None;
    while bytes.len() >= 60 && bytes.starts_with(b"LSF1") {
        let first = u64::from_le_bytes(bytes[16..24].try_into().unwrap());
        let records = u32::from_le_bytes(bytes[24..28].try_into().unwrap());
        let body = u32::from_le_bytes(bytes[28..32].try_into().unwrap());
        last = Some(first + u64::from(records) - 1);
        bytes = bytes.get(60 + body as usize..).unwrap_or_default();
    }
    last
}

impl DiskFile for Handle {
    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        state.look(Kind::Len, &self.name)?;
        Ok(state.files[self.file].present.len() as u64)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.look(Kind::Read, &self.name)?;
        let offset = usize::try_from(offset).unwrap();
        let content = state.files[self.file]
            .present
            .get(offset..offset + buffer.len());
        let content = content.ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(content);
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let offset = usize::try_from(offset).unwrap();
        let begun = state.begin(Kind::Write, &self.name);
        if begun.is_err() && !state.is_crashed {
            // What fails has often been done in part.
            let half = bytes[..bytes.len() / 2].to_vec();
            state.change(self.file, Change::Write(offset, half));
        }
        begun?;
        state.change(self.file, Change::Write(offset, bytes.to_vec()));
        let seq = last_seq(bytes);
        if seq.is_some() {
            state.files[self.file].last_seq = seq;
        }
        state.end(Kind::Write, &self.name, seq)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.begin(Kind::SetLen, &self.name)?;
        state.change(self.file, Change::Len(usize::try_from(len).unwrap()));
        state.end(Kind::SetLen, &self.name, None)
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.begin(Kind::Allocate, &self.name)?;
        let len = usize::try_from(len).unwrap();
        if len > state.files[self.file].present.len() {
            state.change(self.file, Change::Len(len));
        }
        state.end(Kind::Allocate, &self.name, None)
    }

    fn sync_data(&self) -> io::Result<()> {
        let is_stuck = |state: &mut State| {
            let stuck = state.stuck;
            stuck.is_some_and(|ending| self.name.ends_with(ending))
        };
        let state = self.disk.1.wait_while(self.disk.state(), is_stuck);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.begin(Kind::Sync, &self.name)?;
        let seq = state.files[self.file].last_seq;
        state.end(Kind::Sync, &self.name, seq)?;
        let file = &mut state.files[self.file];
        file.durable = file.present.clone();
        file.changes.clear();
        Ok(())
    }

    fn map(&self) -> io::Result<Box<dyn AsRef<[u8]> + Send + Sync>> {
        let mut state = self.disk.state();
        state.begin(Kind::Map, &self.name)?;
        state.end(Kind::Map, &self.name, None)?;
        Ok(Box::new(state.files[self.file].present.clone()))
    }
}

/// Lets go of the directory.
#[derive(Debug)]
struct Lock(SimDisk);

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.state().is_locked = false;
    }
}

impl SimDisk {
    fn handle(&self, file: usize, name: &str) -> Arc<dyn DiskFile> {
        Arc::new(Handle {
            disk: self.clone(),
            file,
            name: name.to_owned(),
        })
    }

    fn name(&self, kind: Kind, name: &str, naming: Naming) -> io::Result<()> {
        let mut state = self.state();
        state.begin(kind, name)?;
        naming.apply(&mut state.names);
        state.namings.push(naming);
        state.end(kind, name, None)
    }
}

impl Disk for SimDisk {
    fn list_unsorted(&self) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.look(Kind::List, "")?;
        Ok(state.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let file = {
            let mut state = self.state();
            state.files.push(File::default());
            state.files.len() - 1
        };
        self.name(Kind::Create, name, Naming::Set(name.to_owned(), file))?;
        Ok(self.handle(file, name))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        state.look(Kind::Open, name)?;
        let file = state.names.get(name).copied();
        drop(state);
        file.map(|file| self.handle(file, name))
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.name(
            Kind::Rename,
            to,
            Naming::Moved(from.to_owned(), to.to_owned()),
        )
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.name(Kind::Remove, name, Naming::Gone(name.to_owned()))
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.state();
        state.begin(Kind::SyncDir, "")?;
        state.end(Kind::SyncDir, "", None)?;
        state.durable_names = state.names.clone();
        state.namings.clear();
        Ok(())
    }

    fn lock(&self, _: &str, _: &str) -> io::Result<Box<dyn fmt::Debug + Send + Sync>> {
        let mut state = self.state();
        state.look(Kind::Lock, "")?;
        if std::mem::replace(&mut state.is_locked, true) {
            return Err(io::Error::new(io::ErrorKind::WouldBlock, "this process"));
        }
        Ok(Box::new(Lock(self.clone())))
    }
}
