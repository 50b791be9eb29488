//! One-step estimators and score matching on Gaussians: where each has its minimum (DCD notes, 5.4).

use super::Checks;
use super::gaussian::{BATCH, Gaussian, Q, batches, mean, normals, single, squared};
use basin::energy::Energy;
use basin::objective::{Diffusion, Ranking, antithetic, candidates, denoising, sliced, stein};
use burn::tensor::{Device, Tensor};
use std::ops::Range;

pub async fn checks(c: &mut Checks, device: &Device) {
    one_step(c, device).await;
    cumulant(c, device).await;
    limits(c, device).await;
    score_matching(c, device).await;
}

/// The derivative in v of a loss per point, by central differences on the same draws.
fn by_variance(v: f64, loss: impl Fn(Gaussian) -> Tensor<1>) -> Tensor<1> {
    const H: f64 = 0.02;
    let at = |variance| {
        loss(Gaussian {
            mean: 0.0,
            variance,
        })
    };
    (at(v + H) - at(v - H)) / (2.0 * H)
}

/// 5.4: minimisers of the one-step estimators on Gaussians about 0.
async fn one_step(c: &mut Checks, device: &Device) {
    let (n, time) = (40_000, 0.25);
    for (diffusion, s2) in [(Diffusion::Ve, 1.0), (Diffusion::Vp, 0.5)] {
        let p = Gaussian {
            mean: 0.0,
            variance: s2,
        };
        // VP at time T is VE at τ = e^T - 1, and brings the variance towards 1.
        let (tau, noised, pull) = match diffusion {
            Diffusion::Ve => (time, s2 + time, 0.0),
            Diffusion::Vp => (time.exp() - 1.0, 1.0 + (s2 - 1.0) * (-time).exp(), 1.0),
        };
        let k = diffusion.transition(Tensor::full([n, 1], tau as f32, device));
        let (x, z) = (p.sample(n, 80, device), normals(n, 81, device));
        let y = x.clone() * k.signal + z.clone() * k.noise.clone();
        let (noise, times) = (k.noise.reshape([n]), k.time.reshape([n]));
        let loss = |q: Gaussian, clean: bool, by_stein: bool| {
            let place = if clean { x.clone() } else { y.clone() };
            let (_, grad) = q.energy_and_grad(place.clone());
            let laplacian = match by_stein {
                true => stein(z.clone(), grad.clone(), noise.clone()),
                false => Tensor::full([n], (2.0 / q.variance) as f32, device),
            };
            let difference = q.energy(x.clone()) - q.energy(y.clone());
            diffusion.one_step(difference, times.clone(), (place, grad, laplacian))
        };
        // Where the loss's derivative in v is nothing, with the drift taken at this variance.
        let best = |at: f64| 2.0 * at / (1.0 + pull * at + (noised - s2) / time);
        for (name, clean, by_stein, best) in [
            ("noised", false, false, best(noised)),
            ("clean", true, false, best(s2)),
            ("by Stein", false, true, best(noised)),
        ] {
            let name = |place| format!("one step of {diffusion:?}, {name}, {place}");
            let found = mean(by_variance(best, |q| loss(q, clean, by_stein))).await;
            c.estimated(name("at its minimum"), found, 0.0);
            let off = mean(by_variance(best * 1.4, |q| loss(q, clean, by_stein))).await;
            c.clearly_off(name("off its minimum"), off, 8.0);
        }
        let both = mean(loss(Q, false, false) - loss(Q, false, true)).await;
        c.estimated(
            format!("noised and Stein agree for {diffusion:?}"),
            both,
            0.0,
        );
    }
}

/// 5.4: the second cumulant is the noised one in mean on quadratics; plain negatives have no minimum.
async fn cumulant(c: &mut Checks, device: &Device) {
    let (n, tau) = (40_000, 0.25);
    let p = Gaussian {
        mean: 0.0,
        variance: 1.0,
    };
    let (x, z) = (p.sample(n, 80, device), normals(n, 81, device));
    let y = x.clone() + z * f64::sqrt(tau);
    let spread = normals(n, 82, device) * f64::sqrt(tau);
    let loss = |q: Gaussian| {
        let places = [
            x.clone(),
            y.clone() + spread.clone(),
            y.clone() - spread.clone(),
        ];
        batches(n, &|rows| {
            let part = |x: &Tensor<2>| q.energy(x.clone().slice([rows.clone(), 0..2]));
            let energies = Tensor::cat(places.iter().map(part).collect(), 0);
            antithetic(energies, &Tensor::full([BATCH], 1.0 / BATCH as f32, device)).0
        })
    };
    let found = mean(by_variance(1.0 + tau, loss)).await;
    c.estimated("cumulant at its minimum", found, 0.0);
    let off = mean(by_variance(1.0, loss)).await;
    c.clearly_off("cumulant at the data's", off, 5.0);
    // E(x) - E(y) is -τ/(2v) a dimension in mean.
    let plain = mean(Q.energy(x.clone()) - Q.energy(y.clone())).await;
    c.estimated("uncorrected", plain, -tau / Q.variance);
}

