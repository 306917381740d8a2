//! Writes the seeds of every target to `corpus/`, where `cargo fuzz run` begins.

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    for target in loom_studio_core::fuzzing::TARGETS {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(target.name);
        fs::create_dir_all(&directory)?;
        for (number, seed) in (target.seeds)().iter().enumerate() {
            fs::write(directory.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
