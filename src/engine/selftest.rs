//! The start-up self-test: a device's numbers against the CPU's.
//!
//! On the web a shader that fails to compile gives stale data and no error, so every family of
//! kernels that training uses is run once on known input and compared.

use super::train2d::{Train2d, TrainError};
use super::{Reading, read};
use crate::energy::{Activation, Architecture, Energy, LevelEnergy, Mlp, membership_of_labels};
use crate::objective::{Adam, AdamSettings, Averaged, ReplayBuffer, contrast, weigh};
use crate::protocol::Check;
use crate::rng::{Draws, Stream};
use crate::sampler::{Jump, JumpKind, Kernel, Labelled, Noise, mixture_transition};
use crate::settings::{Key, Settings};
use burn::tensor::{Device, Tensor, TensorData};
use web_time::Instant;

const ROWS: usize = 96;
const LEVELS: usize = 4;

/// One computation: its name, tolerance (relative to the largest magnitude) and how to do it.
struct Case {
    name: &'static str,
    tolerance: f32,
    run: fn(&Device) -> Vec<Reading>,
}

const CASES: &[Case] = &[
    Case {
        name: "elementwise and activations",
        tolerance: 1e-5,
        run: elementwise,
    },
    Case {
        name: "reductions and argmax",
        tolerance: 1e-5,
        run: reductions,
    },
    Case {
        name: "gather, scatter, mask",
        tolerance: 1e-6,
        run: indexing,
    },
    Case {
        name: "MLP energy and input gradient",
        tolerance: 1e-4,
        run: plain_energy,
    },
    Case {
        name: "gated MLP energy and input gradient",
        tolerance: 1e-4,
        run: gated_energy,
    },
    Case {
        name: "parameter gradient and Adam",
        tolerance: 1e-4,
        run: optimiser,
    },
    Case {
        name: "gradient of a weighted sum of energies",
        tolerance: 1e-4,
        run: weighted,
    },
    Case {
        name: "mixture sampler",
        tolerance: 1e-3,
        run: sampler,
    },
    Case {
        name: "iterations of training",
        tolerance: 1e-3,
        run: training,
    },
];

/// Number of checks.
pub const CHECKS: usize = CASES.len();

/// Computes one case, below [`CHECKS`], on `device` and on the CPU.
///
/// # Errors
/// If the device fails to give back results at all.
pub async fn check(case: usize, device: &Device) -> Result<Check, TrainError> {
    let case = &CASES[case];
    let expected = read((case.run)(&Device::flex())).await?;
    let began = Instant::now();
    let got = read((case.run)(device)).await?;
    Ok(Check {
        name: case.name.into(),
        error: difference(&got, &expected),
        tolerance: case.tolerance,
        milliseconds: began.elapsed().as_secs_f32() * 1e3,
    })
}

/// Every check.
///
/// # Errors
/// As [`check`].
pub async fn self_test(device: &Device) -> Result<Vec<Check>, TrainError> {
    let mut checks = Vec::with_capacity(CHECKS);
    for case in 0..CHECKS {
        checks.push(check(case, device).await?);
    }
    Ok(checks)
}

/// Largest difference relative to each tensor's largest magnitude; NaN if any entry is, infinite if
/// the shapes differ.
fn difference(got: &[Vec<f32>], expected: &[Vec<f32>]) -> f32 {
    if got.len() != expected.len() {
        return f32::INFINITY;
    }
    let of_tensor = |(got, expected): (&Vec<f32>, &Vec<f32>)| {
        if got.len() != expected.len() {
            return f32::INFINITY;
        }
        let scale = expected.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
        let worst = |m: f32, (a, b): (&f32, &f32)| {
            let d = (a - b).abs();
            if d.is_nan() || m.is_nan() {
                f32::NAN
            } else {
                m.max(d)
            }
        };
        got.iter().zip(expected).fold(0.0, worst) / scale
    };
    got.iter()
        .zip(expected)
        .map(of_tensor)
        .fold(0.0, |m: f32, d| {
            if d.is_nan() || m.is_nan() {
                f32::NAN
            } else {
                m.max(d)
            }
        })
}

