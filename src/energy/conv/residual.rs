//! The residual network of DA-EBM's image experiments (arXiv 2304.10707, released code): SiLU, no
//! normalisation, average pooling, and a head `<h, c(t)>` on the sum over pixels. Not in the released code: a
//! Gaussian's energy with the variance of each level is added, so that a network that says nothing yet
//! has levels that are told apart and whose normalising constants are equal.

use super::builder::Builder;
use crate::kernel::plan::{Op, Slot};

/// Widths of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Residual {
    /// Channels at each size: whole, half, quarter and so on.
    pub channels: Vec<usize>,
    /// Residual blocks at each size.
    pub blocks: usize,
}

impl Residual {
    /// One number from the input.
    pub fn build(&self, b: &mut Builder) -> Slot {
        let mut h = b.conv("in", 0, 3, self.channels[0]);
        for (level, &channels) in self.channels.iter().enumerate() {
            if level > 0 {
                h = b.push(Op::Pool { from: h });
            }
            for block in 0..self.blocks {
                h = residual(b, &format!("{level}.{block}"), h, channels);
            }
        }
        h = b.silu(h);
        h = b.push(Op::SumPool { from: h });
        let at = b.plan.condition(b.channels(h));
        b.push(Op::Dot { from: h, at })
    }
}

/// Activation and convolution twice, with a shift by the condition between them.
fn residual(b: &mut Builder, name: &str, from: Slot, channels: usize) -> Slot {
    let mut h = b.silu(from);
    h = b.conv(&format!("{name}.0"), h, 3, channels);
    h = b.silu_shifted(h);
    let skip = b.fit(&format!("{name}.skip"), from, 3, channels);
    b.conv_plus(&format!("{name}.1"), h, 3, channels, Some(skip))
}
