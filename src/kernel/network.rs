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

    /// Entries of a layer of the time network: a matrix `[width, width]` and a bias. The network has two layers
    /// with softplus, then one for each layer's gates; they follow the plain entries.
    pub(super) fn time_layer(&self) -> usize {
        self.width * self.width + self.width
    }

    /// Entries of the whole time network.
    pub(super) fn time_parameters(&self) -> usize {
        match self.levels {
            0 => 0,
            _ => (2 + self.depth) * self.time_layer(),
        }
    }

    /// Entries of the flat buffer.
    pub(super) fn parameters(&self) -> usize {
        self.plain_parameters() + self.time_parameters()
    }

    /// Entries of the gates of all levels.
    pub(super) fn gates(&self) -> usize {
        self.depth * self.levels * self.width
    }
}
