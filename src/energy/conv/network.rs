//! DDAEBM's networks of images: a U-Net as the generator, whose group norms the latents scale and shift, and
//! a variational posterior that reads two images (arXiv 2403.01666; DDAEBM notes, 2.6). Other than in the
//! released code, the last convolution does not start at zero, and the posterior has SiLU, average pools and
//! a sum pool in place of leaky ReLU and strided convolutions.
//!
//! Invariant: as for energies, plan and layout follow from the shape alone.

use super::builder::Builder;
use super::condition::{condition, embedding, lay_out};
use super::general::General;
use super::unet::UNet;
use crate::data::images::SIDE;
use crate::energy::product::product;
use crate::energy::{Block, Blueprint, Inputs, Layout, Network, Pull, Pullback};
use crate::kernel::plan::{Op, Plan, Size};
use crate::kernel::{self, PlanKernels, plan_kernels};
use crate::rng::Stream;
use crate::weights::GeneratorSpec;
use burn::tensor::Tensor;

/// Channels of an image.
const RGB: usize = 3;

/// Keeps the length of latents away from zero.
const TINY: f64 = 1e-8;

/// The shape of one of the networks.
#[derive(Clone)]
pub struct ConvShape {
    plan: Plan,
    layout: Layout,
    /// Blocks that belong to the plan; those of the condition's network follow.
    plan_blocks: usize,
    levels: usize,
}

impl ConvShape {
    /// From x_{k+1}, latents and level to the clean image.
    pub fn generator(spec: &GeneratorSpec, levels: usize) -> Self {
        let mut b = Builder::named("generator.", image(1));
        let unet = UNet {
            channels: spec.channels.clone(),
            blocks: spec.blocks,
        };
        let guess = unet.build(&mut b, 0, RGB);
        b.push(Op::Tanh { from: guess });
        Self::of(b, spec.latents, levels)
    }

    /// From x_k, x_{k+1} and level to means and log variances of the latents.
    pub fn posterior(spec: &GeneratorSpec, levels: usize) -> Self {
        let mut b = Builder::named("posterior.", image(2));
        let mut h = 0;
        for (i, &channels) in spec.posterior.iter().enumerate() {
            if i > 0 {
                h = b.push(Op::Pool { from: h });
            }
            h = b.conv(&i.to_string(), h, 3, channels);
            h = b.silu_shifted(h);
        }
        h = b.conv("out", h, 3, 2 * spec.latents);
        b.push(Op::SumPool { from: h });
        Self::of(b, 0, levels)
    }

    fn of(b: Builder, latents: usize, levels: usize) -> Self {
        let prefix = b.prefix();
        let Builder {
            plan, mut layout, ..
        } = b;
        let plan_blocks = layout.blocks.len();
        lay_out(&mut layout, prefix, latents, plan.columns);
        Self {
            plan,
            layout,
            plan_blocks,
            levels,
        }
    }

    /// Where each weight lies.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Numbers of each map.
    pub fn maps(&self) -> impl Iterator<Item = usize> + '_ {
        self.plan.sizes.iter().map(|size| size.numbers())
    }
}

/// So many images, channel by channel.
fn image(count: usize) -> Size {
    Size {
        channels: count * RGB,
        side: SIDE,
    }
}

impl Blueprint for ConvShape {
    fn parameters(&self) -> usize {
        self.layout.parameters()
    }

    /// Kaiming normal over the inputs and zero biases; what the condition's network gives starts at
    /// zero.
    fn init(&self, seed: u64, stream: Stream) -> Vec<f32> {
        let learned = |name: &str| !name.contains("condition.out");
        self.layout.fresh(seed, stream, learned)
    }

    fn build(&self, flat: &Tensor<1>) -> Box<dyn Network> {
        let block = |b: &Block| flat.clone().slice(b.range()).reshape(b.shape);
        Box::new(ConvNetwork {
            blocks: self.layout.blocks.iter().map(block).collect(),
            embedding: embedding(self.levels, &flat.device()),
            kernels: plan_kernels(&self.plan, flat),
            on_gpu: kernel::on_gpu(flat),
            shape: self.clone(),
        })
    }
}

/// A network at its weights.
struct ConvNetwork {
    shape: ConvShape,
    blocks: Vec<Tensor<2>>,
    /// `[levels, entries]`
    embedding: Tensor<2>,
    kernels: Option<Box<dyn PlanKernels>>,
    on_gpu: bool,
}

impl ConvNetwork {
    /// What the condition's network reads of the levels, `[n, entries]`.
    fn embedded(&self, member: &Tensor<2>) -> Tensor<2> {
        product(member.clone(), self.embedding.clone(), self.on_gpu)
    }