/// 5.4: over τ, every loss goes to `½|grad E|² - lap E` as τ goes to 0.
async fn limits(c: &mut Checks, device: &Device) {
    let (n, tau, m) = (16_000, 0.004, 32);
    let p = Gaussian {
        mean: 0.0,
        variance: 1.0,
    };
    let (x, z) = (p.sample(n, 83, device), normals(n, 84, device));
    let (_, slope) = Q.energy_and_grad(x.clone());
    // Steps from x to y, of mean nothing, make most of the spread of a loss over τ. Along the slope they
    // are taken out.
    let along = |step: Tensor<2>| (step * slope.clone()).sum_dim(1).squeeze_dim::<1>(1) / tau;
    let fisher = squared(slope.clone()) * 0.5 - 2.0 / Q.variance;
    let rows_of = |t: &Tensor<1>, rows: Range<usize>| t.clone().slice(rows).mean();
    let y = x.clone() + z * f64::sqrt(tau);

    let (_, grad) = Q.energy_and_grad(y.clone());
    let laplacian = Tensor::full([n], (2.0 / Q.variance) as f32, device);
    let difference = Q.energy(x.clone()) - Q.energy(y.clone());
    let times = Tensor::full([n], tau as f32, device);
    let one = Diffusion::Ve.one_step(difference, times, (y.clone(), grad, laplacian))
        + along(y.clone() - x.clone());

    let spread = normals(n, 85, device) * f64::sqrt(tau);
    let sides = [x.clone(), y.clone() + spread.clone(), y.clone() - spread];
    let rate = Tensor::full([BATCH], 1.0 / (BATCH as f64 * tau) as f32, device);
    let step = along(y - x.clone());
    let two = batches(n, &|rows| {
        let part = |x: &Tensor<2>| Q.energy(x.clone().slice([rows.clone(), 0..2]));
        let energies = Tensor::cat(sides.iter().map(part).collect(), 0);
        antithetic(energies, &rate).0 + rows_of(&step, rows)
    });

    let ranking = Ranking {
        negatives: m,
        stabiliser: 0.0,
    };
    let deviation = Tensor::full([n, 1], f64::sqrt(tau) as f32, device);
    let points = candidates(&single(x.clone()), &deviation, m, [12, 0]);
    let table = points.x.reshape([m + 1, n, 2]);
    let others = table.clone().slice([1..m + 1, 0..n, 0..2]).mean_dim(0);
    let step = along(others.reshape([n, 2]) - x);
    let many = batches(n, &|rows| {
        let part = table.clone().slice([0..m + 1, rows.clone(), 0..2]);
        let energies = Q.energy(part.reshape([(m + 1) * BATCH, 2]));
        ranking.rule(energies).0 / tau + rows_of(&step, rows)
    });

    let fisher_of_batches = batches(n, &|rows| rows_of(&fisher, rows));
    // Of m negatives the logarithm of a mean misses |grad E|²/(2m), on average below 0.6/(2m).
    for (name, gap, bias) in [
        ("one step", one - fisher, tau),
        ("cumulant", two - fisher_of_batches.clone(), tau),
        ("ranking", many - fisher_of_batches, tau + 0.3 / m as f64),
    ] {
        let found = mean(gap).await;
        let tolerance = 5.0 * found.error + bias;
        c.close(format!("{name} over τ"), found.mean, 0.0, tolerance);
        c.holds(format!("{name} over τ is told"), tolerance < 0.2);
    }
}

/// 5.4: denoising at variance τ is best at s2 + τ, sliced at s2.
async fn score_matching(c: &mut Checks, device: &Device) {
    let n = 20_000;
    let p = Gaussian {
        mean: 0.0,
        variance: 1.0,
    };
    let (x, z) = (p.sample(n, 90, device), normals(n, 91, device));
    let sigma: f64 = 0.4;
    let y = x.clone() + z.clone() * sigma;
    let denoise = |q: Gaussian| {
        let (_, grad) = q.energy_and_grad(y.clone());
        batches(n, &|rows| {
            let part = |t: &Tensor<2>| t.clone().slice([rows.clone(), 0..2]);
            denoising(part(&grad), part(&z), sigma)
        })
    };
    let slice = |q: Gaussian| {
        let signs = z.clone().sign();
        let (_, grad) = q.energy_and_grad(x.clone());
        let slope = (grad * signs).sum_dim(1).squeeze_dim::<1>(1);
        batches(n, &|rows| {
            let curvature = Tensor::full([BATCH], (2.0 / q.variance) as f32, device);
            sliced(slope.clone().slice(rows), curvature)
        })
    };
    let best = 1.0 + sigma * sigma;
    c.estimated(
        "denoising at its minimum",
        mean(by_variance(best, denoise)).await,
        0.0,
    );
    c.clearly_off(
        "denoising at the data's",
        mean(by_variance(1.0, denoise)).await,
        5.0,
    );
    c.estimated(
        "sliced at its minimum",
        mean(by_variance(1.0, slice)).await,
        0.0,
    );
    c.clearly_off(
        "sliced at the noised",
        mean(by_variance(best, slice)).await,
        5.0,
    );
}
