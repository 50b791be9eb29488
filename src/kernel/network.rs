//! The shape of a network, as kernels need it.

/// What a kernel is compiled for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    pub width: usize,
    /// Hidden layers.
    pub depth: usize,
    /// Levels of a gated network, 0 for a plain one.
    pub levels: usize,
    /// 0 softplus, 1 SiLU, 2 ReLU.
    pub activation: u32,
    pub confinement: f64,
}

impl Network {
    /// First entry of layer `l` in the flat buffer: a matrix `[inputs, width]` and a bias `[width]`. For
    /// `l = depth` that of the output layer.
    pub(super) fn offset(&self, l: usize) -> usize {
        let w = self.width;
        match l {
            0 => 0,
            _ => 3 * w + (l - 1) * (w * w + w),
        }
    }

    /// Entries of the flat buffer that belong to the layers, gates apart.
    pub(super) fn plain_parameters(&self) -> usize {
        self.offset(self.depth) + self.width + 1
    }
}
