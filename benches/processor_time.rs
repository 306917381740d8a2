//! What a process has used of the processors.

use std::fs;

/// User and system time of all threads, in microseconds. The clock tick of /proc/PID/stat is a hundredth of a second on every Linux of today.
///
/// # Errors
/// When there is no such process, or no /proc.
pub fn cpu_micros(pid: u32) -> Result<u64, String> {
    const TICK_MICROS: u64 = 10_000;
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    // The name in parentheses may hold anything, blanks and parentheses too.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let mut times = fields
        .split_ascii_whitespace()
        .skip(11)
        .map(str::parse::<u64>);
    match (times.next(), times.next()) {
        (Some(Ok(user)), Some(Ok(system))) => Ok((user + system) * TICK_MICROS),
        _ => Err(format!("{path} is not as expected: {stat}")),
    }
}