    /// The condition of each image, `[n, columns]`; latents count by their direction only (DDGAN's pixel norm).
    fn condition(
        &self,
        blocks: &[Tensor<2>],
        embedded: Tensor<2>,
        latent: Option<Tensor<2>>,
    ) -> Tensor<2> {
        let read = match latent {
            Some(z) => {
                let length = (z.clone().powi_scalar(2).mean_dim(1) + TINY).sqrt();
                Tensor::cat(vec![embedded, z / length], 1)
            }
            None => embedded,
        };
        condition(&blocks[self.shape.plan_blocks..], read, self.on_gpu)
    }

    fn general(&self, blocks: &[Tensor<2>], x: Tensor<2>, condition: Tensor<2>) -> Tensor<2> {
        let ConvShape { plan, layout, .. } = &self.shape;
        let [n, _] = x.dims();
        let Size { channels, side } = plan.sizes[0];
        let general = General {
            plan,
            layout,
            blocks,
            condition,
        };
        let (out, _) = general.forward(x.reshape([n, channels, side, side]));
        out.reshape([n, plan.output().numbers()])
    }
}

fn leaf(t: Tensor<2>) -> Tensor<2> {
    t.autodiff().require_grad()
}

impl Network for ConvNetwork {
    fn output(&self, inputs: &Inputs) -> Tensor<2> {
        let Inputs { x, latent, member } = inputs;
        let condition = self.condition(&self.blocks, self.embedded(member), latent.clone());
        let found = self.kernels.as_ref().and_then(|k| k.output(x, &condition));
        found.unwrap_or_else(|| self.general(&self.blocks, x.clone(), condition))
    }

