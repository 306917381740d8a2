//! The steps of opening: list, check, recover, and find where the log goes on.

use std::sync::{Arc, RwLock};

use tokio::sync::watch;

use super::bloom::Filters;
use super::disk::{Disk, DiskFile};
use super::index::Hasher;
use super::recovery::failed;
use super::sealed::{Check, SealedIndex};
use super::segment::{Segment, SegmentIndex, index_name, log_name};
use super::shared::Shared;
use super::writer::{Resume, begin_segment};
use super::{FileStoreOptions, OpenReport, frame, recovery};
use crate::clock::{Clock, IdSource};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Epoch, Seq};

/// Written under another name first: of no use once the process that wrote it is gone.
fn is_temporary(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, ending)| ending == "tmp")
}

/// The steps of opening.
pub(super) struct Opening {
    disk: Arc<dyn Disk>,
    options: FileStoreOptions,
    clock: Arc<dyn Clock>,
    epoch: Epoch,
    names: Vec<String>,
    sealed: Vec<(u64, Arc<dyn DiskFile>, SealedIndex)>,
    tails: Vec<(u64, Arc<dyn DiskFile>, recovery::Scanned)>,
    report: OpenReport,
}

pub(super) type Opened = ((Arc<Shared>, watch::Receiver<Seq>), Resume, OpenReport);

impl Opening {
    pub(super) fn new(
        disk: Arc<dyn Disk>,
        options: FileStoreOptions,
        clock: Arc<dyn Clock>,
        ids: &dyn IdSource,
    ) -> Result<Self> {
        let mut names = disk
            .list_unsorted()
            .map_err(|error| failed("cannot list the data directory", error))?;
        names.sort();
        let epoch = recovery::epoch(&*disk, &names, ids)?;
        Ok(Self {
            disk,
            options,
            clock,
            epoch,
            names,
            sealed: Vec::new(),
            tails: Vec::new(),
            report: OpenReport::default(),
        })
    }

    pub(super) fn load(&mut self) -> Result<()> {
        for name in self.names.iter().filter(|name| is_temporary(name)) {
            // Left by a crash; a name that can't be deleted now is tried again next time.
            let _ = self.disk.remove(name);
        }
        for name in self
            .names
            .iter()
            .filter_map(|name| name.strip_suffix(".idx"))
        {
            if !self.names.contains(&format!("{name}.log")) {
                // Retention deletes the index first; sealing may have come after it.
                let _ = self.disk.remove(&format!("{name}.idx"));
            }
        }
        let (firsts, abandoned) = recovery::segments(&*self.disk, &self.names)?;
        let mut expected: Option<u64> = None;
        let mut filled = Vec::new();
        for (index, first_seq) in firsts.iter().copied().enumerate() {
            if expected.is_some_and(|expected| expected != first_seq) {
                let message = format!("records are missing before {}", log_name(first_seq));
                return Err(Error::new(ErrorKind::Corrupt, message));
            }
            let is_last = index + 1 == firsts.len();
            let rows = self.load_segment(first_seq, is_last)?;
            self.report.records += u64::from(rows);
            expected = Some(first_seq + u64::from(rows));
            filled.push(first_seq..first_seq + u64::from(rows));
        }
        for first_seq in &abandoned {
            recovery::check_abandoned(*first_seq, &filled)?;
        }
        for first_seq in abandoned {
            let name = log_name(first_seq);
            self.disk
                .remove(&name)
                .map_err(|error| failed(&format!("cannot delete {name}"), error))?;
        }
        // The process before may have ended after it made a file and before the name was durable. What is acknowledged from now on must not go with the name.
        self.disk
            .sync_dir()
            .map_err(|error| failed("cannot sync the data directory", error))
    }

