//! The chain of calls that a run's duration consists of.

use super::call::Call;
use crate::clock::Timestamp;

/// What a stretch of the critical path was spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pursuit {
    /// The call's own work.
    Work,
    /// The caller went on waiting for a reply although the call had ended in an error it never heard.
    WaitInVain,
}

/// A stretch of the critical path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathStep {
    /// The index of the call that the time was spent in.
    pub call: usize,
    /// From here.
    pub from: Timestamp,
    /// To here.
    pub until: Timestamp,
    /// Doing what.
    pub pursuit: Pursuit,
}

/// A call whose stretch is being walked, backward from `at`.
struct Frame {
    call: usize,
    at: Timestamp,
    floor: Timestamp,
    next_child: usize,
    /// Its caller gave up at `at`, before it had ended.
    is_cut: bool,
}

/// The critical path of the call `root`, in time order.
///
/// The walk goes backward from the end of the root: of the children the caller had finished waiting for by then, the one that finished last is what the caller waited for, so the path goes through
/// it; the time after it is the caller's own work; before its start the same question is asked again. A child still running when its caller ended is not waited for; but where a
/// caller gave up on a call, what that call was itself waiting for at that moment is on the path up to then. The stretches don't overlap and
/// fill the root's duration. (Zhang et al.: "CRISP: Critical Path Analysis of Large-Scale Microservice Architectures", USENIX ATC 2022, §4.1.)
///
/// O(n log n), no recursion.
pub(super) fn critical_path(calls: &[Call], root: usize) -> Vec<PathStep> {
    let mut steps = Vec::new();
    let Some(first) = calls.get(root) else {
        return steps;
    };
    // The children of each call on the path, the last to finish first.
    let by_end = |call: usize| -> Vec<usize> {
        let mut children = calls
            .get(call)
            .map_or_else(Vec::new, |call| call.children.clone());
        children.sort_by_key(|child| {
            let call = calls.get(*child);
            std::cmp::Reverse(call.map(|call| (call.waited_until, call.start, *child)))
        });
        children
    };
    let mut stack = vec![(
        Frame {
            call: root,
            at: first.waited_until,
            floor: first.start,
            next_child: 0,
            is_cut: first.goes_on_after(first.waited_until),
        },
        by_end(root),
    )];
    enter(calls, &mut stack, &mut steps);
    while let Some((frame, children)) = stack.last_mut() {
        let next = children.get(frame.next_child).copied();
        frame.next_child += 1;
        let Some(child) = next else {
            push(&mut steps, frame.call, frame.floor, frame.at, Pursuit::Work);
            let floor = frame.floor;
            stack.pop();
            if let Some((caller, _)) = stack.last_mut() {
                caller.at = floor;
            }
            continue;
        };
        let Some(of) = calls.get(child) else { continue };
        let end = if frame.is_cut {
            of.waited_until.min(frame.at)
        } else {
            of.waited_until
        };
        if end > frame.at || end <= frame.floor.max(of.start) {
            continue;
        }
        push(&mut steps, frame.call, end, frame.at, Pursuit::Work);
        (frame.at, frame.is_cut) = (end, false);
        let entered = Frame {
            call: child,
            at: end,
            floor: of.start.max(frame.floor),
            next_child: 0,
            is_cut: of.goes_on_after(end),
        };
        stack.push((entered, by_end(child)));
        enter(calls, &mut stack, &mut steps);
    }
    steps.reverse();
    steps
}

/// The stretch at the end of a call in which its caller only waited.
fn enter(calls: &[Call], stack: &mut [(Frame, Vec<usize>)], steps: &mut Vec<PathStep>) {
    if let Some((frame, _)) = stack.last_mut()
        && let Some(call) = calls.get(frame.call)
        && call.is_unheard
        && let Some(end) = &call.end
    {
        let ended = end.time.clamp(frame.floor, frame.at);
        push(steps, frame.call, ended, frame.at, Pursuit::WaitInVain);
        frame.at = ended;
    }
}

fn push(
    steps: &mut Vec<PathStep>,
    call: usize,
    from: Timestamp,
    until: Timestamp,
    pursuit: Pursuit,
) {
    if from < until {
        steps.push(PathStep {
            call,
            from,
            until,
            pursuit,
        });
    }
}
