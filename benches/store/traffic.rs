//! Events as a Loom application sends them, the same in every run: 50 nodes, 14 types, traces of about 50 events of which 200 are under way at once, and mild disorder in time.

use std::fmt::Write as _;

const NODES: u64 = 50;
const TYPES: [&str; 14] = [
    "node.request",
    "node.response",
    "node.call",
    "node.result",
    "agent.thought",
    "agent.plan",
    "tool.invoke",
    "tool.result",
    "memory.save",
    "memory.recall",
    "llm.request",
    "llm.response",
    "workflow.step",
    "node.error",
];
const OPEN_TRACES: usize = 200;
const WORDS: usize = 12_000;
/// Nanoseconds since 1970 of the first event: 2026-01-02T03:00:00Z.
const START: i64 = 1_767_322_800_000_000_000;
/// Nanoseconds from one event to the next.
pub(crate) const STEP: i64 = 2_000_000;

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

/// What queries later ask for.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) kind: &'static str,
    pub(crate) trace: String,
    pub(crate) nanos: i64,
}

/// Makes events, one after another.
#[derive(Debug)]
pub(crate) struct Traffic {
    random: Random,
    words: Vec<String>,
    traces: Vec<(u64, u64, u64)>,
    number: u64,
}

impl Traffic {
    pub(crate) fn new() -> Self {
        let mut random = Random::new(1);
        let words = (0..WORDS).map(|_| word(&mut random)).collect();
        let traces = (0..OPEN_TRACES)
            .map(|_| (random.next(), random.next(), random.below(100)))
            .collect();
        Self {
            random,
            words,
            traces,
            number: 0,
        }
    }

    /// Writes the next event's JSON text into `out`.
    pub(crate) fn event(&mut self, out: &mut String) -> Sample {
        out.clear();
        let random = &mut self.random;
        let slot = random.below(OPEN_TRACES as u64) as usize;
        let mut trace = String::new();
        if let Some(open) = self.traces.get_mut(slot) {
            let _ = write!(trace, "{:016x}{:016x}", open.0, open.1);
            open.2 = open.2.saturating_sub(1);
            if open.2 == 0 {
                *open = (random.next(), random.next(), 1 + random.below(99));
            }
        }
        let nanos =
            START + self.number.cast_signed() * STEP + random.below(50_000_000).cast_signed();
        let kind = TYPES[random.below(TYPES.len() as u64) as usize];
        let from = random.below(NODES);
        let source = node(from);
        let (high, low) = (random.next(), random.next());
        let id = format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        );
        // Writing into a String cannot fail.
        let _ = write!(
            out,
            "{{\"specversion\":\"1.0\",\"id\":\"{id}\",\"source\":\"{source}\",\"type\":\"{kind}\",\"datacontenttype\":\"application/json\","
        );
        if random.below(10) < 6 {
            let _ = write!(out, "\"subject\":\"{}\",", node(random.below(NODES)));
        }
        let _ = write!(
            out,
            "\"time\":\"{}\",\"traceparent\":\"00-{trace}-{:016x}-01\",\"data\":{{\"step\":{},\"text\":\"",
            loom_studio_core::Timestamp::from_nanos(nanos),
            random.next(),
            random.below(40),
        );
        let wanted = match random.below(1000) {
            0..100 => 420 + random.below(80),
            100..650 => 500 + random.below(200),
            650..900 => 700 + random.below(300),
            900..994 => 1000 + random.below(800),
            _ => 2000 + random.below(4000),
        } as usize;
        let wanted = wanted.saturating_sub(56);
        while out.len() < wanted {
            let pick = random.next();
            // Few words make up most of the text, as in prose (Zipf).
            let share = (pick >> 11) as f64 / (1_u64 << 53) as f64;
            let rank = (WORDS as f64).powf(share.powf(1.3)) as usize;
            if let Some(word) = self.words.get(rank.saturating_sub(1)) {
                out.push_str(word);
            }
            out.push_str(if pick.is_multiple_of(60) { "\\n" } else { " " });
        }
        let _ = write!(out, "\",\"tokens\":{}}}}}", random.below(4096));
        self.number += 1;
        Sample {
            id,
            source,
            kind,
            trace,
            nanos,
        }
    }
}

fn node(number: u64) -> String {
    match number % 3 {
        0 => format!("/node/agent/writer-{number}"),
        1 => format!("/node/tool/search-{number}"),
        _ => format!("/node/memory/notes-{number}"),
    }
}

fn word(random: &mut Random) -> String {
    const VOWELS: [char; 5] = ['a', 'e', 'i', 'o', 'u'];
    const OTHERS: [char; 12] = ['b', 'd', 'f', 'g', 'k', 'l', 'm', 'n', 'r', 's', 't', 'v'];
    (0..=random.below(3))
        .flat_map(|_| {
            [
                OTHERS[random.below(12) as usize],
                VOWELS[random.below(5) as usize],
                OTHERS[random.below(12) as usize],
            ]
        })
        .collect()
}
