//! Checks a directory without changing it.

use std::path::Path;
use std::sync::Arc;

use super::disk::Disk;
use super::index::Hasher;
use super::os_disk::OsDisk;
use super::recovery::{self, META_NAME, Scanned, failed};
use super::sealed::{self, Check, SealedIndex};
use super::segment::{index_name, log_name};
use crate::clock::SequentialIds;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::Epoch;

/// What [`verify`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Segments read.
    pub segments: usize,
    /// Records read, each of them whole.
    pub records: u64,
    /// What is wrong, one line each; empty when the store is sound.
    pub problems: Vec<String>,
}

/// Reads every frame and record of a store, checks every checksum, and compares each index with one built anew. Changes nothing.
///
/// `progress` is told segments done and segments in all.
///
/// # Errors
/// `Closed` when a process has the store open. `Io` when the directory can't be read, `Invalid` when it holds no store.
pub fn verify(path: &Path, progress: &mut dyn FnMut(usize, usize)) -> Result<VerifyReport> {
    if !path.join(META_NAME).exists() {
        let message = format!("{} holds no store: there is no {META_NAME}", path.display());
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    let disk: Arc<dyn Disk> = Arc::new(
        OsDisk::open(path).map_err(|error| failed("cannot open the data directory", error))?,
    );
    let _lock = super::lock(&*disk, path)?;
    let mut names = disk
        .list_unsorted()
        .map_err(|error| failed("cannot list the data directory", error))?;
    names.sort();
    let epoch = recovery::epoch(&*disk, &names, &SequentialIds::new(0))?;
    let (firsts, abandoned) = recovery::segments(&*disk, &names)?;
    let mut filled = Vec::new();
    let mut report = VerifyReport::default();
    let mut expected = None;
    for (done, first_seq) in firsts.iter().copied().enumerate() {
        progress(done, firsts.len());
        if expected.is_some_and(|expected| expected != first_seq) {
            report.problems.push(format!(
                "records are missing before {}",
                log_name(first_seq)
            ));
        }
        match segment(&*disk, &names, first_seq, epoch, &mut report) {
            Ok(rows) => {
                report.records += u64::from(rows);
                expected = Some(first_seq + u64::from(rows));
                filled.push(first_seq..first_seq + u64::from(rows));
            }
            Err(error) => {
                report.problems.push(error.to_string());
                expected = None;
            }
        }
        report.segments += 1;
    }
    for first_seq in abandoned {
        if let Err(error) = recovery::check_abandoned(first_seq, &filled) {
            report.problems.push(error.to_string());
        }
    }
    progress(firsts.len(), firsts.len());
    Ok(report)
}

fn segment(
    disk: &dyn Disk,
    names: &[String],
    first_seq: u64,
    epoch: Epoch,
    report: &mut VerifyReport,
) -> Result<u32> {
    let name = log_name(first_seq);
    let cannot = |error| failed(&format!("cannot read {name}"), error);
    let file = disk.open(&name).map_err(cannot)?;
    let Some(scanned) = recovery::scan(&*file, first_seq, epoch, Hasher(epoch.0))? else {
        report.problems.push(format!(
            "{name} has no header: it was being begun; the next open removes it"
        ));
        return Ok(0);
    };
    let Scanned { tail, end, .. } = scanned;
    let rows = tail.index.rows();
    let index = index_name(first_seq);
    if names.contains(&index) {
        let stored = disk
            .open(&index)
            .and_then(|file| file.map())
            .map_err(cannot)?;
        let bytes = (*stored).as_ref().to_vec();
        match SealedIndex::open(stored, Check::All) {
            Some(opened) => {
                let len = opened.meta().log_bytes;
                if end < len {
                    report.problems.push(format!(
                        "{name} is damaged at byte {end}: {} bytes should follow",
                        len - end
                    ));
                } else if sealed::encode(&tail.index, &tail.meta, opened.filter().len() * 8)
                    != bytes
                {
                    report.problems.push(format!("{index} does not describe {name}; delete it, and the next open builds it anew"));
                }
            }
            None => report
                .problems
                .push(format!("{index} is damaged; the next open builds it anew")),
        }
    }
    Ok(rows)
}
