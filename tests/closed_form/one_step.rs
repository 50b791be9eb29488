//! One-step estimators and score matching on Gaussians: where each has its minimum (DCD notes, 5.4).

use super::Checks;
use super::gaussian::{Gaussian, Q, mean, normals, number, squared};
use basin::energy::Energy;
use basin::objective::{Diffusion, antithetic, denoising, sliced};
use burn::tensor::{Device, Tensor};

pub async fn checks(c: &mut Checks, device: &Device) {
    one_step(c, device).await;
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

/// 5.4: minimisers of the one-step estimators on Gaussians, s2 = 1.
async fn one_step(c: &mut Checks, device: &Device) {
    let (n, tau) = (40_000, 0.25);
    let p = Gaussian {
        mean: 0.0,
        variance: 1.0,
    };
    let (x, z) = (p.sample(n, 80, device), normals(n, 81, device));
    let y = x.clone() + z.clone() * f64::sqrt(tau);
    let step = |q: Gaussian, clean: bool, stein: bool| {
        let at = if clean { x.clone() } else { y.clone() };
        let (_, grad) = q.energy_and_grad(at.clone());
        let laplacian = match stein {
            true => (z.clone() * grad.clone()).sum_dim(1).squeeze_dim::<1>(1) / f64::sqrt(tau),
            false => Tensor::full([n], (2.0 / q.variance) as f32, device),
        };
        let drift = Diffusion::Ve.drift_of_energy(at, grad, laplacian);
        q.energy(x.clone()) - q.energy(y.clone()) - drift * tau
    };
    for (name, clean, stein, best) in [
        ("noised", false, false, 1.0 + tau),
        ("clean", true, false, 1.0),
        ("by Stein", false, true, 1.0 + tau),
    ] {
        let found = mean(by_variance(best, |q| step(q, clean, stein))).await;
        c.estimated(format!("one step, {name}, at its minimum"), found, 0.0);
        let off = mean(by_variance(best * 1.4, |q| step(q, clean, stein))).await;
        c.clearly_off(format!("one step, {name}, off its minimum"), off, 8.0);
    }
    let both = mean(step(Q, false, false) - step(Q, false, true)).await;
    c.estimated("noised and Stein agree", both, 0.0);
    // The second cumulant: on quadratics it is the noised one in mean.
    let spread = normals(n, 82, device) * f64::sqrt(tau);
    let rate = Tensor::full([n], 1.0, device);
    let cumulant = |q: Gaussian| {
        let [own, plus, minus] = [
            x.clone(),
            y.clone() + spread.clone(),
            y.clone() - spread.clone(),
        ]
        .map(|x| q.energy(x));
        let gap = plus.clone() - minus.clone();
        let by_hand = own.clone() - (plus.clone() + minus.clone()) * 0.5 + gap.powi_scalar(2) / 8.0;
        (by_hand, Tensor::cat(vec![own, plus, minus], 0))
    };
    let (by_hand, energies) = cumulant(Q);
    let (loss, _) = antithetic(energies, &rate);
    let (got, expected) = (number(loss).await, number(by_hand.sum()).await);
    c.close("cumulant rule", got / n as f64, expected / n as f64, 1e-3);
    let found = mean(by_variance(1.0 + tau, |q| cumulant(q).0)).await;
    c.estimated("cumulant at its minimum", found, 0.0);
    // Plain negatives: E(x) - E(y) is -τ/(2v) a dimension in mean.
    let plain = mean(Q.energy(x.clone()) - Q.energy(y.clone())).await;
    c.estimated("uncorrected", plain, -tau / Q.variance);
    // As τ goes to 0, loss over τ goes to half the squared gradient less the Laplacian.
    let small = 0.002;
    let y = x.clone() + z.clone() * f64::sqrt(small);
    let (_, grad) = Q.energy_and_grad(y.clone());
    let laplacian = Tensor::full([n], (2.0 / Q.variance) as f32, device);
    let drift = Diffusion::Ve.drift_of_energy(y.clone(), grad, laplacian);
    let loss = (Q.energy(x.clone()) - Q.energy(y)) / small - drift;
    let (_, grad) = Q.energy_and_grad(x);
    let fisher = squared(grad) * 0.5 - 2.0 / Q.variance;
    let found = mean(loss - fisher).await;
    c.close(
        "one step over τ",
        found.mean,
        0.0,
        5.0 * found.error + small,
    );
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
    // Batches of 100 points are the independent draws.
    let batches = |loss: &dyn Fn(std::ops::Range<usize>) -> Tensor<1>| {
        let parts = (0..n / 100).map(|i| loss(100 * i..100 * (i + 1)));
        Tensor::cat(parts.collect(), 0)
    };
    let denoise = |q: Gaussian| {
        let (_, grad) = q.energy_and_grad(y.clone());
        batches(&|rows| {
            let part = |t: &Tensor<2>| t.clone().slice([rows.clone(), 0..2]);
            denoising(part(&grad), part(&z), sigma)
        })
    };
    let slice = |q: Gaussian| {
        let signs = z.clone().sign();
        let (_, grad) = q.energy_and_grad(x.clone());
        let slope = (grad * signs).sum_dim(1).squeeze_dim::<1>(1);
        batches(&|rows| {
            let curvature = Tensor::full([100], (2.0 / q.variance) as f32, device);
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
