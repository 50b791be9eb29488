//! The kernels of an MLP on a GPU.
//!
//! Invariant: a network whose four points do not fit the workgroup memory of the device has no
//! kernels.

use super::launch::{THREADS, buffer, launch};
use crate::kernel::{MlpKernels, Network, Tape};
use burn::backend::wgpu::{CubeTensor, KernelSource, SourceTemplate};
use burn::cubecl::prelude::KernelId;
use burn::tensor::Tensor;

/// Points of a workgroup.
const POINTS: usize = 4;

/// A kernel, as it is compiled for a network.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    pub what: What,
    pub network: Network,
}

/// What a kernel computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    Energy,
    Gradient,
    Chains,
    Tape,
    Reduce,
}

impl Program {
    /// The shader: constants of the network, then the files that build on them.
    pub fn text(&self) -> String {
        let n = &self.network;
        let prelude = format!(
            "const WIDTH = {}u;\nconst DEPTH = {}u;\nconst LEVELS = {}u;\nconst ACTIVATION = {}u;\n\
             const CONFINEMENT = f32({:?});\nconst GRADIENT = {};\n",
            n.width,
            n.depth,
            n.levels,
            n.activation,
            n.confinement,
            self.what != What::Energy
        );
        let mlp = include_str!("../../../shaders/mlp.wgsl");
        let parts = match self.what {
            What::Energy | What::Gradient => {
                [mlp, include_str!("../../../shaders/mlp_energy.wgsl")]
            }
            What::Chains => [mlp, include_str!("../../../shaders/mlp_chains.wgsl")],
            What::Tape => [mlp, include_str!("../../../shaders/mlp_tape.wgsl")],
            What::Reduce => ["", include_str!("../../../shaders/mlp_reduce.wgsl")],
        };
        prelude + &parts.concat()
    }
}

impl KernelSource for Program {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(self.text())
    }

    fn id(&self) -> KernelId {
        let n = &self.network;
        let shape = (n.width, n.depth, n.levels, n.activation);
        KernelId::new::<Self>().info((self.what, shape, n.confinement.to_bits()))
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// Bytes of workgroup memory of a kernel: the arrays of `shaders/mlp.wgsl`, and a word for a loop's
/// bound.
fn workgroup_bytes(network: &Network) -> usize {
    let points = size_of::<[f32; POINTS]>();
    let vectors = network.depth * network.width + network.width + 3 * THREADS as usize;
    vectors * points + size_of::<u32>()
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

    fn program(&self, what: What) -> Program {
        Program {
            what,
            network: self.network,
        }
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
        Some(launch(
            self.program(what),
            rows.div_ceil(POINTS),
            &[&self.weights, &self.gates, &buffer(x)?, &buffer(labels)?],
            &info,
            shape,
        ))
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

    fn chains(&self, start: &Tensor<2>, noise: &Tensor<3>, adjusted: bool) -> Option<Tensor<3>> {
        let [k, n, _] = noise.dims();
        Some(launch(
            self.program(What::Chains),
            n.div_ceil(POINTS),
            &[&self.weights, &self.gates, &buffer(start)?, &buffer(noise)?],
            &[n as u32, k as u32, u32::from(adjusted)],
            [k, n, 3],
        ))
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
        let tape: Tensor<1> = launch(
            self.program(What::Tape),
            rows.div_ceil(POINTS),
            &[&self.weights, &self.gates, &x, &marks],
            &[rows as u32],
            [3 * depth * rows * width + rows],
        );
        let plain = self.network.plain_parameters();
        let gates = depth * levels * width;
        let entries = plain + gates + 1;
        let found: Tensor<1> = launch(
            self.program(What::Reduce),
            entries.div_ceil(THREADS as usize),
            &[&buffer(&tape)?, &x, &marks],
            &[rows as u32],
            [entries],
        );
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
