//! What there is to draw, as tensors on the device that trains.
//!
//! Invariant: nothing in a scene has been read back; painters bind its buffers or, on the CPU,
//! read them at no cost.

use burn::tensor::Tensor;

/// Grids run over cell centres, x fastest, from the lowest y up: cell (i, j) of a grid of side g
/// over the square `centre ± half` has its centre at `centre - half + (i + 0.5, j + 0.5) * 2 half / g`
/// and sits at index `j * g + i`.
#[derive(Clone)]
pub struct Scene {
    /// Noise level of the large picture.
    pub level: usize,
    /// Number of noise levels, the clean one included.
    pub levels: usize,
    /// The square of the plane that `energy`, `truth` and `score` cover (data units).
    pub centre: [f32; 2],
    pub half: f32,
    /// Cells per side of `energy` and `truth`.
    pub grid: usize,
    /// `[grid²]` energies at `level`, in nats, without the normalising constant.
    pub energy: Tensor<1>,
    /// `[grid²]` exact density at `level`.
    pub truth: Tensor<1>,
    /// Cells per side of `score`.
    pub arrows: usize,
    /// `[arrows², 2]` score -∂E/∂x at `level`; `None` when it is not shown.
    pub score: Option<Tensor<2>>,
    /// Cells per side of each picture of the strip.
    pub strip_grid: usize,
    /// Half-width of the strip's pictures, centred on the origin.
    pub strip_half: f32,
    /// `[levels, strip_grid²]` energies, one row a level.
    pub strip: Tensor<2>,
    /// `[levels, 4]`: lowest energy, highest energy, log Z and highest true density of each level
    /// on the whole square of the data.
    pub range: Tensor<2>,
    /// `[points, 2]` samples of the truth at `level`.
    pub data: Option<Tensor<2>>,
    /// `[tail, chains, 2]` places of the last update's chains, oldest first.
    pub trails: Option<Tensor<3>>,
    /// `[chains]` noise level of each chain, as a number.
    pub trail_levels: Option<Tensor<1>>,
    pub picture: Picture,
    pub contours: bool,
}

/// What the large picture's colours mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// exp(-E) / Z.
    Density,
    /// E above its lowest value.
    Energy,
    /// exp(-E) / Z minus the truth: a diverging map.
    Difference,
}
