//! Losses that tell points apart: the ranking of DCD's exact estimator and of energy discrepancy (DCD
//! notes, 1.6 and 5.4), and noise contrast.

use super::Checks;
use super::gaussian::{Gaussian, mean, normals, number, single, squared};
use basin::diffusion::Schedule;
use basin::energy::{Energy, GaussianMixture, LevelEnergy, membership_of};
use basin::objective::{Ranking, candidates, told_from_noise};
use basin::rng::{Draws, Stream};
use burn::tensor::{Device, Tensor, TensorData};
use std::f64::consts::TAU;

pub async fn checks(c: &mut Checks, device: &Device) {
    constants(c, device).await;
    zero_gradient(c, device).await;
    population_loss(c, device).await;
    noise_contrast(c, device).await;
}

/// 5.4: constants.
async fn constants(c: &mut Checks, device: &Device) {
    for (m, w) in [(4, 1.0), (4, 0.5), (1, 2.0), (7, 10.0)] {
        let ranking = Ranking {
            negatives: m,
            stabiliser: w,
        };
        let (loss, weights) = ranking.rule(Tensor::full([(m + 1) * 3], 3.7, device));
        let expected = (1.0 + w / m as f64).ln();
        c.close("constant energy", number(loss).await, expected, 1e-5);
        c.close("weights cancel", number(weights.sum()).await, 0.0, 1e-5);
        let energies = normals(5 * (m + 1), 1, device).reshape([10 * (m + 1)]);
        let (here, by) = ranking.rule(energies.clone());
        let (there, by_shifted) = ranking.rule(energies + 40.0);
        let (here, there) = (number(here).await, number(there).await);
        c.close("a shift changes nothing", there, here, 1e-4);
        let moved = number((by - by_shifted).abs().max()).await;
        c.close("nor its weights", moved, 0.0, 1e-4);
        c.holds("bounded below", here >= (w / m as f64).ln());
    }
    let wide = Ranking {
        negatives: 4,
        stabiliser: 1.0,
    };
    let far = Tensor::<1>::from_data([-500.0f32, 500.0, 400.0, 300.0, 200.0], device);
    let (loss, weights) = wide.rule(far.clone());
    c.close(
        "far apart, right way",
        number(loss).await,
        -(4f64.ln()),
        1e-4,
    );
    c.close(
        "no force then",
        number(weights.abs().sum()).await,
        0.0,
        1e-6,
    );
    let (loss, _) = wide.rule(far.neg());
    c.close(
        "far apart, wrong way",
        number(loss).await,
        1000.0 - 4f64.ln(),
        0.01,
    );
}

/// Contributions of each point to the gradient along a tilt `E + θ φ`, `[n]`, from weights and values
/// of φ at the points and the `m` that each is told from.
fn by_tilt(m: usize, weights: Tensor<1>, tilt: Tensor<1>) -> Tensor<1> {
    let [rows] = weights.dims();
    let n = rows / (m + 1);
    let table = (weights * tilt).reshape([m + 1, n]);
    table.sum_dim(0).reshape([n]) * n as f32
}

fn first(x: Tensor<2>) -> Tensor<1> {
    let [n, _] = x.dims();
    x.slice([0..n, 0..1]).reshape([n])
}