    fn through(&self, inputs: &Inputs) -> (Tensor<2>, Pullback<'_>) {
        let Inputs { x, latent, member } = inputs;
        let ConvShape {
            layout,
            plan_blocks,
            ..
        } = &self.shape;
        let blocks: Vec<_> = self.blocks.iter().cloned().map(leaf).collect();
        let latent = latent.clone().map(leaf);
        // The condition's network is small: autodiff carries gradients through it.
        let condition = self.condition(&blocks, self.embedded(member).autodiff(), latent.clone());
        let by_latent = |latent: &Option<Tensor<2>>, gradients: &mut _| {
            let of = |z: &Tensor<2>| z.grad_remove(gradients);
            latent.as_ref().and_then(of)
        };
        let kernels = self.kernels.as_ref();
        if let Some((out, back)) = kernels.and_then(|k| k.through(x, &condition.clone().inner())) {
            let back = move |seed: Tensor<2>| {
                let pulled = back(&seed).expect("the seed lies where what came out lies");
                let mut gradients = (condition * pulled.condition.autodiff()).sum().backward();
                let rest = layout.flat_gradient(&blocks, &mut gradients, *plan_blocks);
                Pull {
                    parameters: Tensor::cat(vec![pulled.parameters, rest], 0),
                    x: pulled.x.expect("seeded gradients reach the images"),
                    latent: by_latent(&latent, &mut gradients),
                }
            };
            return (out, Box::new(back));
        }
        let x = leaf(x.clone());
        let out = self.general(&blocks, x.clone(), condition);
        let given = out.clone().inner();
        let back = move |seed: Tensor<2>| {
            let mut gradients = (out * seed.autodiff()).sum().backward();
            Pull {
                parameters: layout.flat_gradient(&blocks, &mut gradients, 0),
                x: x.grad_remove(&mut gradients)
                    .unwrap_or_else(|| x.inner().zeros_like()),
                latent: by_latent(&latent, &mut gradients),
            }
        };
        (given, Box::new(back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::membership_of_labels;
    use crate::rng::Draws;
    use burn::tensor::{Device, TensorData};

    const LEVELS: usize = 3;

    fn spec() -> GeneratorSpec {
        GeneratorSpec {
            channels: vec![4, 8],
            blocks: 1,
            latents: 5,
            posterior: vec![4, 4, 8],
        }
    }

    fn normals(shape: [usize; 2], step: u64, device: &Device) -> Tensor<2> {
        let z = Draws::new(11, Stream::Test, step).normals(shape[0] * shape[1]);
        Tensor::from_data(TensorData::new(z, shape), device)
    }

    fn values<const D: usize>(t: Tensor<D>) -> Vec<f32> {
        t.into_data().try_to_vec().unwrap()
    }

    fn close(found: &[f32], right: &[f32]) {
        assert_eq!(found.len(), right.len());
        let scale = right.iter().map(|r| r.abs()).fold(0.0, f32::max);
        assert!(scale > 0.0);
        for (f, r) in found.iter().zip(right) {
            assert!((f - r).abs() <= 3e-5 * scale, "{f} against {r}");
        }
    }

    /// Both networks, with no weight at zero, and something for each to read.
    fn cases(device: &Device) -> Vec<(ConvShape, Tensor<1>, Inputs)> {
        let shapes = [
            (ConvShape::generator(&spec(), LEVELS), 1),
            (ConvShape::posterior(&spec(), LEVELS), 2),
        ];
        let n = 3;
        let labels: Vec<usize> = (0..n).map(|i| i % LEVELS).collect();
        let member = membership_of_labels(&labels, LEVELS, device);
        let case = |(shape, images): (ConvShape, usize)| {
            let flat = shape.init(2, Stream::Test);
            let offsets = Draws::new(3, Stream::Test, 0).normals(flat.len());
            let pairs = flat.iter().zip(offsets);
            let flat: Vec<f32> = pairs.map(|(w, z)| w + 0.05 * z).collect();
            let inputs = Inputs {
                x: normals([n, images * RGB * SIDE * SIDE], 1, device),
                latent: (images == 1).then(|| normals([n, 5], 2, device)),
                member: member.clone(),
            };
            (shape, Tensor::from_data(flat.as_slice(), device), inputs)
        };
        shapes.into_iter().map(case).collect()
    }

    /// The same network op by op.
    fn without_kernels(shape: &ConvShape, flat: &Tensor<1>) -> ConvNetwork {
        let block = |b: &Block| flat.clone().slice(b.range()).reshape(b.shape);
        ConvNetwork {
            blocks: shape.layout.blocks.iter().map(block).collect(),
            embedding: embedding(LEVELS, &flat.device()),
            kernels: None,
            on_gpu: false,
            shape: shape.clone(),
        }
    }

    #[test]
    fn kernels_agree_with_tensor_operations() {
        let device = Device::flex();
        for (shape, flat, inputs) in cases(&device) {
            let network = shape.build(&flat);
            let general = without_kernels(&shape, &flat);
            let (found, back) = network.through(&inputs);
            let (right, right_back) = general.through(&inputs);
            close(&values(found.clone()), &values(right.clone()));
            close(&values(network.output(&inputs)), &values(right));
            close(&values(general.output(&inputs)), &values(found.clone()));
            let seed = normals(found.dims(), 3, &device);
            let (found, right) = (back(seed.clone()), right_back(seed));
            close(&values(found.parameters), &values(right.parameters));
            close(&values(found.x), &values(right.x));
            assert_eq!(found.latent.is_some(), inputs.latent.is_some());
            if let (Some(found), Some(right)) = (found.latent, right.latent) {
                close(&values(found), &values(right));
            }
        }
    }

    /// Along the gradient itself, in everything that a network depends on.
    #[test]
    fn gradients_match_finite_differences() {
        let device = Device::flex();
        for (shape, flat, inputs) in cases(&device) {
            let network = shape.build(&flat);
            let (out, back) = network.through(&inputs);
            let seed = normals(out.dims(), 3, &device);
            let pull = back(seed.clone());
            let sum = |flat: &Tensor<1>, inputs: &Inputs| {
                let out = shape.build(flat).output(inputs);
                values((out * seed.clone()).sum())[0]
            };
            let check = |squared: f32, at: &dyn Fn(f32) -> f32| {
                let h = 0.02 / squared.sqrt();
                let slope = (at(h) - at(-h)) / (2.0 * h);
                assert!(
                    (slope / squared - 1.0).abs() < 2e-2,
                    "{slope} against {squared}"
                );
            };
            let squared = |t: &Tensor<2>| values(t.clone().powi_scalar(2).sum())[0];
            let by = pull.parameters.clone();
            check(squared(&by.clone().unsqueeze()), &|h| {
                sum(&(flat.clone() + by.clone() * h), &inputs)
            });
            check(squared(&pull.x), &|h| {
                let x = inputs.x.clone() + pull.x.clone() * h;
                sum(
                    &flat,
                    &Inputs {
                        x,
                        ..inputs.clone()
                    },
                )
            });
            if let (Some(by), Some(z)) = (&pull.latent, &inputs.latent) {
                check(squared(by), &|h| {
                    let latent = Some(z.clone() + by.clone() * h);
                    sum(
                        &flat,
                        &Inputs {
                            latent,
                            ..inputs.clone()
                        },
                    )
                });
            }
        }
    }
}
