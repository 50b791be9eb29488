//! The methods' closed-form checks, in single precision on any device.
//!
//! Invariant: each check compares a number that went through Basin's own code with one from a formula
//! of the notes, but for those marked as formulas, which hold two of the notes' together; estimates
//! from draws are allowed five of their own standard errors. What the training loop itself puts
//! together is held by the gradient tests beside each objective.

mod dcd;
mod ddaebm;
mod gaussian;
mod langevin;
mod one_step;
mod ranking;

use burn::tensor::Device;
use gaussian::Estimate;

/// A number that should come out, and what did.
pub struct Check {
    pub name: String,
    pub got: f64,
    pub expected: f64,
    pub tolerance: f64,
}

/// The checks of one run.
#[derive(Default)]
pub struct Checks(Vec<Check>);

impl Checks {
    fn close(&mut self, name: impl Into<String>, got: f64, expected: f64, tolerance: f64) {
        self.0.push(Check {
            name: name.into(),
            got,
            expected,
            tolerance,
        });
    }

    /// Two formulas of the notes, one of which the other checks rely on.
    fn formula(&mut self, name: &str, got: f64, expected: f64, tolerance: f64) {
        self.close(format!("formula: {name}"), got, expected, tolerance);
    }

    /// An estimate within five standard errors of its expectation.
    fn estimated(&mut self, name: impl Into<String>, got: Estimate, expected: f64) {
        self.close(name, got.mean, expected, 5.0 * got.error);
    }

    /// An estimate at least `errors` standard errors away from zero: the check above could fail.
    fn clearly_off(&mut self, name: impl Into<String>, got: Estimate, errors: f64) {
        let far = got.mean.abs() > errors * got.error;
        self.close(name, f64::from(u8::from(far)), 1.0, 0.0);
    }

    fn holds(&mut self, name: impl Into<String>, yes: bool) {
        self.close(name, f64::from(u8::from(yes)), 1.0, 0.0);
    }
}

/// Every check on `device`, and panics with all that failed.
pub async fn pass(device: &Device) {
    let mut checks = Checks::default();
    dcd::checks(&mut checks, device).await;
    langevin::checks(&mut checks, device).await;
    one_step::checks(&mut checks, device).await;
    ranking::checks(&mut checks, device).await;
    ddaebm::checks(&mut checks, device).await;
    let failed: Vec<String> = checks
        .0
        .iter()
        .filter(|c| {
            let off = (c.got - c.expected).abs();
            // A difference that is no number fails too.
            off.is_nan() || off > c.tolerance
        })
        .map(|c| {
            let Check {
                name,
                got,
                expected,
                tolerance,
            } = c;
            format!("{name}: {got} against {expected} ± {tolerance}")
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(checks.0.len() > 60, "only {} checks ran", checks.0.len());
}
