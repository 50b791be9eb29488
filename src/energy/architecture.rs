//! The shape of a network and its fresh weights.
//!
//! Invariant: the shape alone decides the layout of the flat buffer; a seed alone decides its first
//! values.

use super::{Activation, Layout};
use crate::diffusion::Schedule;
use crate::kernel::Network;
use crate::rng::{Draws, Stream};
use crate::settings::{Key, Settings};

/// The shape of a network: enough to rebuild it around a flat buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct Architecture {
    pub activation: Activation,
    /// Units per hidden layer.
    pub width: usize,
    /// Hidden layers.
    pub depth: usize,
    /// Noise levels of a time-gated network, the clean one included; `None` for a plain one.
    pub levels: Option<usize>,
    /// Factor of the fixed |x|² term.
    pub confinement: f64,
    /// Whether the first layer starts spread over the data: gain 2 and biases in ±4.
    pub spread: bool,
}

/// Gain and bias range of a spread first layer (DA-EBM notes, section 6.2).
const SPREAD_GAIN: f32 = 2.0;
const SPREAD_BIAS: f32 = 4.0;

impl Architecture {
    /// The network that the settings ask for: gated where there are several noise levels.
    pub fn from_settings(settings: &Settings) -> Self {
        let levels = Schedule::from_settings(settings).levels();
        Self {
            activation: match settings.choice(Key::Activation) {
                "silu" => Activation::Silu,
                "relu" => Activation::Relu,
                _ => Activation::Softplus,
            },
            width: settings.int(Key::Width),
            depth: settings.int(Key::Depth),
            levels: (levels > 1).then_some(levels),
            confinement: settings.float(Key::Confinement),
            spread: settings.choice(Key::FirstLayer) == "spread",
        }
    }

    /// What kernels are compiled for.
    pub(super) fn network(&self) -> Network {
        Network {
            width: self.width,
            depth: self.depth,
            levels: self.levels.unwrap_or(0),
            activation: self.activation as u32,
            confinement: self.confinement,
        }
    }

    /// The offset table: hidden layers, the output layer, then the gates' time network.
    pub fn layout(&self) -> Layout {
        let mut layout = Layout::default();
        let width = self.width;
        for l in 0..self.depth {
            layout.push(
                format!("hidden.{l}.weight"),
                if l == 0 { 2 } else { width },
                width,
            );
            layout.push(format!("hidden.{l}.bias"), 1, width);
        }
        layout.push("output.weight", width, 1);
        layout.push("output.bias", 1, 1);
        if self.levels.is_some() {
            for name in ["time.0", "time.1"] {
                layout.push(format!("{name}.weight"), width, width);
                layout.push(format!("{name}.bias"), 1, width);
            }
            for l in 0..self.depth {
                layout.push(format!("gate.{l}.weight"), width, width);
                layout.push(format!("gate.{l}.bias"), 1, width);
            }
        }
        layout
    }

    /// Fresh weights: Kaiming normal over the inputs (gain √2 for ReLU, else 1), zero biases, and
    /// the first layer spread if asked.
    pub fn init(&self, seed: u64) -> Vec<f32> {
        let layout = self.layout();
        let mut flat = vec![0.0; layout.parameters()];
        for (index, block) in layout.blocks.iter().enumerate() {
            let draws = Draws::new(seed, Stream::Weights, index as u64);
            let entries = &mut flat[block.range()];
            let first = block.name.starts_with("hidden.0");
            if block.name.ends_with("weight") {
                let relu = self.activation == Activation::Relu && !block.name.starts_with("output");
                let gain = match (first && self.spread, relu) {
                    (true, _) => SPREAD_GAIN,
                    (_, true) => std::f32::consts::SQRT_2,
                    _ => 1.0,
                };
                let deviation = gain / (block.shape[0] as f32).sqrt();
                let normals = draws.normals(entries.len());
                entries
                    .iter_mut()
                    .zip(normals)
                    .for_each(|(w, z)| *w = deviation * z);
            } else if first && self.spread {
                let uniforms = draws.uniforms(entries.len());
                entries
                    .iter_mut()
                    .zip(uniforms)
                    .for_each(|(b, u)| *b = SPREAD_BIAS * (2.0 * u - 1.0));
            }
        }
        flat
    }
}
