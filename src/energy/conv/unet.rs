//! A small U-Net from images to images, with residual blocks, group norms and no attention (after
//! Ho et al. 2020, arXiv 2006.11239, and DDAEBM's released code).
//!
//! Invariant: what a level of the way down gives is added to the way up at the same size.

use super::builder::Builder;
use crate::kernel::plan::{Op, Slot};

/// Widths of a U-Net.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UNet {
    /// Channels at each size: whole, half, quarter and so on.
    pub channels: Vec<usize>,
    /// Residual blocks at each size of the way down, and of the way up.
    pub blocks: usize,
}

impl UNet {
    /// Maps with as many channels as `outputs` from those of `from`.
    pub fn build(&self, b: &mut Builder, from: Slot, outputs: usize) -> Slot {
        let mut h = b.conv("in", from, 3, self.channels[0]);
        let mut skips = Vec::new();
        for (level, &channels) in self.channels.iter().enumerate() {
            if level > 0 {
                skips.push(h);
                h = b.push(Op::Pool { from: h });
            }
            for block in 0..self.blocks {
                h = residual(b, &format!("down.{level}.{block}"), h, channels);
            }
        }
        for (level, &channels) in self.channels.iter().enumerate().rev() {
            for block in 0..self.blocks {
                h = residual(b, &format!("up.{level}.{block}"), h, channels);
            }
            if let Some(skip) = skips.pop() {
                h = b.fit(&format!("up.{level}.out"), h, 1, b.channels(skip));
                h = b.push(Op::Upsample { from: h });
                h = b.push(Op::Add { from: [h, skip] });
            }
        }
        h = b.norm_silu_modulated(h);
        b.conv("out", h, 3, outputs)
    }
}

/// Norm, SiLU and convolution twice, the second time scaled and shifted by the condition.
fn residual(b: &mut Builder, name: &str, from: Slot, channels: usize) -> Slot {
    let mut h = b.norm_silu(from);
    h = b.conv(&format!("{name}.0"), h, 3, channels);
    h = b.norm_silu_modulated(h);
    let skip = b.fit(&format!("{name}.skip"), from, 1, channels);
    b.conv_plus(&format!("{name}.1"), h, 3, channels, Some(skip))
}
