//! CD as the member of the family with Langevin dynamics (DCD notes, 5.3).

use super::Checks;
use super::gaussian::{Estimate, Gaussian, P, Q, mean};
use basin::rng::Stream;
use basin::sampler::{Kernel, Noise, run};
use burn::tensor::{Device, Tensor};

pub async fn checks(c: &mut Checks, device: &Device) {
    let n = 20_000;
    let p = Gaussian {
        mean: 0.0,
        variance: 1.0,
    };
    let x = p.sample(n, 100, device);
    let walk = |q: Gaussian, from: &Tensor<2>, e: f64, k: usize| {
        let noise = Noise::draw(8, [Stream::Proposal, Stream::Accept], 0, [k, n], device);
        let step = Tensor::<2>::full([n, 1], e.sqrt() as f32, device);
        run(Kernel::Ula, &q, from.clone(), &step, &noise).x
    };
    // The fixed point of CD-k with unadjusted steps of variance e, for every k.
    let e: f64 = 0.5;
    let fixed = 0.5 * (1.0 + (1.0 - e).sqrt());
    for k in [1, 3] {
        for (variance, at_rest) in [(fixed, true), (1.0, false)] {
            let q = Gaussian {
                mean: 0.0,
                variance,
            };
            let gradient = q.by_variance(&x) - q.by_variance(&walk(q, &x, e, k));
            let found: Estimate = mean(gradient).await;
            match at_rest {
                true => c.estimated(format!("CD-{k} at its fixed point"), found, 0.0),
                false => c.clearly_off(format!("CD-{k} at the truth"), found, 5.0),
            }
        }
    }
    // The kept part of the gradient after time T, by many small steps; r = exp(-T/v).
    let x = P.sample(n, 101, device);
    let (time, steps) = (0.5, 50);
    let end = walk(Q, &x, time / steps as f64, steps);
    let r = (-time / Q.variance).exp();
    let d = P.mean - Q.mean;
    let kept_mean = -d * (1.0 - r.sqrt()) / Q.variance;
    let kept = |d: f64| (Q.variance - P.variance - d * d) * (1.0 - r) / (2.0 * Q.variance.powi(2));
    c.formula("kept part, table", kept(d), 0.0190784325, 1e-9);
    let found = mean(Q.by_mean(&x) - Q.by_mean(&end)).await;
    // Small steps of variance e have a bias of the order e/4.
    let bias = time / steps as f64 / 4.0;
    c.close(
        "kept part in the mean",
        found.mean,
        kept_mean,
        5.0 * found.error + bias,
    );
    let found = mean(Q.by_variance(&x) - Q.by_variance(&end)).await;
    c.close(
        "kept part in the variance",
        found.mean,
        kept(d) + kept(0.0),
        5.0 * found.error + bias,
    );
    let true_mean = -d * (1.0 - r) / Q.variance;
    c.formula(
        "share kept",
        kept_mean / true_mean,
        1.0 / (1.0 + r.sqrt()),
        1e-9,
    );
}
