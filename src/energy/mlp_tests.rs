use super::*;
use crate::energy::{membership_of, membership_of_labels};
use crate::rng::{Draws, Stream};
use burn::tensor::Device;

fn architectures() -> Vec<Architecture> {
    let base = Architecture {
        activation: Activation::Softplus,
        width: 24,
        depth: 3,
        levels: None,
        confinement: 0.05,
        spread: true,
    };
    vec![
        base.clone(),
        Architecture {
            activation: Activation::Silu,
            depth: 2,
            ..base.clone()
        },
        Architecture {
            activation: Activation::Relu,
            depth: 1,
            spread: false,
            ..base.clone()
        },
        Architecture {
            levels: Some(5),
            ..base.clone()
        },
        Architecture {
            levels: Some(3),
            activation: Activation::Silu,
            depth: 4,
            ..base
        },
    ]
}

fn values<const D: usize>(t: Tensor<D>) -> Vec<f32> {
    t.into_data().try_to_vec().unwrap()
}

fn points(n: usize, device: &Device) -> Tensor<2> {
    let z = Draws::new(3, Stream::Test, 1).normals(2 * n);
    Tensor::from_data(TensorData::new(z, [n, 2]), device) * 2.0
}

fn net(a: &Architecture, device: &Device) -> (Tensor<1>, Mlp) {
    let flat = Tensor::from_data(a.init(5).as_slice(), device);
    let net = Mlp::new(a, &flat);
    (flat, net)
}

fn labels(a: &Architecture, n: usize, device: &Device) -> Tensor<2> {
    let levels = a.levels.unwrap_or(1);
    let labels: Vec<_> = (0..n).map(|i| i % levels).collect();
    membership_of_labels(&labels, levels, device)
}

fn close(a: &[f32], b: &[f32], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(1.0f32, |m, v| m.max(v.abs()));
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        assert!(
            (a - b).abs() <= tolerance * scale,
            "entry {i}: {a} against {b} (scale {scale})"
        );
    }
}

#[test]
fn parameter_counts_match_the_released_networks() {
    let base = &architectures()[0];
    let plain = Architecture {
        width: 128,
        ..base.clone()
    };
    assert_eq!(plain.layout().parameters(), 33_537);
    let gated = Architecture {
        levels: Some(7),
        ..plain
    };
    assert_eq!(gated.layout().parameters(), 116_097);
}

#[test]
fn input_gradient_matches_autodiff_and_finite_differences() {
    let device = Device::flex();
    for a in architectures() {
        let (_, net) = net(&a, &device);
        let n = 17;
        let x = points(n, &device);
        let at = net.at(labels(&a, n, &device));
        let (energy, grad) = at.energy_and_grad(x.clone());
        close(&values(energy), &values(at.energy(x.clone())), 1e-6);

        let leaf = x.clone().autodiff().require_grad();
        let mut grads = at.energy(leaf.clone()).sum().backward();
        close(
            &values(grad.clone()),
            &values(leaf.grad_remove(&mut grads).unwrap()),
            1e-5,
        );

        if a.activation == Activation::Relu {
            continue; // a finite difference may straddle a crease
        }
        let h = 1e-2;
        for axis in 0..2 {
            let mut step = [0.0f32; 2];
            step[axis] = h;
            let step = Tensor::<1>::from_data(step, &device).unsqueeze();
            let slope =
                (at.energy(x.clone() + step.clone()) - at.energy(x.clone() - step)) / (2.0 * h);
            let column = grad
                .clone()
                .slice([0..n, axis..axis + 1])
                .squeeze_dim::<1>(1);
            close(&values(column), &values(slope), 2e-3);
        }
    }
}

