//! The shape of a convolutional energy and its fresh weights.
//!
//! Invariant: the shape alone decides plan and layout; a seed alone decides the first values.

use super::builder::Builder;
use super::condition::lay_out;
use super::residual::Residual;
use super::unet::UNet;
use crate::data::images::SIDE;
use crate::energy::Layout;
use crate::kernel::plan::{Op, Plan, Size};
use crate::rng::Stream;
use crate::weights::{ModelSpec, NetworkSpec};

/// Deviation of the data that preconditioning reckons with: that of CIFAR-10's pixels in [-1, 1].
pub const DATA_DEVIATION: f64 = 0.5;

/// What stands between image and energy.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `½ |x - h(x, t)|²` with a U-Net h (DDAEBM, arXiv 2403.01666, released code, where h starts at zero; here
    /// its last convolution starts like the others).
    Reconstruction(UNet),
    /// `½ |x - h(x, t)|²/σ_t²` with a U-Net h preconditioned for noise of deviation σ_t (Salimans & Ho
    /// 2021, <https://openreview.net/forum?id=9AS-TF2jRNb>; Karras et al. 2022, arXiv 2206.00364, table
    /// 1): `h = x σ_d²/(σ_t² + σ_d²) + F(x/√(σ_t² + σ_d²), t) σ_t σ_d/√(σ_t² + σ_d²)`.
    Denoiser { unet: UNet, noise: Vec<f64> },
    /// `½ |x|²/v_t + d/2 ln v_t` and a residual network with a sum-pool head (DA-EBM, arXiv 2304.10707, released
    /// code), for variances v_t of d numbers.
    Residual { net: Residual, variance: Vec<f64> },
}

/// The shape of a convolutional energy: enough to rebuild it around a flat buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvArchitecture {
    pub input: Size,
    /// Noise levels.
    pub levels: usize,
    pub kind: Kind,
}

/// A plan, the fixed columns of its condition at each level, and where its weights lie.
pub struct Drawn {
    pub plan: Plan,
    /// `[levels, fixed]`, the first columns; the others are learned.
    pub fixed: Vec<Vec<f32>>,
    pub layout: Layout,
    /// Blocks that belong to the plan; those of the condition's network follow.
    pub plan_blocks: usize,
}

impl ConvArchitecture {
    /// The energy of a model of images.
    pub fn from_spec(model: &ModelSpec) -> Self {
        let schedule = model.noise.schedule();
        let unet = |channels: &[usize], blocks| UNet {
            channels: channels.to_vec(),
            blocks,
        };
        let kind = match &model.network {
            NetworkSpec::Reconstruction { channels, blocks } => {
                Kind::Reconstruction(unet(channels, *blocks))
            }
            NetworkSpec::Denoiser { channels, blocks } => Kind::Denoiser {
                unet: unet(channels, *blocks),
                noise: (0..schedule.levels()).map(|t| schedule.noise(t)).collect(),
            },
            NetworkSpec::Residual { channels, blocks } => {
                let variance = |t: usize| {
                    (schedule.signal(t) * DATA_DEVIATION).powi(2) + schedule.noise(t).powi(2)
                };
                Kind::Residual {
                    net: Residual {
                        channels: channels.clone(),
                        blocks: *blocks,
                    },
                    variance: (0..schedule.levels()).map(variance).collect(),
                }
            }
        };
        Self {
            input: Size {
                channels: 3,
                side: SIDE,
            },
            levels: schedule.levels(),
            kind,
        }
    }

    /// The plan and its offset table.
    pub fn draw(&self) -> Drawn {
        let mut b = Builder::new(self.input);
        let fixed = match &self.kind {
            Kind::Reconstruction(unet) => {
                reconstruct(&mut b, unet, &vec![[1.0, 1.0, -1.0]; self.levels])
            }
            Kind::Denoiser { unet, noise } => {
                let scales: Vec<_> = noise.iter().map(|&s| preconditioned(s)).collect();
                reconstruct(&mut b, unet, &scales)
            }
            Kind::Residual { net, variance } => confine(&mut b, net, variance),
        };
        let Builder {
            plan, mut layout, ..
        } = b;
        let plan_blocks = layout.blocks.len();
        let learned = plan.columns - fixed.first().map_or(0, Vec::len);
        lay_out(&mut layout, "", 0, learned);
        Drawn {
            plan,
            fixed,
            layout,
            plan_blocks,
        }
    }

    /// Fresh weights: Kaiming normal over the inputs and zero biases. What the condition's network gives
    /// starts at zero: scales and shifts of a U-Net, and with them the factors of a residual network's head.
    pub fn init(&self, seed: u64) -> Vec<f32> {
        let learned = |name: &str| !name.starts_with("condition.out");
        self.draw().layout.fresh(seed, Stream::Weights, learned)
    }
}

/// Factors of the input of the U-Net, of the image and of what the U-Net gives in `(x - h)/σ`.
fn preconditioned(noise: f64) -> [f32; 3] {
    let total = (noise * noise + DATA_DEVIATION * DATA_DEVIATION).sqrt();
    let image = noise / (total * total);
    [1.0 / total, image, -DATA_DEVIATION / total].map(|f| f as f32)
}

/// `½ |b x + c F(a x)|²` with `[a, b, c]` of each level.
fn reconstruct(b: &mut Builder, unet: &UNet, scales: &[[f32; 3]]) -> Vec<Vec<f32>> {
    let first = b.plan.condition(3);
    let scaled = b.push(Op::Scale { from: 0, at: first });
    let image = b.push(Op::Scale {
        from: 0,
        at: first + 1,
    });
    let channels = b.channels(0);
    let guess = unet.build(b, scaled, channels);
    let guess = b.push(Op::Scale {
        from: guess,
        at: first + 2,
    });
    let rest = b.push(Op::Add {
        from: [image, guess],
    });
    b.push(Op::HalfSquare { from: rest });
    scales.iter().map(|s| s.to_vec()).collect()
}

/// A Gaussian's energy plus what a network says.
fn confine(b: &mut Builder, net: &Residual, variance: &[f64]) -> Vec<Vec<f32>> {
    let first = b.plan.condition(2);
    let scaled = b.push(Op::Scale { from: 0, at: first });
    let square = b.push(Op::HalfSquare { from: scaled });
    let gaussian = b.push(Op::Shift {
        from: square,
        at: first + 1,
    });
    let learned = net.build(b);
    b.push(Op::Add {
        from: [gaussian, learned],
    });
    let half = 0.5 * b.plan.sizes[0].numbers() as f64;
    let fixed = |v: &f64| vec![(1.0 / v.sqrt()) as f32, (half * v.ln()) as f32];
    variance.iter().map(fixed).collect()
}
