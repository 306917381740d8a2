//! The fuzz targets over their seeds, over every input that ever broke one, and over some thousand mutations. `cargo fuzz` goes further; CONTRIBUTING says how.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use loom_studio_core::fuzzing::{TARGETS, Target};

use crate::sim_disk::Dice;

/// The same in each run, so that a failure is no surprise to whoever meets it.
const SEED: u64 = 0x1005;
const WORDS: [u64; 8] = [0, 1, 0x7f, 0xff, 0xffff, 1 << 31, u32::MAX as u64, u64::MAX];
const TOKENS: [&str; 12] = [
    "\"", "\\", "{", "}", "[", "]", ",", ":", "\\ud800", "null", "1e999", "\"id\":",
];

fn mutated(seed: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() as u64 + 1) as usize;
        let end = (at + dice.below(24) as usize).min(bytes.len());
        match dice.below(8) {
            0 | 1 if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            2 if at < bytes.len() => bytes[at] = dice.below(256) as u8,
            3 => drop(bytes.drain(at..end)),
            4 => {
                let copy = bytes[at..end].to_vec();
                let to = dice.below(bytes.len() as u64 + 1) as usize;
                bytes.splice(to..to, copy);
            }
            5 => bytes.truncate(at),
            6 => {
                let token = TOKENS[dice.below(TOKENS.len() as u64) as usize];
                bytes.splice(at..at, token.bytes());
            }
            _ => {
                let word = WORDS[dice.below(WORDS.len() as u64) as usize].to_le_bytes();
                let count = [1, 2, 4, 8][dice.below(4) as usize].min(bytes.len() - at);
                bytes[at..at + count].copy_from_slice(&word[..count]);
            }
        }
    }
    bytes
}

fn run(target: &Target, what: &str, input: &[u8]) {
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    assert!(
        outcome.is_ok(),
        "{}, {what}: {}",
        target.name,
        input.escape_ascii()
    );
}

fn check(name: &str, mutations: usize) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let seeds = (target.seeds)();
    for (index, seed) in seeds.iter().enumerate() {
        run(target, &format!("seed {index}"), seed);
    }
    let known = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/regressions");
    for entry in fs::read_dir(known).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap();
        if file.split('-').next() == Some(name) {
            run(target, file, &fs::read(&path).unwrap());
        }
    }
    let mut dice = Dice::new(SEED);
    for number in 0..mutations {
        let seed = &seeds[dice.below(seeds.len() as u64) as usize];
        run(
            target,
            &format!("mutation {number}"),
            &mutated(seed, &mut dice),
        );
    }
}

#[test]
fn any_envelope() {
    check("envelope", 20_000);
}

#[test]
fn any_frame() {
    check("frame", 5_000);
}

#[test]
fn any_index() {
    check("index", 3_000);
}

#[test]
fn any_directory() {
    check("recovery", 1_500);
}