    fn load_segment(&mut self, first_seq: u64, is_last: bool) -> Result<u32> {
        let name = log_name(first_seq);
        let cannot = |error| failed(&format!("cannot open {name}"), error);
        let file = self.disk.open(&name).map_err(cannot)?;
        if self.names.contains(&index_name(first_seq)) {
            let map = self
                .disk
                .open(&index_name(first_seq))
                .and_then(|file| file.map())
                .map_err(cannot)?;
            if let Some(index) = SealedIndex::open(map, Check::Small)
                && index.meta().first_seq == first_seq
            {
                let (len, whole) = (file.len().map_err(cannot)?, index.meta().log_bytes);
                if len < whole {
                    // An index is written after everything it describes was synced.
                    let message =
                        format!("{name} ends at byte {len} of {whole}; nothing was changed");
                    return Err(Error::new(ErrorKind::Corrupt, message));
                }
                let rows = index.rows();
                self.sealed.push((first_seq, file, index));
                return Ok(rows);
            }
        }
        let hasher = Hasher(self.epoch.0);
        let Some(scanned) = recovery::scan(&*file, first_seq, self.epoch, hasher)? else {
            // Its header was never written, so nothing in it was ever acknowledged; unless it stands alone, and not at the beginning: those before it are deleted only when it has one.
            recovery::check_abandoned(first_seq, &[])?;
            self.disk.remove(&name).map_err(cannot)?;
            return Ok(0);
        };
        let rows = scanned.tail.index.rows();
        if !is_last && scanned.end != file.len().map_err(cannot)? {
            // A segment is cut to its last commit and synced before the next one is begun.
            let message = format!(
                "{name} is damaged at byte {}: later segments follow. Nothing was changed",
                scanned.end
            );
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        if is_last {
            self.report.torn_bytes += scanned.torn_bytes;
            file.set_len(scanned.end)
                .and_then(|()| file.sync_data())
                .map_err(cannot)?;
        }
        self.report.recovered_records += u64::from(rows);
        self.tails.push((first_seq, file, scanned));
        Ok(rows)
    }

    pub(super) fn finish(mut self) -> Result<Opened> {
        let last_sealed = self
            .sealed
            .last()
            .map(|(first_seq, _, index)| first_seq + u64::from(index.rows()));
        let last_tail = self
            .tails
            .last()
            .map(|(first_seq, _, scanned)| first_seq + u64::from(scanned.tail.index.rows()));
        let next_seq = last_sealed.max(last_tail).unwrap_or(1);
        let (head, receiver) = watch::channel(Seq(next_seq - 1));
        let shared = Shared::new(
            self.disk,
            self.options,
            self.epoch,
            self.clock,
            next_seq,
            head,
        );
        self.report.sealed_segments = self.sealed.len();
        let stored: Vec<&[u8]> = self
            .sealed
            .iter()
            .map(|(_, _, index)| index.filter())
            .collect();
        let (filters, slots) = Filters::of(&stored);
        shared.state_mut().filters = filters;
        for ((first_seq, file, index), slot) in self.sealed.into_iter().zip(slots) {
            shared.add_segment(Arc::new(Segment {
                first_seq,
                file,
                index: SegmentIndex::Sealed {
                    index: Box::new(index),
                    slot,
                },
            }));
        }
        let mut resume = None;
        let is_current = |first_seq: u64| {
            last_tail == Some(next_seq) && last_sealed.is_none_or(|sealed| sealed <= first_seq)
        };
        for (first_seq, file, scanned) in self.tails {
            let recovery::Scanned {
                tail,
                end,
                group,
                torn_bytes: _,
            } = scanned;
            let next = first_seq + u64::from(tail.index.rows());
            let segment = Arc::new(Segment {
                first_seq,
                file,
                index: SegmentIndex::Tail(RwLock::new(tail)),
            });
            shared.add_segment(Arc::clone(&segment));
            if next == next_seq && is_current(first_seq) {
                resume = Some(Resume {
                    segment,
                    end,
                    group,
                });
            } else {
                shared.seal(&segment);
            }
        }
        let resume = if let Some(resume) = resume {
            resume
        } else {
            let segment = begin_segment(&shared, next_seq)
                .map_err(|error| failed("cannot begin a segment", error))?;
            shared.add_segment(Arc::clone(&segment));
            Resume {
                segment,
                end: frame::SEGMENT_HEADER_BYTES as u64,
                group: 0,
            }
        };
        Ok(((Arc::new(shared), receiver), resume, self.report))
    }
}
