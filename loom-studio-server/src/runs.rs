//! Which runs there are and what happened in one, for the routes and the command line.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use loom_studio_core::{
    Ambiguities, CallStatus, Candidates, Error, ErrorKind, Event, EventStore, History, Links,
    Pattern, Placement, Projection as _, Record, Result, Run, RunFacts, RunList, RunTree, Seq,
    StoredRecord, Timestamp, TraceId, placement, visit_records,
};
use tokio::sync::Semaphore;

use crate::dear::{Dear, aside, written};
use crate::dto::runs::{Part, RunDetail, RunDto, RunsPage};

/// What a tree needs of the records of a run, at most; ids may be long.
const MAX_TREE_BYTES: usize = 256 << 20;
/// Trees kept.
const KEPT: usize = 2;
/// Statuses change with time alone: a tree with open calls is built anew when it is this old.
const MAX_AGE_NANOS: i64 = 1_000_000_000;

/// The runs as of a position.
#[derive(Debug, Clone)]
pub(crate) struct AsOf {
    pub(crate) list: Arc<RunList>,
    pub(crate) at: Seq,
    /// The present there: what has not been answered by then runs, or never was.
    pub(crate) now: Timestamp,
}

/// A run as clients name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunName {
    /// By any event that is part of it, usually its root.
    Member(Seq),
    Trace(TraceId),
}

impl RunName {
    /// Reads a position, or the 32 hexadecimal digits of a trace id.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let trace = u128::from_str_radix(text, 16).ok()?;
            return Some(Self::Trace(TraceId(trace)));
        }
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let seq = text.parse().ok().filter(|_| is_number)?;
        Some(Self::Member(Seq(seq)))
    }
}

/// A run and where its records are.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) run: Run,
    pub(crate) members: Vec<Seq>,
    pub(crate) ambiguities: Ambiguities,
}

/// Lists of the past that are folded at a time. Each holds a thread for blocking work while it waits for others of them, so there must be far fewer than threads.
static PAST: Semaphore = Semaphore::const_new(2);

/// The state of a history at its head, or at a position before it.
pub(crate) async fn list_at(
    history: &Arc<History<RunList>>,
    past: Option<Seq>,
) -> Result<Arc<RunList>> {
    let history = Arc::clone(history);
    match past {
        // Even a look at the head waits while events are being placed.
        None => aside(move || history.head()).await,
        Some(at) => {
            let closing = |_| Error::new(ErrorKind::Closed, "the server is shutting down");
            let turn = PAST.acquire().await.map_err(closing)?;
            let runtime = tokio::runtime::Handle::current();
            let past = aside(move || {
                // Kept until it is done, also when nobody waits for it any more.
                let _turn = turn;
                runtime.block_on(history.at(at))
            });
            past.await?.map(Arc::new)
        }
    }
}

impl AsOf {
    /// The run of that name; `None` when there is none.
    pub(crate) async fn find(&self, workspace: &Arc<str>, name: RunName) -> Result<Option<Found>> {
        let (this, workspace) = (self.clone(), Arc::clone(workspace));
        aside(move || {
            let seq = match name {
                RunName::Member(seq) => seq,
                RunName::Trace(trace) => this.list.find_trace(&workspace, trace)?.0,
            };
            let run = this.list.run(&workspace, seq, this.now)?;
            Some(Found {
                run,
                members: this.list.members(&workspace, seq),
                ambiguities: this.list.ambiguities(&workspace, seq),
            })
        })
        .await
    }

    /// Whether an event that is part of no run may have been part of one that is forgotten: it came before the oldest run there is.
    pub(crate) async fn may_have_forgotten(&self, workspace: &Arc<str>, seq: Seq) -> Result<bool> {
        let (this, workspace) = (self.clone(), Arc::clone(workspace));
        aside(move || {
            let has_forgotten = this.list.bounds().forgotten_runs > 0;
            let oldest = || {
                let runs = this.list.runs(&workspace, this.now);
                runs.iter().map(|run| run.id.0).min()
            };
            has_forgotten && oldest().is_none_or(|oldest| seq < oldest)
        })
        .await
    }

