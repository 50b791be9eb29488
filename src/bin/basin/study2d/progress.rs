//! The progress of a study on standard error: a bar on a terminal, lines elsewhere.

use std::io::{IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

const BAR: usize = 24;

pub struct Progress {
    total: usize,
    threads: usize,
    done: AtomicUsize,
    began: Instant,
}

impl Progress {
    pub fn new(total: usize, threads: usize) -> Self {
        Self {
            total,
            threads,
            done: AtomicUsize::new(0),
            began: Instant::now(),
        }
    }

    /// One run is done, and came to this: a line that stays, above the bar.
    pub fn one_more(&self, what: &str) {
        let done = 1 + self.done.fetch_add(1, Ordering::Relaxed);
        put(&self.line(done, what), "\n");
    }

    /// Says what begins now.
    pub fn say(&self, what: &str) {
        let done = self.done.load(Ordering::Relaxed);
        put(&self.line(done, what), "");
    }

    fn line(&self, done: usize, what: &str) -> String {
        let filled = BAR * done / self.total.max(1);
        let bar = "#".repeat(filled) + &"-".repeat(BAR - filled);
        let left = match done {
            0 => String::new(),
            // Runs under way count half.
            _ => {
                let reached = done as f64 + self.threads as f64 / 2.0;
                let each = self.began.elapsed().as_secs_f64() / reached;
                let minutes = each * (self.total as f64 - reached).max(0.0) / 60.0;
                format!(", {minutes:.0} min left")
            }
        };
        format!("[{bar}] {done}/{}{left}: {what}", self.total)
    }
}

/// Writes over the bar; on a terminal the next line does the same unless `end` moves on.
fn put(line: &str, end: &str) {
    let mut err = stderr().lock();
    // Progress that cannot be shown is no reason to stop.
    let _ = match err.is_terminal() {
        true => write!(err, "\r{line}\x1b[K{end}"),
        false => writeln!(err, "{line}"),
    };
    let _ = err.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        let progress = Progress::new(4, 2);
        assert!(
            progress
                .line(0, "x")
                .starts_with("[------------------------] 0/4: x")
        );
        let half = progress.line(2, "x");
        assert!(
            half.starts_with("[############------------] 2/4, 0 min left"),
            "{half}"
        );
    }
}
