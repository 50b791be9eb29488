//! The text of the kernels of an MLP.
//!
//! Invariant: a program is named by all that its text depends on.

use crate::kernel::Network;
use burn::backend::wgpu::{KernelSource, SourceTemplate};
use burn::cubecl::prelude::KernelId;

/// Points of a quad, one a component of a WGSL vector.
pub(super) const QUAD: usize = 4;

/// Which invocations evaluate points together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A workgroup takes a quad: for the many lanes of a GPU.
    Tile,
    /// An invocation takes this many quads: for a browser's software adapter.
    Lane(usize),
}

impl Shape {
    /// Invocations of a workgroup.
    pub(super) fn threads(self) -> usize {
        match self {
            Self::Tile => 64,
            Self::Lane(_) => 4,
        }
    }

    /// Points that a workgroup evaluates.
    pub(super) fn points(self) -> usize {
        match self {
            Self::Tile => QUAD,
            Self::Lane(quads) => self.threads() * quads * QUAD,
        }
    }

    /// The shape for a software adapter, with as many quads an invocation as its caches hold, and no more than
    /// leave work for two cores.
    pub(super) fn software(width: usize, rows: usize) -> Self {
        // Mesa's compiler takes minutes over what SwiftShader compiles in two seconds.
        if cfg!(not(target_arch = "wasm32")) {
            return Self::Lane(1);
        }
        let most = if width > 128 { 4 } else { 8 };
        Self::Lane(if rows < 512 { most / 2 } else { most })
    }
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

/// A kernel, as it is compiled for a network.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    pub what: What,
    pub network: Network,
    pub shape: Shape,
}

/// The binding of `scratch`, after those of a kernel.
const SCRATCH: usize = 6;

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
        let kernel = match self.what {
            What::Energy | What::Gradient => include_str!("../../../shaders/mlp_energy.wgsl"),
            What::Chains => include_str!("../../../shaders/mlp_chains.wgsl"),
            What::Tape => include_str!("../../../shaders/mlp_tape.wgsl"),
            What::Reduce => return prelude + include_str!("../../../shaders/mlp_reduce.wgsl"),
        };
        let random = match self.what {
            What::Chains => include_str!("../../../shaders/philox.wgsl"),
            _ => "",
        };
        let shape = match self.shape {
            Shape::Tile => include_str!("../../../shaders/mlp_tile.wgsl").to_owned(),
            Shape::Lane(quads) => lane(n.width, quads),
        };
        let mlp = include_str!("../../../shaders/mlp.wgsl");
        prelude + random + mlp + &shape + kernel
    }
}

/// `mlp_lane.wgsl` with what it leaves open: the number of quads, where `scratch` is bound, and a matrix
/// product whose every access to `signal` is at a constant.
fn lane(width: usize, quads: usize) -> String {
    let each = |line: &dyn Fn(usize) -> String| (0..quads).map(line).collect::<String>();
    let mut text = format!(
        "const QUADS = {quads}u;\n\
         @group(0) @binding({SCRATCH}) var<storage, read_write> scratch: array<vec4<f32>>;\n"
    );
    text += include_str!("../../../shaders/mlp_lane.wgsl");
    text += "\n// The sum of `weights[origin + k * step]` times what unit k handed on.\n\
             fn product(origin: u32, step: u32) {\n";
    text += &each(&|q| format!("    var sum{q} = vec4(0.0);\n"));
    for k in 0..width {
        let terms = each(&|q| format!(" sum{q} = fma(w, signal[{}], sum{q});", k * quads + q));
        text += &format!("    {{ let w = vec4(weights[origin + {k}u * step]);{terms} }}\n");
    }
    text += &each(&|q| format!("    sums[{q}] = sum{q};\n"));
    text + "}\n"
}

impl KernelSource for Program {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(self.text())
    }

    fn id(&self) -> KernelId {
        let n = &self.network;
        let shape = (n.width, n.depth, n.levels, n.activation);
        KernelId::new::<Self>().info((self.what, self.shape, shape, n.confinement.to_bits()))
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}
