//! The kernels of an MLP on a GPU.
//!
//! Invariant: a network whose quad of points does not fit the workgroup memory of the device has no
//! kernels, nor has a batch of more workgroups than a launch may have.

use super::adapter::software;
use super::launch::{GROUPS, buffer, empty, launch, tensor, words};
use super::program::{Program, QUAD, Shape, What};
use crate::kernel::{MlpKernels, Moved, Network, TAIL, Tape};
use crate::rng::ChainDraws;
use burn::backend::wgpu::CubeTensor;
use burn::tensor::Tensor;

/// Invocations of a workgroup that reduces.
const REDUCERS: usize = 64;

/// Bytes of workgroup memory of a kernel whose workgroups are parties: the arrays of
/// `shaders/mlp_tile.wgsl`, and two words for a loop's bounds.
fn workgroup_bytes(network: &Network) -> usize {
    let quad = size_of::<[f32; QUAD]>();
    let vectors = network.depth * network.width + network.width + 3 * Shape::Tile.threads();
    vectors * quad + 2 * size_of::<u32>()
}

/// The kernels of a network at its present weights.
pub struct GpuMlp {
    network: Network,
    weights: CubeTensor,
    gates: CubeTensor,
}

impl GpuMlp {
    /// `None` where the tensors are not on a GPU, or the network is too large.
    pub fn new(network: Network, weights: &Tensor<1>, gates: Option<&Tensor<2>>) -> Option<Self> {
        let device = weights.device();
        let weights = buffer(weights)?;
        let memory = weights.client.properties().hardware.max_shared_memory_size;
        if workgroup_bytes(&network) > memory {
            return None;
        }
        let gates = match gates {
            Some(gates) => buffer(gates)?,
            // Bound, but not read.
            None => buffer(&Tensor::<1>::zeros([1], &device))?,
        };
        Some(Self {
            network,
            weights,
            gates,
        })
    }

    /// The shape for a batch of `rows` points.
    fn shape(&self, rows: usize) -> Shape {
        match software() {
            true => Shape::software(self.network.width, rows),
            false => Shape::Tile,
        }
    }

    /// Runs a kernel that evaluates `rows` points, with the four buffers of its own, once for each of
    /// `infos`, which takes the place of the third of them. `None` if the rows are too many.
    fn evaluate(
        &self,
        what: What,
        rows: usize,
        [first, second, last]: [&CubeTensor; 3],
        infos: impl IntoIterator<Item = Vec<u32>>,
    ) -> Option<()> {
        let shape = self.shape(rows);
        let groups = rows.div_ceil(shape.points());
        if groups > GROUPS {
            return None;
        }
        let program = Program {
            what,
            network: self.network,
            shape,
        };
        let kept = groups * shape.points() * self.network.depth * self.network.width;
        let scratch = (shape != Shape::Tile).then(|| empty(&self.weights, kept));
        for info in infos {
            let info = words(&self.weights, &info);
            let buffers = [&self.weights, &self.gates, first, second, &info, last];
            let buffers: Vec<_> = buffers.into_iter().chain(&scratch).collect();
            launch(program, shape.threads(), groups, &buffers);
        }
        Some(())
    }

    fn run_energy<const D: usize>(
        &self,
        gradient: bool,
        x: &Tensor<2>,
        labels: &Tensor<1>,
        each: usize,
        shape: [usize; D],
    ) -> Option<Tensor<D>> {
        let rows = x.dims()[0] * each.max(1);
        let what = if gradient {
            What::Gradient
        } else {
            What::Energy
        };
        let info = [rows, labels.dims()[0], each].map(|v| v as u32);
        let found = empty(&self.weights, shape.iter().product());
        let own = [&buffer(x)?, &buffer(labels)?, &found];
        self.evaluate(what, rows, own, [info.to_vec()])?;
        Some(tensor(found, shape))
    }
}

impl MlpKernels for GpuMlp {
    fn energy(&self, x: &Tensor<2>, labels: &Tensor<1>) -> Option<Tensor<1>> {
        let [n, _] = x.dims();
        self.run_energy(false, x, labels, 0, [n])
    }

    fn all_levels(&self, x: &Tensor<2>) -> Option<Tensor<2>> {
        let [n, _] = x.dims();
        let levels = self.network.levels.max(1);
        let unread = Tensor::zeros([1], &x.device());
        self.run_energy(false, x, &unread, levels, [n, levels])
    }

    fn energy_and_grad(&self, x: &Tensor<2>, labels: &Tensor<1>) -> Option<(Tensor<1>, Tensor<2>)> {
        let [n, _] = x.dims();
        let both: Tensor<2> = self.run_energy(true, x, labels, 0, [n, 3])?;
        let energy = both.clone().slice([0..n, 0..1]).reshape([n]);
        Some((energy, both.slice([0..n, 1..3])))
    }

    fn chains(&self, start: &Tensor<2>, draws: &ChainDraws, adjusted: bool) -> Option<Moved> {
        let [n, _] = start.dims();
        let k = draws.transitions;
        let tail = k.min(TAIL);
        let found = empty(&self.weights, 3 * n + 2 * n * tail);
        let carried = empty(&self.weights, 4 * n);
        let ChainDraws {
            seed,
            streams: [normal, uniform],
            step,
            chains,
            ..
        } = *draws;
        let halves = |v: u64| [v as u32, (v >> 32) as u32];
        let stretch = |done: usize, count: usize| {
            let counts = [n, done, count, k, k - tail].map(|v| v as u32);
            let kind = [u32::from(adjusted), chains as u32];
            let streams = [normal as u32, uniform as u32];
            [&counts[..], &kind, &streams, &halves(step), &halves(seed)].concat()
        };
        let own = [&buffer(start)?, &carried, &found];
        self.evaluate(What::Chains, n, own, [stretch(0, k)])?;
        let found: Tensor<1> = tensor(found, [3 * n + 2 * n * tail]);
        Some(Moved {
            x: found.clone().slice(0..2 * n).reshape([n, 2]),
            accepted: found.clone().slice(2 * n..3 * n).reshape([n, 1]),
            trail: found
                .slice(3 * n..3 * n + 2 * n * tail)
                .reshape([tail, n, 2]),
        })
    }

    fn tape(&self, x: &Tensor<2>, marks: &Tensor<2>) -> Option<Tape> {
        let Network {
            width,
            depth,
            levels,
            ..
        } = self.network;
        let [rows, _] = x.dims();
        let (x, marks) = (buffer(x)?, buffer(marks)?);
        let info = vec![rows as u32];
        let tape = empty(&self.weights, 3 * depth * rows * width + rows);
        self.evaluate(What::Tape, rows, [&x, &marks, &tape], [info.clone()])?;
        let plain = self.network.plain_parameters();
        let gates = depth * levels * width;
        let entries = plain + gates + 1;
        let found = empty(&self.weights, entries);
        launch(
            Program {
                what: What::Reduce,
                network: self.network,
                shape: Shape::Tile,
            },
            REDUCERS,
            entries.div_ceil(REDUCERS),
            &[&tape, &x, &marks, &words(&self.weights, &info), &found],
        );
        let found: Tensor<1> = tensor(found, [entries]);
        Some(Tape {
            sum: found.clone().slice(plain + gates..entries),
            layers: found.clone().slice(0..plain),
            gates: (levels > 0).then(|| {
                found
                    .slice(plain..plain + gates)
                    .reshape([depth * levels, width])
            }),
        })
    }
}