fn normals(step: u64, shape: [usize; 2], device: &Device) -> Tensor<2> {
    let z = Draws::new(2024, Stream::Test, step).normals(shape[0] * shape[1]);
    Tensor::from_data(TensorData::new(z, shape), device)
}

fn labels(device: &Device) -> Tensor<2> {
    let labels: Vec<usize> = (0..ROWS).map(|i| i * 7 % LEVELS).collect();
    membership_of_labels(&labels, LEVELS, device)
}

fn architecture(levels: Option<usize>) -> Architecture {
    Architecture {
        activation: if levels.is_some() {
            Activation::Softplus
        } else {
            Activation::Silu
        },
        width: 32,
        depth: 3,
        levels,
        confinement: 0.05,
        spread: true,
    }
}

fn weights(a: &Architecture, device: &Device) -> Tensor<1> {
    Tensor::from_data(a.init(11).as_slice(), device)
}

fn elementwise(d: &Device) -> Vec<Reading> {
    use burn::tensor::activation::{log_sigmoid, relu, sigmoid, silu};
    let x = normals(2, [ROWS, 32], d) * 4.0;
    vec![
        sigmoid(x.clone()).into(),
        log_sigmoid(x.clone()).into(),
        silu(x.clone()).into(),
        relu(x.clone()).into(),
        (x.clone() * x.clone() - x.clone() / 3.0).into(),
        (x.clone().abs() + 1.0).log().into(),
        (x.clone() / 4.0).exp().into(),
        x.powi_scalar(2).sqrt().into(),
    ]
}

fn reductions(d: &Device) -> Vec<Reading> {
    let x = normals(3, [ROWS, 40], d);
    vec![
        x.clone().sum_dim(1).into(),
        x.clone().sum_dim(0).into(),
        x.clone().max_dim(1).into(),
        x.clone().min_dim(0).into(),
        x.clone().argmax(1).float().into(),
        x.sum().into(),
    ]
}

fn indexing(d: &Device) -> Vec<Reading> {
    let mut buffer = ReplayBuffer::new(normals(4, [200, 2], d), normals(5, [200, LEVELS], d));
    let rows = buffer.pick(ROWS, 1, 1, d);
    let taken = buffer.take(&rows);
    let mask = taken.x.clone().greater_elem(0.0);
    let fresh = Labelled {
        x: taken.x.clone().mask_where(mask, normals(6, [ROWS, 2], d)),
        member: Tensor::cat(
            vec![
                taken.member.clone().slice([0..ROWS, 1..LEVELS]),
                taken.member.slice([0..ROWS, 0..1]),
            ],
            1,
        ),
    };
    buffer.put(&rows, fresh);
    vec![buffer.chains.x.into(), buffer.chains.member.into()]
}

fn energy_and_gradient(levels: Option<usize>, d: &Device) -> Vec<Reading> {
    let a = architecture(levels);
    let model = Mlp::new(&a, &weights(&a, d));
    let x = normals(7, [ROWS, 2], d) * 2.0;
    let member = if levels.is_some() {
        labels(d)
    } else {
        Tensor::ones([ROWS, 1], d)
    };
    let (energy, grad) = model.at(member).energy_and_grad(x.clone());
    vec![energy.into(), grad.into(), model.all_levels(x).into()]
}

fn plain_energy(d: &Device) -> Vec<Reading> {
    energy_and_gradient(None, d)
}

fn gated_energy(d: &Device) -> Vec<Reading> {
    energy_and_gradient(Some(LEVELS), d)
}

fn optimiser(d: &Device) -> Vec<Reading> {
    let a = architecture(Some(LEVELS));
    let mut flat = weights(&a, d);
    let batch = |step| Labelled {
        x: normals(step, [ROWS, 2], d),
        member: labels(d),
    };
    let found = contrast(&Mlp::new(&a, &flat), &batch(8), &batch(9));
    let mut adam = Adam::new(a.layout().parameters(), d);
    // Momentum keeps the step smooth in the gradient: without it the first step is a sign, and
    // rounding decides it.
    let s = AdamSettings {
        learning_rate: 1e-3,
        beta1: 0.9,
        beta2: 0.9,
    };
    let mut average = normals(12, [a.layout().parameters(), 1], d).reshape([-1]);
    let averaged = Averaged {
        average: &mut average,
        memory: 0.9,
        iteration: 100,
    };
    let gradient = found.gradient.clone();
    let norm = adam.descend(&mut flat, Some(averaged), gradient, 1.0, s, true);
    vec![
        found.loss.into(),
        found.gradient.into(),
        norm.into(),
        adam.first.into(),
        adam.second.into(),
        average.into(),
    ]
}