    /// A page of the runs of a workspace.
    pub(crate) async fn page(
        &self,
        store: &dyn EventStore,
        workspace: &Arc<str>,
        question: Question,
    ) -> Result<RunsPage> {
        let (this, workspace) = (self.clone(), Arc::clone(workspace));
        let (order, limit) = (question.order, question.limit);
        let (runs, (total, ambiguous), bounds) = aside(move || {
            let mut runs = this.list.runs(&workspace, this.now);
            runs.retain(|run| question.wants(run));
            runs.sort_by_cached_key(|run| order.key(run));
            let total = runs.len() as u64;
            let ambiguous = runs.iter().filter(|run| run.ambiguity.is_some()).count() as u64;
            if let Some(after) = question.after {
                let passed = runs.partition_point(|run| order.key(run) <= after);
                runs.drain(..passed);
            }
            let has_more = runs.len() > question.limit;
            runs.truncate(question.limit);
            ((runs, has_more), (total, ambiguous), this.list.bounds())
        })
        .await?;
        let (runs, has_more) = runs;
        let next = runs.last().filter(|_| has_more && limit > 0);
        let next_cursor = next.map(|run| order.cursor(run, store.epoch()));
        let mut dtos = Vec::with_capacity(runs.len());
        for run in &runs {
            dtos.push(short(store, run).await?);
        }
        Ok(RunsPage {
            runs: dtos,
            total,
            ambiguous,
            next_cursor,
            bounds: bounds.into(),
            at: self.at.0,
            epoch: store.epoch().to_string(),
        })
    }
}

/// A run in short, with what its root request says of itself.
async fn short(store: &dyn EventStore, run: &Run) -> Result<RunDto> {
    let root = match store.get(run.id.0).await {
        Ok(record) => record.and_then(StoredRecord::into_event),
        Err(error) if error.kind() == ErrorKind::Gone => None,
        Err(error) => return Err(error),
    };
    let root = root.map(|stored| {
        let event = &stored.event;
        (event.id().to_string(), event.kind().to_string())
    });
    Ok(RunDto::new(run, root))
}

/// The order of a list of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum RunOrder {
    #[default]
    Newest,
    Oldest,
    Longest,
    Shortest,
}

impl RunOrder {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let all = [Self::Newest, Self::Oldest, Self::Longest, Self::Shortest];
        all.into_iter().find(|order| order.as_str() == text)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "-seq",
            Self::Oldest => "seq",
            Self::Longest => "-duration",
            Self::Shortest => "duration",
        }
    }

    /// What comes first is smaller. Equal durations are in the order of the log.
    fn key(self, run: &Run) -> (i128, u64) {
        let (seq, duration) = (run.id.0.0, i128::from(run.duration_nanos));
        match self {
            Self::Newest => (-i128::from(seq), seq),
            Self::Oldest => (i128::from(seq), seq),
            Self::Longest => (-duration, seq),
            Self::Shortest => (duration, seq),
        }
    }

    fn cursor(self, run: &Run, epoch: loom_studio_core::Epoch) -> String {
        let (key, seq) = self.key(run);
        format!("{epoch}.{}.{key}.{seq}", self.as_str())
    }

    /// The place that a cursor of this order names.
    ///
    /// # Errors
    /// `EpochMismatch` for a cursor of another epoch, `Invalid` for any other text.
    pub(crate) fn place(self, cursor: &str, epoch: loom_studio_core::Epoch) -> Result<(i128, u64)> {
        let invalid = || Error::new(ErrorKind::Invalid, "the cursor is of another question");
        let mut parts = cursor.split('.');
        let mut part = || parts.next().ok_or_else(invalid);
        let of: loom_studio_core::Epoch = part()?.parse().map_err(|_| invalid())?;
        let (order, key, seq) = (part()?, part()?, part()?);
        if parts.next().is_some() || order != self.as_str() {
            return Err(invalid());
        }
        let place = (
            key.parse().map_err(|_| invalid())?,
            seq.parse().map_err(|_| invalid())?,
        );
        if of != epoch {
            let message = "the cursor is of another epoch: start over";
            return Err(Error::new(ErrorKind::EpochMismatch, message));
        }
        Ok(place)
    }
}

