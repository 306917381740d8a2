//! Runs: a root call and all below it. Which there are ([`RunList`]), and what happened in one ([`call_tree`]).

mod blame;
mod call;
mod critical_path;
mod facts;
mod list;
mod read;
mod state;
mod tokens;
mod tree;

use std::fmt;
use std::str::FromStr;

use crate::ids::Seq;

pub use blame::{Explanation, RunFailure};
pub use call::{Attached, Call, CallEnd, CallStatus, Parent, RunTree, Unplaced};
pub use critical_path::{PathStep, Pursuit};
pub use facts::{RunFacts, call_tree, call_tree_with};
pub(crate) use list::RunMembers;
pub use list::{
    Ambiguities, MAX_POSSIBLE, Possible, Run, RunBounds, RunLimits, RunList, RunStatus, Usage,
};
pub use read::{read_records, visit_records};
pub use tokens::Tokens;
pub(crate) use tokens::model_name;

/// Names a run: the position of its root request.
///
/// A late link can show that a root was made within another call; the run then has the name of the new root, and [`RunList::find`] leads there from any position that is part of it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct RunId(pub Seq);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RunId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(|seq| Self(Seq(seq)))
    }
}