/// 1.6 and 5.4: with w = 1 the truth is stationary for any M and τ; with w = 0.2 it is not.
async fn zero_gradient(c: &mut Checks, device: &Device) {
    let n = 4000;
    let schedule = Schedule::clean();
    let centres = [[-1.0f32, 0.5], [1.5, -0.5]];
    let mixture = GaussianMixture::new(&centres, &[0.3, 0.7], 0.5, &schedule, device);
    let energy = mixture.at(membership_of(0, 1, 1, device));
    let heads = Draws::new(9, Stream::Test, 40).uniforms(n);
    let places: Vec<f32> = heads
        .iter()
        .flat_map(|u| centres[usize::from(*u > 0.3)])
        .collect();
    let places = Tensor::<2>::from_data(TensorData::new(places, [n, 2]), device);
    let data = single(places + normals(n, 41, device) * 0.5);
    for (m, tau, w, exact) in [
        (1, 0.1, 1.0, true),
        (4, 0.25, 1.0, true),
        (4, 2.0, 1.0, true),
        (16, 0.5, 1.0, true),
        (4, 0.5, 0.2, false),
    ] {
        let ranking = Ranking {
            negatives: m,
            stabiliser: w,
        };
        let deviation = Tensor::full([n, 1], f64::sqrt(tau) as f32, device);
        let points = candidates(&data, &deviation, m, [5, m as u64]);
        let (_, weights) = ranking.rule(energy.energy(points.x.clone()));
        let tilts = [
            ("x", first(points.x.clone())),
            ("|x|²", squared(points.x.clone())),
            // Its sharpness, which w decides.
            ("E", energy.energy(points.x.clone())),
        ];
        for (name, tilt) in tilts {
            let found = mean(by_tilt(m, weights.clone(), tilt)).await;
            let sharpness = name == "E";
            let name = format!("gradient along {name} at the truth, M={m} τ={tau} w={w}");
            match (exact, sharpness) {
                (true, _) => c.estimated(name, found, 0.0),
                (false, true) => c.clearly_off(name, found, 10.0),
                (false, false) => {}
            }
        }
    }
}

/// 5.1 and 5.4: the loss of many negatives approaches the population's from below.
async fn population_loss(c: &mut Checks, device: &Device) {
    let (n, tau) = (4000, 0.5);
    let (p, q) = (
        Gaussian {
            mean: 0.0,
            variance: 1.0,
        },
        Gaussian {
            mean: 0.0,
            variance: 1.3,
        },
    );
    let data = single(p.sample(n, 50, device));
    let (s2, v) = (p.variance, q.variance);
    // Two dimensions.
    let population = s2 / v - (s2 + tau) / (v + tau) - ((v + tau) / v).ln();
    let mut last = f64::NEG_INFINITY;
    for m in [2, 16, 128] {
        let ranking = Ranking {
            negatives: m,
            stabiliser: 0.0,
        };
        let deviation = Tensor::full([n, 1], f64::sqrt(tau) as f32, device);
        let points = candidates(&data, &deviation, m, [6, 0]);
        let loss = number(ranking.rule(q.energy(points.x)).0).await;
        c.holds(format!("{m} negatives come closer"), loss > last);
        last = loss;
    }
    // Its spread over draws is below 0.3 a point, and what is left of the bias about 0.01.
    c.close(
        "population loss",
        last,
        population,
        5.0 * 0.3 / (n as f64).sqrt() + 0.02,
    );
}

/// Gutmann & Hyvärinen 2010: the minimum is the normalised energy. An energy that is the noise's own
/// cannot tell the two apart, wherever the points are: odds of 1 to M.
async fn noise_contrast(c: &mut Checks, device: &Device) {
    let (n, m) = (8000, 2);
    let log_density = |g: Gaussian, x: &Tensor<2>| -g.energy(x.clone()) - (TAU * g.variance).ln();
    let noise = Gaussian {
        mean: 0.0,
        variance: 2.0,
    };
    let p = Gaussian {
        mean: 0.3,
        variance: 0.5,
    };
    let x = Tensor::cat(
        vec![p.sample(n, 120, device), noise.sample(m * n, 121, device)],
        0,
    );
    let log_noise = log_density(noise, &x);
    let against = log_noise.clone() + (m as f64).ln();
    let blind = number(told_from_noise(log_noise.neg(), against.clone(), n).0).await;
    let m_of = m as f64;
    let expected = (1.0 + m_of).ln() + m_of * (1.0 + 1.0 / m_of).ln();
    // A sum of 24,000 terms in single precision.
    c.close("loss of the noise's own energy", blind, expected, 1e-3);
    let energy = log_density(p, &x).neg();
    let one = energy.ones_like();
    for (name, tilt) in [("1", one), ("x", first(x.clone())), ("|x|²", squared(x))] {
        let slope = async |energy| {
            let (_, weights) = told_from_noise(energy, against.clone(), n);
            mean(by_tilt(m, weights, tilt.clone())).await
        };
        let at_truth = slope(energy.clone()).await;
        c.estimated(format!("noise contrast along {name}"), at_truth, 0.0);
        if name == "1" {
            let off = slope(energy.clone() + 0.2).await;
            c.clearly_off("noise contrast of a wrong normaliser", off, 5.0);
        }
    }
}