/// Which runs.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) status: Option<String>,
    pub(crate) session: Option<Pattern>,
    /// The caller or the callee of the root.
    pub(crate) node: Option<Pattern>,
    /// Only those that may be part of others, or only those that aren't.
    pub(crate) is_ambiguous: Option<bool>,
    pub(crate) order: RunOrder,
    pub(crate) limit: usize,
    /// Behind this place in the order.
    pub(crate) after: Option<(i128, u64)>,
}

impl Question {
    fn wants(&self, run: &Run) -> bool {
        let is_node = |pattern: &Pattern| {
            [&run.from, &run.to]
                .iter()
                .any(|node| pattern.matches(node.as_str()))
        };
        let status = self.status.as_deref();
        let session = self.session.as_ref();
        status.is_none_or(|status| status == run.status.as_str())
            && session.is_none_or(|session| session.matches(&run.session))
            && self
                .is_ambiguous
                .is_none_or(|wanted| wanted == run.ambiguity.is_some())
            && self.node.as_ref().is_none_or(is_node)
    }
}

/// A tree, and what it is not made of.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) tree: RunTree,
    /// Records of the run that are deleted.
    pub(crate) deleted: u64,
    /// Records behind those that were read.
    pub(crate) unread: u64,
}

/// Builds trees, one at a time, and keeps the last.
#[derive(Debug)]
pub(crate) struct Trees {
    dear: Dear,
    /// Records of a run that its tree is built of at most.
    max_records: usize,
    kept: Arc<Mutex<VecDeque<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    members: Vec<Seq>,
    ambiguous: Vec<(Seq, Candidates)>,
    now: Timestamp,
    tree: Arc<Built>,
}

impl Kept {
    /// Whether a tree would be the same at another moment.
    fn holds_at(&self, now: Timestamp) -> bool {
        let age = now.nanos_since(self.now);
        let calls = &self.tree.tree.calls;
        let is_open = || {
            let mut calls = calls.iter();
            calls.any(|call| call.status == CallStatus::Running)
        };
        (0..MAX_AGE_NANOS).contains(&age) || (age >= 0 && !is_open())
    }
}

impl Trees {
    /// None yet. They are built in this turn, each of at most so many records.
    pub(crate) fn new(dear: Dear, max_records: usize) -> Self {
        Self {
            dear,
            max_records,
            kept: Arc::default(),
        }
    }

    /// The tree of a run. Of one that is too large it is the tree of its first records, as of the last of them.
    ///
    /// # Errors
    /// `Gone` when all its records are deleted; as the store's reads.
    pub(crate) async fn of(
        &self,
        store: &Arc<dyn EventStore>,
        found: &Found,
        now: Timestamp,
    ) -> Result<Arc<Built>> {
        let (members, ambiguities) = (&found.members, &found.ambiguities);
        let first = store.stats().await?.first_seq;
        let deleted = members.partition_point(|seq| *seq < first);
        if deleted == members.len() {
            let message = "the events of the run were deleted by retention";
            return Err(Error::new(ErrorKind::Gone, message));
        }
        if let Some(tree) = known(&self.kept, members, &ambiguities.members, deleted, now) {
            return Ok(tree);
        }
        let (store, members) = (Arc::clone(store), members.clone());
        let ambiguities = Ambiguities {
            members: ambiguities.members.clone(),
            ..Ambiguities::default()
        };
        let kept = Arc::clone(&self.kept);
        let max_records = self.max_records;
        let work = async move || {
            // Somebody else may have built it meanwhile.
            if let Some(tree) = known(&kept, &members, &ambiguities.members, deleted, now) {
                return Ok(tree);
            }
            let read = members.get(deleted..).unwrap_or_default();
            let mut tree = built(&*store, read, max_records, &ambiguities, now).await?;
            tree.deleted = deleted as u64;
            let tree = Arc::new(tree);
            let mut kept = lock(&kept);
            kept.retain(|kept| kept.members.first() != members.first());
            while kept.len() >= KEPT {
                kept.pop_front();
            }
            kept.push_back(Kept {
                members,
                ambiguous: ambiguities.members,
                now,
                tree: Arc::clone(&tree),
            });
            Ok(tree)
        };
        self.dear.run(work).await?
    }
}

