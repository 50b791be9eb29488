//! What was timed in this session of the page, in numbers.
//!
//! Invariant: a subject's rates are of one device and in the order in which they came.

use crate::protocol::{Subject, Timing};

/// Rates of one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Rates {
    pub subject: Subject,
    /// Chain steps, iterations or operations a second.
    pub rates: Vec<f64>,
}

impl Rates {
    /// Median (of an even number the mean of the middle two), least and most.
    pub fn summary(&self) -> [f64; 3] {
        let mut sorted = self.rates.clone();
        sorted.sort_by(f64::total_cmp);
        let at = |i: usize| sorted.get(i).copied().unwrap_or(f64::NAN);
        let last = sorted.len().saturating_sub(1);
        [(at(last / 2) + at(sorted.len() / 2)) / 2.0, at(0), at(last)]
    }
}

/// The rates of every subject that was timed, in the order of [`Subject::ALL`].
pub fn rates(timings: &[Timing]) -> Vec<Rates> {
    let of = |subject: Subject| {
        let own = timings.iter().filter(|timing| timing.subject == subject);
        Rates {
            subject,
            rates: own.map(Timing::rate).collect(),
        }
    };
    let all = Subject::ALL.into_iter().map(of);
    all.filter(|rates| !rates.rates.is_empty()).collect()
}

/// What a subject is, and the unit of its rates.
pub fn words(subject: Subject) -> (&'static str, &'static str) {
    match subject {
        Subject::Chains => ("MALA chains, own kernels", "chain steps/s"),
        Subject::ChainsByOperations => ("MALA chains, tensor operations", "chain steps/s"),
        Subject::Training => ("DA-EBM training, own kernels", "iterations/s"),
        Subject::TrainingByOperations => ("DA-EBM training, tensor operations", "iterations/s"),
        Subject::CpuChains => ("MALA chains, own kernels, CPU", "chain steps/s"),
        Subject::CpuChainsByOperations => ("MALA chains, tensor operations, CPU", "chain steps/s"),
        Subject::CpuTraining => ("DA-EBM training, own kernels, CPU", "iterations/s"),
        Subject::CpuTrainingByOperations => {
            ("DA-EBM training, tensor operations, CPU", "iterations/s")
        }
        Subject::CpuMultiplyAdd => ("multiply-adds and nothing else, CPU", "operations/s"),
        Subject::MultiplyAdd => ("multiply-adds and nothing else", "operations/s"),
        Subject::Loads => ("loads and nothing else", "loads/s"),
        Subject::ProductsOfTwo => ("matrix products, 8 points at once", "operations/s"),
        Subject::ProductsOfFour => ("matrix products, 16 points at once", "operations/s"),
        Subject::ProductsOfEight => ("matrix products, 32 points at once", "operations/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_sorted_by_subject_and_summed_up() {
        let timing = |subject, seconds| Timing {
            subject,
            seconds,
            amount: 6.0,
        };
        let found = rates(&[
            timing(Subject::CpuChains, 1.0),
            timing(Subject::Chains, 2.0),
            timing(Subject::Chains, 1.0),
            timing(Subject::Chains, 3.0),
            timing(Subject::CpuChains, 3.0),
        ]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].subject, Subject::Chains);
        assert_eq!(found[0].rates, [3.0, 6.0, 2.0]);
        assert_eq!(found[0].summary(), [3.0, 2.0, 6.0]);
        assert_eq!(found[1].summary(), [4.0, 2.0, 6.0]);
    }
}
