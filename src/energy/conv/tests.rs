use super::*;
use crate::energy::{Layout, membership_of_labels};
use crate::kernel::plan::{Op, Size};
use crate::rng::{Draws, Stream};
use burn::tensor::Device;

fn unet() -> UNet {
    UNet {
        channels: vec![8, 12],
        blocks: 1,
    }
}

fn architectures() -> Vec<ConvArchitecture> {
    let of = |kind| ConvArchitecture {
        input: Size {
            channels: 3,
            side: 8,
        },
        levels: 3,
        kind,
    };
    vec![
        of(Kind::Reconstruction(unet())),
        of(Kind::Denoiser {
            unet: unet(),
            noise: vec![0.2, 0.5, 2.0],
        }),
        of(Kind::Residual {
            net: Residual {
                channels: vec![4, 6],
                blocks: 1,
            },
            variance: vec![0.3, 0.6, 1.0],
        }),
    ]
}

/// Weights with no block at zero, so that every part of the network has a say.
fn weights(a: &ConvArchitecture, device: &Device) -> Tensor<1> {
    let flat = a.init(5);
    let offsets = Draws::new(6, Stream::Test, 0).normals(flat.len());
    let flat: Vec<f32> = flat
        .iter()
        .zip(offsets)
        .map(|(w, z)| w + 0.05 * z)
        .collect();
    Tensor::from_data(flat.as_slice(), device)
}

/// `n` images, each at a level of its own.
fn batch(n: usize, seed: u64, device: &Device) -> (Tensor<2>, Tensor<2>) {
    let x = Draws::new(seed, Stream::Test, 1).normals(n * 192);
    let labels: Vec<usize> = (0..n).map(|i| i % 3).collect();
    (
        matrix(x, n, device),
        membership_of_labels(&labels, 3, device),
    )
}

fn values<const D: usize>(t: Tensor<D>) -> Vec<f32> {
    t.into_data().try_to_vec().unwrap()
}

fn close(found: &[f32], right: &[f32], tolerance: f32) {
    assert_eq!(found.len(), right.len());
    let scale = right.iter().map(|r| r.abs()).fold(1e-6, f32::max);
    for (i, (f, r)) in found.iter().zip(right).enumerate() {
        assert!((f - r).abs() <= tolerance * scale, "{i}: {f} against {r}");
    }
}

#[test]
fn input_gradients_match_finite_differences() {
    let device = Device::flex();
    for a in architectures() {
        let net = ConvEnergy::new(&a, &weights(&a, &device));
        let (x, member) = batch(3, 1, &device);
        let at = net.at(member);
        let (energy, grad) = at.energy_and_grad(x.clone());
        close(&values(at.energy(x.clone())), &values(energy), 1e-5);
        let grad = values(grad);
        // Along random directions, all images at once.
        for i in 0..8 {
            let v = Draws::new(9, Stream::Test, i).normals(3 * 192);
            let v: Vec<f32> = v.iter().map(|z| z / 192f32.sqrt()).collect();
            let step = 0.05;
            let shifted = |h: f32| values(at.energy(x.clone() + matrix(v.clone(), 3, &device) * h));
            let (up, down) = (shifted(step), shifted(-step));
            for row in 0..3 {
                let slope = (up[row] - down[row]) / (2.0 * step);
                let range = row * 192..(row + 1) * 192;
                let terms = grad[range.clone()].iter().zip(&v[range]);
                let found: f32 = terms.map(|(g, v)| g * v).sum();
                assert!(
                    (found - slope).abs() < 3e-3 * slope.abs().max(1.0),
                    "{:?}: {found} against {slope}",
                    a.kind
                );
            }
        }
    }
}

/// The network op by op, with the weights as leaves.
fn general(a: &ConvArchitecture, flat: &Tensor<1>) -> ConvEnergy {
    ConvEnergy::tracked(a, flat)
}

#[test]
fn kernels_agree_with_tensor_operations() {
    let device = Device::flex();
    for a in architectures() {
        let flat = weights(&a, &device);
        // One image, a whole tile, and more than one.
        for n in [1, 16, 18] {
            let (x, member) = batch(n, 2, &device);
            let (energy, grad) = ConvEnergy::new(&a, &flat)
                .at(member.clone())
                .energy_and_grad(x.clone());
            let at = general(&a, &flat).at(member.autodiff());
            let (right, right_grad) = at.energy_and_grad(x.autodiff());
            close(&values(energy), &values(right.inner()), 1e-5);
            close(&values(grad), &values(right_grad.inner()), 1e-5);
        }
    }
}