fn lock(kept: &Mutex<VecDeque<Kept>>) -> MutexGuard<'_, VecDeque<Kept>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A tree that is kept and still right: it is one of the same records, and time has changed nothing in it.
fn known(
    kept: &Mutex<VecDeque<Kept>>,
    members: &[Seq],
    ambiguous: &[(Seq, Candidates)],
    deleted: usize,
    now: Timestamp,
) -> Option<Arc<Built>> {
    let mut kept = lock(kept);
    let index = kept.iter().position(|kept| {
        kept.tree.deleted == deleted as u64
            && kept.members == members
            && kept.ambiguous == ambiguous
            && kept.holds_at(now)
    });
    let known = kept.remove(index?)?;
    let tree = Arc::clone(&known.tree);
    kept.push_back(known);
    Some(tree)
}

/// Reads the records of a run within the bounds, and builds its tree.
async fn built(
    store: &dyn EventStore,
    stored: &[Seq],
    max_records: usize,
    ambiguities: &Ambiguities,
    now: Timestamp,
) -> Result<Built> {
    let wanted = stored.get(..max_records).unwrap_or(stored);
    let (mut facts, mut last) = (RunFacts::default(), None);
    let take = |record: &Record| {
        facts.add(record);
        last = Some(record.seq());
        if facts.bytes() < MAX_TREE_BYTES {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    visit_records(store, wanted, take).await?;
    let read = last.map_or(0, |last| stored.partition_point(|seq| *seq <= last));
    let unread = stored.len() - read;
    // Whether a reply is among what was not read isn't known: nothing has timed out since.
    let now = match facts.last_time() {
        Some(last) if unread > 0 => last.min(now),
        _ => now,
    };
    Ok(Built {
        tree: facts.tree_with(ambiguities, now),
        deleted: 0,
        unread: unread as u64,
    })
}

/// A run with its calls, or a part of them, as JSON; `None` when the part begins with a call it doesn't have. Written aside: it may be long.
pub(crate) async fn detail(
    store: &Arc<dyn EventStore>,
    trees: &Trees,
    found: &Found,
    as_of: &AsOf,
    part: Part,
) -> Result<Option<Vec<u8>>> {
    let tree = trees.of(store, found, as_of.now).await?;
    let run = short(&**store, &found.run).await?;
    let (at, epoch) = (as_of.at, store.epoch());
    let ambiguities = found.ambiguities.clone();
    let write = move || {
        let detail = RunDetail::new(run, &tree, &ambiguities, part, at, epoch);
        detail.as_ref().map(written).transpose()
    };
    aside(write).await?
}

/// What the list of runs says of an event.
#[derive(Debug)]
pub(crate) enum Placed {
    /// As of a position.
    As(Placement, Seq),
    /// It has not come to this event yet.
    Behind,
    /// It failed and stands still.
    Failed,
}

/// Where an event is. Reads its surroundings only, however large its run.
pub(crate) async fn placed(
    store: &dyn EventStore,
    list: Arc<RunList>,
    event: &Event,
    links: &Links,
) -> Result<Placed> {
    let at = list.through();
    if at < event.seq() {
        return Ok(Placed::Behind);
    }
    // What has not been placed is placed for the first question after it came; that takes a while.
    let seq = event.seq();
    let list = aside(move || {
        let _ = list.candidates(seq);
        list
    });
    let list = list.await?;
    let placement = placement(store, event, links, &list).await?;
    Ok(Placed::As(placement, at))
}
