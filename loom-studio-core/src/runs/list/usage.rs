//! Tokens by who used them.

use std::sync::Arc;

use super::{Fresh, RunList};
use crate::event::NodeId;
use crate::runs::Tokens;

/// Tenant, node, model.
pub(super) type UsageKey = (Arc<str>, NodeId, Option<Arc<str>>);

/// The tokens that one node used of one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Who reported them: the node that asked the model, or that answered with a usage.
    pub node: NodeId,
    /// The model; `None` where the report named none.
    pub model: Option<Arc<str>>,
    /// How many.
    pub tokens: Tokens,
    /// The reports that were counted.
    pub reports: u64,
}

impl RunList {
    /// The tokens of a workspace by node, then model. Each is counted once, by the rule of [`RunTree::tokens`](crate::RunTree::tokens); runs that were forgotten still count. Events outside of runs count too, except replies: whose
    /// parts a reply without its call sums up can't be known.
    ///
    /// A pair beyond [`RunLimits::usages`](super::RunLimits::usages) is left out, and [`RunBounds::usages_left_out`](super::RunBounds::usages_left_out) counts its reports.
    pub fn usage(&self, workspace: &str) -> Vec<Usage> {
        let view = self.view();
        let used = view.usage.iter();
        used.filter(|((of, ..), _)| **of == *workspace)
            .map(|((_, node, model), (tokens, reports))| Usage {
                node: node.clone(),
                model: model.clone(),
                tokens: *tokens,
                reports: *reports,
            })
            .collect()
    }

    /// Counts what an event reports.
    pub(super) fn use_tokens(&mut self, fresh: &Fresh) {
        let Some(tokens) = fresh.tokens else { return };
        let fact = &fresh.fact;
        let key = (
            Arc::clone(&fact.workspace),
            fact.from.clone(),
            fresh.model.clone(),
        );
        if let Some((used, reports)) = self.usage.get_mut(&key) {
            *used = used.plus(tokens);
            *reports += 1;
        } else if self.usage.len() < self.limits.usages {
            self.usage.insert(key, (tokens, 1));
        } else {
            self.bounds.usages_left_out += 1;
        }
    }
}
