//! The kernels of an MLP on a GPU.
//!
//! Invariant: a network whose quad of points does not fit the workgroup memory of the device has no
//! kernels, nor has a batch of more workgroups than a launch may have.

use super::adapter::{parts, software};
use super::launch::{ALIGN, GROUPS, THREADS, buffer, empty, halves, launch, part, words};
use super::program::{Found, Program, QUAD, Shape, What};
use crate::kernel::{MlpKernels, Moved, Network, Seats, TAIL, Weighed};
use crate::rng::{ChainDraws, Draws};
use burn::backend::wgpu::CubeTensor;
use burn::tensor::Tensor;

/// Arithmetic operations of one dispatch of chains: some 50 ms of a weak GPU, and of a software adapter.
const OPERATIONS: u64 = 4_000_000_000;
const SOFTWARE_OPERATIONS: u64 = 300_000_000;

/// Turns of loops in an invocation that lavapipe does.
const LAVAPIPE_TURNS: usize = 60_000;

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
    /// `[levels, width]`, what the time network reads; one entry without gates.
    embedding: CubeTensor,
    /// What `shaders/gates.wgsl` leaves; one entry without gates.
    gates: CubeTensor,
}

impl GpuMlp {
    /// `None` where the weights are not on a GPU, or the network is too large.
    pub fn new(network: Network, weights: &Tensor<1>, embedding: &[f32]) -> Option<Self> {
        let device = weights.device();
        let weights = buffer(weights)?;
        let memory = weights.client.properties().hardware.max_shared_memory_size;
        if workgroup_bytes(&network) > memory {
            return None;
        }
        let Network { width, levels, .. } = network;
        let shown = if levels > 0 { embedding } else { &[0.0] };
        let embedding = buffer(&Tensor::<1>::from_data(shown, &device))?;
        // Without gates it is bound, but not read.
        let gates = empty(&weights, (network.gates() + 2 * levels * width).max(1));
        if levels > 0 {
            let program = program(network, What::Gates);
            launch(program, THREADS, levels, [&weights, &embedding, &gates]);
        }
        Some(Self {
            network,
            weights,
            embedding,
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

    /// Most of `all` transitions of `n` chains in one dispatch: a longer one would make the page, which shares
    /// the GPU, wait.
    fn stretch(&self, n: usize, all: usize) -> usize {
        let Network { width, depth, .. } = self.network;
        let weights = 2 * width + (depth - 1) * width * width + width;
        let budget = match self.shape(n) {
            Shape::Tile => OPERATIONS,
            Shape::Lane(_) => SOFTWARE_OPERATIONS,
        };
        let fit = (budget / (4 * n as u64 * weights as u64)) as usize;
        // Mesa's lavapipe leaves a loop after 65,535 turns, without a word; inner loops count.
        let turns = (width.div_ceil(Shape::Tile.threads()) * (width + 4) + 64) * 2 * depth;
        let fit = match cfg!(target_arch = "wasm32") {
            true => fit,
            false => fit.min(LAVAPIPE_TURNS / turns),
        };
        fit.min(all.div_ceil(parts())).max(1)
    }

    /// Runs a kernel that evaluates `rows` points, with the buffers `own`, words and what it writes bound
    /// behind the network's, once for each of `infos`. `None` if the rows are too many.
    fn evaluate(
        &self,
        what: What,
        rows: usize,
        own: &[&CubeTensor],
        infos: impl IntoIterator<Item = Vec<u32>>,
        found: &CubeTensor,
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
        for (i, info) in infos.into_iter().enumerate() {
            if i > 0 && parts() > 1 {
                // What was launched before is a submit of its own. Only a lost device cannot take it, and
                // whoever waits for it is told.
                let _ = self.weights.client.flush();
            }
            let info = words(&self.weights, &info);
            let buffers = [&self.weights, &self.gates].into_iter();
            let buffers = buffers.chain(own.iter().copied()).chain([&info, found]);
            launch(program, shape.threads(), groups, buffers.chain(&scratch));
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
        let own = [&buffer(x)?, &buffer(labels)?];
        self.evaluate(what, rows, &own, [info.to_vec()], &found)?;
        Some(part(&found, 0, shape))
    }

    /// The gradient from the tape that a kernel writes of `rows` rows, the first `first` of them of one
    /// batch.
    fn reduced(
        &self,
        what: What,
        [rows, first]: [usize; 2],
        own: &[&CubeTensor],
    ) -> Option<Weighed> {
        let Network {
            width,
            depth,
            levels,
            ..
        } = self.network;
        let info = vec![rows as u32, first as u32];
        let tape = empty(&self.weights, (3 * depth * width + 5) * rows);
        self.evaluate(what, rows, own, [info.clone()], &tape)?;
        let places = Found::of(&self.network);
        let found = empty(&self.weights, places.all);
        let blocks = (depth - 1) * width.div_ceil(8) * width.div_ceil(4);
        let thin = 3 * width + (depth - 1) * width + width + 1 + self.network.gates() + 1;
        launch(
            program(self.network, What::Reduce),
            THREADS,
            (blocks + thin).div_ceil(THREADS),
            [&tape, &words(&self.weights, &info), &found],
        );
        if levels > 0 {
            let back = empty(&self.weights, 2 * levels * width);
            launch(
                program(self.network, What::GatesBack),
                THREADS,
                levels,
                [&self.weights, &self.gates, &found, &back],
            );
            launch(
                program(self.network, What::GatesReduce),
                THREADS,
                self.network.time_parameters().div_ceil(THREADS),
                [&self.embedding, &self.gates, &back, &found],
            );
        }
        Some(Weighed {
            sum: part(&found, places.loss, [1]),
            gradient: part(&found, 0, [self.network.parameters()]),
        })
    }
}

/// A kernel whose text does not depend on how points are evaluated.
fn program(network: Network, what: What) -> Program {
    Program {
        what,
        network,
        shape: Shape::Tile,
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

    fn draw_levels(&self, x: &Tensor<2>, draws: &Draws) -> Option<Tensor<2>> {
        let [n, _] = x.dims();
        let levels = self.network.levels;
        if levels == 0 {
            return None;
        }
        let [seed, step] = [draws.seed(), draws.step()].map(halves);
        let info = [&[n as u32, draws.stream() as u32], &step[..], &seed].concat();
        let found = empty(&self.weights, n * levels);
        self.evaluate(What::Levels, n, &[&buffer(x)?], [info], &found)?;
        Some(part(&found, 0, [n, levels]))
    }

    fn chains(&self, seats: &Seats, draws: &ChainDraws, adjusted: bool) -> Option<Moved> {
        let [n, _] = seats.0.dims();
        let k = draws.transitions;
        let tail = k.min(TAIL);
        let accepted = (2 * n).next_multiple_of(ALIGN);
        let trail = (accepted + n).next_multiple_of(ALIGN);
        let found = empty(&self.weights, trail + 2 * n * tail);
        let carried = empty(&self.weights, 4 * n);
        let stretch = |done: usize, count: usize| {
            let counts = [n, done, count, k, k - tail, accepted, trail].map(|v| v as u32);
            let kind = [u32::from(adjusted), draws.chains as u32];
            let streams = draws.streams.map(|stream| stream as u32);
            let [step, seed] = [draws.step, draws.seed].map(halves);
            [&counts[..], &kind, &streams, &step, &seed].concat()
        };
        let own = [&buffer(&seats.0)?, &carried];
        let most = self.stretch(n, k);
        let stretches = (0..k).step_by(most);
        let stretches = stretches.map(|done| stretch(done, most.min(k - done)));
        self.evaluate(What::Chains, n, &own, stretches, &found)?;
        Some(Moved {
            x: part(&found, 0, [n, 2]),
            accepted: part(&found, accepted, [n, 1]),
            trail: part(&found, trail, [tail, n, 2]),
        })
    }

    fn weigh(&self, x: &Tensor<2>, marks: &Tensor<2>) -> Option<Weighed> {
        let [rows, _] = x.dims();
        let own = [&buffer(x)?, &buffer(marks)?];
        self.reduced(What::Tape, [rows, rows], &own)
    }

    fn contrast(&self, batches: [[&Tensor<2>; 2]; 2]) -> Option<Weighed> {
        let [[data, data_member], [chains, chains_member]] = batches;
        let [first, _] = data.dims();
        let [second, _] = chains.dims();
        let own = [
            &buffer(data)?,
            &buffer(data_member)?,
            &buffer(chains)?,
            &buffer(chains_member)?,
        ];
        self.reduced(What::Contrast, [first + second, first], &own)
    }
}
