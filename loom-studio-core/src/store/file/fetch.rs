//! Reading many blocks at once: the thread that needs them shares the work with threads kept for that.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::block::Block;
use super::blocks::Wanted;
use crate::error::Result;

/// Fetches that may wait for one helper. A helper that comes late finds nothing left to do.
const QUEUE: usize = 4;

/// The far end of a thread that helps.
#[derive(Debug)]
pub(super) struct Helper(SyncSender<Option<Arc<Fetch>>>);

impl Helper {
    /// A helper, and what its thread has to run.
    pub(super) fn new() -> (Self, impl FnOnce() + Send + 'static) {
        let (sender, receiver): (_, Receiver<Option<Arc<Fetch>>>) = sync_channel(QUEUE);
        let work = move || {
            while let Ok(Some(fetch)) = receiver.recv() {
                fetch.work();
            }
        };
        (Self(sender), work)
    }

    pub(super) fn end(&self) {
        // Where the thread has died there is nothing to end.
        let _ = self.0.send(None);
    }
}

/// Blocks being read. Each is taken by one thread.
#[derive(Debug)]
pub(super) struct Fetch {
    wanted: Vec<Wanted>,
    next: AtomicUsize,
    blocks: Vec<Mutex<Option<Result<Arc<Block>>>>>,
    /// Blocks dealt with by threads that found no more to do.
    done: Mutex<usize>,
    all_done: Condvar,
}

impl Fetch {
    pub(super) fn new(wanted: Vec<Wanted>) -> Arc<Self> {
        Arc::new(Self {
            blocks: wanted.iter().map(|_| Mutex::default()).collect(),
            wanted,
            next: AtomicUsize::new(0),
            done: Mutex::new(0),
            all_done: Condvar::new(),
        })
    }

    /// Reads all blocks. Helpers that are busy are not waited for: only what they have begun is.
    pub(super) fn run(self: Arc<Self>, helpers: &[Helper]) -> Vec<Result<Arc<Block>>> {
        for helper in helpers {
            // A full queue means that it has enough to do.
            let _ = helper.0.try_send(Some(Arc::clone(&self)));
        }
        self.work();
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        while *done < self.wanted.len() {
            done = self
                .all_done
                .wait(done)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(done);
        let taken = self.blocks.iter().zip(&self.wanted).map(|(block, wanted)| {
            let read = block.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Nothing is there when the thread that took it has died.
            read.unwrap_or_else(|| wanted.read())
        });
        taken.collect()
    }

    fn work(&self) {
        let mut share = Share {
            fetch: self,
            blocks: 0,
        };
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let (Some(wanted), Some(place)) = (self.wanted.get(index), self.blocks.get(index))
            else {
                break;
            };
            share.blocks += 1;
            let read = wanted.read();
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
        }
    }
}

/// What one thread has taken, reported however it ends.
struct Share<'a> {
    fetch: &'a Fetch,
    blocks: usize,
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let done = self.fetch.done.lock();
        *done.unwrap_or_else(PoisonError::into_inner) += self.blocks;
        self.fetch.all_done.notify_all();
    }
}