#[test]
fn parameter_gradients_agree_with_automatic_differentiation() {
    let device = Device::flex();
    for a in architectures() {
        let flat = weights(&a, &device);
        let n = 18;
        let (x, member) = batch(n, 3, &device);
        let (z, _) = batch(n, 4, &device);
        let w = Tensor::<1>::from_data(
            Draws::new(5, Stream::Test, 2).normals(n).as_slice(),
            &device,
        );

        let net = ConvEnergy::new(&a, &flat);
        let (sum, found) = net.weighted_sum(&x, &member, &w).unwrap();
        let tracked = general(&a, &flat);
        let energy = tracked
            .at(member.clone().autodiff())
            .energy(x.clone().autodiff());
        let right = (energy * w.clone().autodiff()).sum();
        close(&values(sum), &values(right.clone().inner()), 1e-4);
        let mut gradients = right.backward();
        let right = tracked.gradient(&mut gradients);
        close(&values(found), &values(right), 2e-5);

        // A loss of energies and gradients that is not linear in either.
        let loss = |e: Tensor<1>, g: Tensor<2>, w: Tensor<1>, z: Tensor<2>| {
            ((g - z).powi_scalar(2).sum_dim(1).squeeze_dim::<1>(1) * 0.5 + e.sin() * w).sum()
        };
        let found = net
            .slopes(&x, &member, &mut |e, g| {
                let (e, g) = (e.autodiff().require_grad(), g.autodiff().require_grad());
                let mut gradients = loss(
                    e.clone(),
                    g.clone(),
                    w.clone().autodiff(),
                    z.clone().autodiff(),
                )
                .backward();
                let by_e = e.grad_remove(&mut gradients).unwrap();
                (by_e, g.grad_remove(&mut gradients).unwrap())
            })
            .unwrap();
        let tracked = general(&a, &flat);
        let (e, g) = tracked
            .at(member.clone().autodiff())
            .energy_and_grad(x.clone().autodiff());
        let mut gradients = loss(e, g, w.clone().autodiff(), z.autodiff()).backward();
        let right = tracked.gradient(&mut gradients);
        close(&values(found), &values(right), 1e-4);
    }
}

#[test]
fn weights_fit_their_own_network_only() {
    use crate::weights::WeightsError;
    for a in architectures() {
        let flat = a.init(3);
        let layout = a.draw().layout;
        let assemble = |arrays: &[_]| Layout::assemble([&layout], arrays).map(|[flat]| flat);
        let arrays = layout.arrays(&flat);
        assert_eq!(assemble(&arrays).unwrap(), flat);
        let name = arrays[1].name.clone();
        let mut missing = arrays.clone();
        missing.remove(1);
        assert_eq!(assemble(&missing), Err(WeightsError::Shape(name.clone())));
        let mut other = arrays.clone();
        other[1].shape.reverse();
        other[1].shape.push(1);
        assert_eq!(assemble(&other), Err(WeightsError::Shape(name)));
        let mut more = arrays.clone();
        more[0].name.push('x');
        let unknown = WeightsError::Unknown(more[0].name.clone());
        assert_eq!(assemble(&more), Err(unknown));
    }
}

/// Networks that give maps: what a generator will be made of.
#[test]
fn gradients_of_maps_agree_with_automatic_differentiation() {
    let device = Device::flex();
    let mut b = builder::Builder::new(Size {
        channels: 3,
        side: 8,
    });
    let a = b.conv("a", 0, 3, 4);
    let h = b.norm_silu_modulated(a);
    let joined = b.push(Op::Concat { from: [h, 0] });
    let out = b.conv("b", joined, 3, 2);
    b.push(Op::Tanh { from: out });
    let builder::Builder { plan, layout, .. } = b;
    let draw = |step, n: usize| Draws::new(7, Stream::Test, step).normals(n);
    let flat = draw(0, plan.parameters);
    let flat = Tensor::<1>::from_data(flat.as_slice(), &device) * 0.3;
    let n = 18;
    let (x, _) = batch(n, 3, &device);
    let condition = matrix(draw(1, n * plan.columns), n, &device);
    let seed = matrix(draw(2, n * plan.output().numbers()), n, &device);

    let kernels = plan_kernels(&plan, &flat).unwrap();
    let (given, back) = kernels.through(&x, &condition).unwrap();
    let found = back(&seed).unwrap();
    assert_eq!(
        values(given.clone()),
        values(kernels.output(&x, &condition).unwrap())
    );

    let leaf = |t: Tensor<2>| t.autodiff().require_grad();
    let blocks = layout.blocks.iter();
    let blocks = blocks.map(|b| leaf(flat.clone().slice(b.range()).reshape(b.shape)));
    let blocks: Vec<_> = blocks.collect();
    let (x, condition) = (leaf(x), leaf(condition));
    let general = General {
        plan: &plan,
        layout: &layout,
        blocks: &blocks,
        condition: condition.clone(),
    };
    let (right, _) = general.forward(x.clone().reshape([n, 3, 8, 8]));
    let right = right.reshape(seed.dims());
    close(&values(given), &values(right.clone().inner()), 1e-5);
    let mut gradients = (right * seed.autodiff()).sum().backward();
    let by_weights = layout.flat_gradient(&blocks, &mut gradients, 0);
    close(&values(found.parameters), &values(by_weights), 2e-5);
    let by = |t: &Tensor<2>, gradients: &mut Gradients| values(t.grad_remove(gradients).unwrap());
    close(
        &values(found.condition),
        &by(&condition, &mut gradients),
        2e-5,
    );
    close(&values(found.x.unwrap()), &by(&x, &mut gradients), 2e-5);
}