#[test]
fn jets_match_the_gradient_and_finite_differences() {
    let device = Device::flex();
    for a in architectures() {
        if a.activation == Activation::Relu {
            continue;
        }
        let (_, net) = net(&a, &device);
        let n = 11;
        let (x, v) = (
            points(n, &device),
            points(2 * n, &device).slice([n..2 * n, 0..2]),
        );
        let at = net.at(labels(&a, n, &device));
        let jet = at.jet(x.clone(), v.clone());
        let (energy, grad) = at.energy_and_grad(x.clone());
        close(&values(jet.value), &values(energy), 1e-6);
        close(
            &values(jet.first),
            &values((grad * v.clone()).sum_dim(1).squeeze_dim::<1>(1)),
            1e-5,
        );
        let h = 5e-3;
        let along = |s: f32| {
            let (_, g) = at.energy_and_grad(x.clone() + v.clone() * s);
            (g * v.clone()).sum_dim(1).squeeze_dim::<1>(1)
        };
        close(
            &values(jet.second),
            &values((along(h) - along(-h)) / (2.0 * h)),
            5e-3,
        );
    }
}

#[test]
fn parameter_gradient_matches_finite_differences() {
    let device = Device::flex();
    for a in architectures() {
        let (flat, _) = net(&a, &device);
        let n = 13;
        let (x, member) = (points(n, &device), labels(&a, n, &device));
        let tracked = Mlp::tracked(&a, &flat);
        let mut grads = tracked
            .at(member.clone())
            .energy(x.clone())
            .mean()
            .backward();
        let grad = values(tracked.gradient(&mut grads));
        assert_eq!(grad.len(), a.layout().parameters());
        // Along a random direction, in double the f32 noise floor's step.
        let direction = Draws::new(1, Stream::Test, 9).normals(grad.len());
        let d = Tensor::<1>::from_data(direction.as_slice(), &device);
        let h = 2e-4;
        let mean = |flat: Tensor<1>| {
            f64::from(
                values(
                    Mlp::new(&a, &flat)
                        .at(member.clone())
                        .energy(x.clone())
                        .mean(),
                )[0],
            )
        };
        let slope = (mean(flat.clone() + d.clone() * h) - mean(flat - d * h)) / (2.0 * h);
        let exact: f64 = grad
            .iter()
            .zip(&direction)
            .map(|(g, d)| f64::from(g * d))
            .sum();
        assert!(
            (slope - exact).abs() < 2e-2 * exact.abs().max(0.5),
            "{slope} against {exact}"
        );
    }
}

#[test]
fn every_level_at_once_equals_one_at_a_time() {
    let device = Device::flex();
    for a in architectures() {
        let (_, net) = net(&a, &device);
        let x = points(6, &device);
        let levels = net.levels();
        let all = net.all_levels(x.clone());
        for t in 0..levels {
            let one = net
                .at(membership_of(t, levels, 1, &device))
                .energy(x.clone());
            close(
                &values(all.clone().slice([0..6, t..t + 1])),
                &values(one),
                1e-6,
            );
        }
    }
}

#[test]
fn a_saturated_network_stays_finite() {
    let device = Device::flex();
    for a in architectures() {
        let (_, net) = net(&a, &device);
        let x = Tensor::<2>::from_data([[1e4f32, -1e4], [0.0, 0.0]], &device);
        let (e, g) = net.at(labels(&a, 2, &device)).energy_and_grad(x);
        assert!(values(e).into_iter().chain(values(g)).all(f32::is_finite));
    }
}

#[test]
fn kernels_do_what_the_tensor_operations_do() {
    let device = Device::flex();
    for a in architectures() {
        let (flat, net) = net(&a, &device);
        // Less than a tile of points, whole tiles, and a rest.
        for n in [1, 32, 37] {
            let (x, member) = (points(n, &device), labels(&a, n, &device));
            let (energy, grad) = net.at(member.clone()).energy_and_grad(x.clone());
            let tracked = Mlp::tracked(&a, &flat);
            let at = tracked.at(member.clone().autodiff());
            let (by_ops, grad_by_ops) = at.energy_and_grad(x.clone().autodiff());
            close(&values(energy), &values(by_ops.clone().inner()), 2e-6);
            close(&values(grad), &values(grad_by_ops.inner()), 2e-6);

            let weight = points(n, &device).slice([0..n, 0..1]).reshape([n]);
            let (sum, gradient) = net.weighted_sum(&x, &member, &weight).unwrap();
            let loss = (by_ops * weight.autodiff()).sum();
            let mut gradients = loss.backward();
            close(&values(sum), &values(loss.inner()), 5e-6);
            let by_ops = tracked.gradient(&mut gradients);
            close(&values(gradient), &values(by_ops), 5e-6);
        }
    }
}
