//! The measurements of a run over its whole length, in bounded memory.
//!
//! Invariant: at most [`CAPACITY`] rows, in order of iteration, evenly thinned, and the newest
//! report is always the last row.

use crate::protocol::Report;

/// Most rows kept; beyond it every second row is dropped and the spacing doubles.
pub const CAPACITY: usize = 2000;

/// The numbers of one report that charts and the CSV file show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    pub iteration: u64,
    /// Seconds spent training.
    pub seconds: f64,
    /// Mean loss since the report before; NaN where no iteration was made.
    pub loss: f32,
    pub energy_gap: f32,
    pub kl_truth_model: f32,
    pub kl_model_truth: f32,
    /// Mean acceptance over the levels that had chains; NaN where none had.
    pub acceptance: f32,
    pub gradient: f32,
    pub learning_rate: f32,
    pub log_z: f32,
    pub mmd: f32,
}

impl Row {
    /// What a report says, with its vectors averaged.
    pub fn of(report: &Report) -> Self {
        Self {
            iteration: report.iteration,
            seconds: report.seconds,
            loss: mean(&report.losses),
            energy_gap: report.energy_gap,
            kl_truth_model: report.kl_truth_model,
            kl_model_truth: report.kl_model_truth,
            acceptance: mean(&report.acceptance),
            gradient: report.gradient,
            learning_rate: report.learning_rate,
            log_z: report.log_z,
            mmd: report.mmd,
        }
    }
}

/// Mean of the finite values; NaN where there are none.
fn mean(values: &[f32]) -> f32 {
    let finite = values.iter().filter(|v| v.is_finite());
    let (sum, n) = finite.fold((0.0, 0), |(sum, n), v| (sum + f64::from(*v), n + 1));
    (sum / f64::from(n)) as f32
}

/// Rows of a run, thinned as it grows.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    rows: Vec<Row>,
    pushed: u64,
    stride: u64,
    /// Whether the last row is there only for being the newest.
    provisional: bool,
}

impl Default for History {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            pushed: 0,
            stride: 1,
            provisional: false,
        }
    }
}

impl History {
    /// The rows kept, oldest first.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Adds the newest row, replacing one of the same iteration.
    pub fn push(&mut self, row: Row) {
        if let Some(last) = self
            .rows
            .last_mut()
            .filter(|last| last.iteration == row.iteration)
        {
            // A second report of one iteration has no new losses, and after a recovery no moves.
            let kept = |new: f32, old: f32| if new.is_nan() { old } else { new };
            *last = Row {
                loss: kept(row.loss, last.loss),
                acceptance: kept(row.acceptance, last.acceptance),
                gradient: kept(row.gradient, last.gradient),
                ..row
            };
            return;
        }
        if self.provisional {
            self.rows.pop();
        }
        self.rows.push(row);
        self.provisional = !self.pushed.is_multiple_of(self.stride);
        self.pushed += 1;
        if self.rows.len() == CAPACITY && !self.provisional {
            self.halve();
        }
    }

    /// Drops every second row but the newest, which is at an odd place and so provisional now.
    fn halve(&mut self) {
        let mut index = 0;
        self.rows.retain(|_| {
            index += 1;
            index % 2 == 1 || index == CAPACITY
        });
        self.stride *= 2;
        self.provisional = true;
    }

    /// Forgets what came after `iteration`.
    pub fn rewind(&mut self, iteration: u64) {
        let before = self.rows.len();
        self.rows.retain(|row| row.iteration <= iteration);
        if self.rows.len() < before {
            self.provisional = false;
        }
    }

    /// All rows as comma-separated values with a header line.
    pub fn to_csv(&self) -> String {
        let mut out = String::from(
            "iteration,seconds,loss,energy_gap,kl_truth_model,kl_model_truth,acceptance,gradient,learning_rate,log_z,mmd2\n",
        );
        for r in &self.rows {
            out.push_str(&format!(
                "{},{},{},{},{},{},{},{},{},{},{}\n",
                r.iteration,
                r.seconds,
                r.loss,
                r.energy_gap,
                r.kl_truth_model,
                r.kl_model_truth,
                r.acceptance,
                r.gradient,
                r.learning_rate,
                r.log_z,
                r.mmd
            ));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(iteration: u64) -> Row {
        Row::of(&Report {
            iteration,
            losses: vec![1.0, 3.0],
            ..Report::default()
        })
    }

    #[test]
    fn a_long_run_stays_bounded_even_and_newest_last() {
        let mut history = History::default();
        for i in 0..50_000 {
            history.push(row(i));
            assert!(history.rows().len() <= CAPACITY);
            assert_eq!(history.rows().last().unwrap().iteration, i);
        }
        let rows = history.rows();
        let gaps: Vec<u64> = rows
            .windows(2)
            .map(|w| w[1].iteration - w[0].iteration)
            .collect();
        let (last, even) = gaps.split_last().unwrap();
        assert!(even.iter().all(|gap| *gap == even[0]) && *last <= even[0]);
        assert_eq!(rows[0].iteration, 0);
    }

    #[test]
    fn means_skip_what_is_no_number() {
        assert_eq!(row(1).loss, 2.0);
        assert_eq!(mean(&[f32::NAN, 0.5]), 0.5);
        assert!(mean(&[]).is_nan());
    }

    #[test]
    fn rewinding_forgets_and_csv_has_a_line_a_row() {
        let mut history = History::default();
        (0..10).for_each(|i| history.push(row(i)));
        history.rewind(4);
        history.push(row(5));
        assert_eq!(history.rows().len(), 6);
        assert_eq!(history.to_csv().lines().count(), 7);
        assert_eq!(
            history.to_csv().lines().nth(1).unwrap().split(',').count(),
            11
        );
    }
}
