//! Download sizes.
//!
//! Invariant: sizes are those of brotli at [`QUALITY`], which a host's usual static compression
//! (11) only beats.

use crate::process::Result;
use brotli::enc::BrotliEncoderParams;
use std::fs;
use std::path::{Path, PathBuf};

const QUALITY: i32 = 9;
const WINDOW: i32 = 22;

/// How the name of each wasm file begins and ends, and the bytes that it may take compressed. A browser
/// takes one of the worker's.
const BUDGETS: &[(&str, &str, u64)] = &[
    ("app", "_bg.wasm", 600_000),
    ("worker", "_bg.wasm", 4_000_000),
    ("worker", "_plain.wasm", 4_000_000),
];

/// Prints the sizes of the wasm files.
///
/// # Errors
/// When a binary is missing, there twice, or over its budget.
pub fn check(dist: &Path) -> Result {
    println!("download sizes (brotli, quality {QUALITY})");
    for &(name, end, budget) in BUDGETS {
        let file = find(dist, name, end)?;
        let name = format!("{name}…{end}");
        let wasm = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let size = compressed(&wasm)?;
        let (kilobytes, raw) = (size as f64 / 1e3, wasm.len() as f64 / 1e3);
        let allowed = budget / 1000;
        println!("  {name}: {kilobytes:.0} kB of {allowed} kB allowed ({raw:.0} kB uncompressed)");
        if size > budget {
            return Err(format!(
                "{name} is over its budget: {kilobytes:.0} kB > {allowed} kB"
            ));
        }
    }
    Ok(())
}

/// The wasm file of a binary, whose name Trunk follows by a hash.
fn find(dist: &Path, name: &str, end: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(dist).map_err(|error| format!("{}: {error}", dist.display()))?;
    let found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| {
            let file = file.file_name().unwrap_or_default().to_string_lossy();
            file.ends_with(end) && file.split(['-', '_', '.']).next() == Some(name)
        })
        .collect();
    match found.as_slice() {
        [file] => Ok(file.clone()),
        _ => Err(format!(
            "{} has {} files {name}…{end}",
            dist.display(),
            found.len()
        )),
    }
}

fn compressed(bytes: &[u8]) -> Result<u64> {
    let mut counter = Counter(0);
    let params = BrotliEncoderParams {
        quality: QUALITY,
        lgwin: WINDOW,
        ..Default::default()
    };
    brotli::BrotliCompress(&mut &*bytes, &mut counter, &params)
        .map_err(|error| format!("brotli: {error}"))?;
    Ok(counter.0)
}

/// Counts what is written.
struct Counter(u64);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetition_compresses_and_noise_does_not() {
        assert!(compressed(&[7; 100_000]).unwrap() < 100);
        let mut state = 1u32;
        let noise: Vec<u8> = (0..100_000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        assert!(compressed(&noise).unwrap() > 95_000);
    }
}