fn weighted(d: &Device) -> Vec<Reading> {
    let a = architecture(Some(LEVELS));
    let points = Labelled {
        x: normals(13, [ROWS, 2], d),
        member: labels(d),
    };
    let weight = normals(14, [ROWS, 1], d).reshape([-1]);
    let found = weigh(&Mlp::new(&a, &weights(&a, d)), &points, |energies| {
        ((energies * weight.clone()).sum(), weight.clone())
    });
    vec![found.loss.into(), found.gradient.into()]
}

fn sampler(d: &Device) -> Vec<Reading> {
    let a = architecture(Some(LEVELS));
    let model = Mlp::new(&a, &weights(&a, d));
    let chains = Labelled {
        x: normals(10, [ROWS, 2], d),
        member: labels(d),
    };
    let steps = Tensor::from_data([0.05f32, 0.1, 0.2, 0.4], d);
    let noise = Noise::draw(5, [Stream::Proposal, Stream::Accept], 0, [4, ROWS, 2], d);
    let jump = Jump::draw(JumpKind::Global, &Draws::new(5, Stream::Label, 0), ROWS, d);
    let moved = mixture_transition(&model, Kernel::Mala, chains, &steps, &noise, &jump);
    vec![
        moved.chains.x.into(),
        moved.chains.member.into(),
        moved.acceptance.into(),
    ]
}

/// What is set for these iterations.
const SMALL: &[(Key, &str)] = &[
    (Key::Width, "32"),
    (Key::Levels, "3"),
    (Key::Chains, "96"),
    (Key::Buffer, "200"),
    (Key::Steps, "4"),
    (Key::Jump, "none"),
    (Key::Reinit, "0.2"),
    (Key::Ema, "0.9"),
];

/// Two iterations of DA-EBM on the network of the cases before, so that nothing of it is compiled twice. In its
/// warm-up, where no decision can be turned by rounding.
fn training(d: &Device) -> Vec<Reading> {
    let mut settings = Settings::default();
    for (key, text) in SMALL {
        // Each is within its range, which a test checks.
        let _ = settings.set_text(*key, text);
    }
    let Ok(mut run) = Train2d::new(settings, d.clone()) else {
        return Vec::new();
    };
    // Whoever reads what it did waits for it, too.
    let _ = run.begin(2);
    let chains = run.standing_chains().cloned();
    let chains = chains.map(|chains| [chains.x.into(), chains.member.into()]);
    let gradient = run.gradient.map(Reading::from);
    let losses = run.losses.into_iter().map(Reading::from);
    let rest = losses.chain(gradient).chain([run.since_report.into()]);
    chains.into_iter().flatten().chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::block_on;

    #[test]
    fn a_wrong_number_is_seen() {
        let good = vec![vec![1.0, -2.0], vec![0.0]];
        assert_eq!(difference(&good, &good), 0.0);
        assert!((difference(&[vec![1.0, -2.2], vec![0.0]], &good) - 0.1).abs() < 1e-6);
        assert!(difference(&[vec![1.0, f32::NAN], vec![0.0]], &good).is_nan());
        assert_eq!(difference(&good[..1], &good), f32::INFINITY);
    }

    #[test]
    fn every_case_compares_something() {
        for case in CASES {
            let found = block_on(read((case.run)(&Device::flex()))).unwrap();
            assert!(
                found.iter().any(|numbers| numbers.len() > 1),
                "{}",
                case.name
            );
        }
        let mut settings = Settings::default();
        for (key, text) in SMALL {
            settings.set_text(*key, text).unwrap();
            assert_eq!(settings.text(*key), *text);
        }
    }

    #[test]
    fn the_cpu_passes_against_itself() {
        let checks = block_on(self_test(&Device::flex())).unwrap();
        assert_eq!(checks.len(), CASES.len());
        assert!(checks.iter().all(|c| c.passed() && c.error == 0.0));
    }
}
