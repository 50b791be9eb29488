//! The text of the kernels.
//!
//! Invariant: a program is named by all that its text depends on.

use super::launch::ALIGN;
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

/// What a kernel of an MLP computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    Energy,
    Gradient,
    Chains,
    Levels,
    Tape,
    Contrast,
    Reduce,
    Gates,
    GatesBack,
    GatesReduce,
}

impl What {
    /// Buffers that a kernel which evaluates points binds between the network and its `info`.
    pub(super) fn own(self) -> usize {
        match self {
            Self::Levels => 1,
            Self::Contrast => 4,
            _ => 2,
        }
    }
}

/// A kernel, as it is compiled for a network.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    pub what: What,
    pub network: Network,
    pub shape: Shape,
}

/// Where what stands in the result of [`What::Reduce`], beside the gradient.
pub(super) struct Found {
    pub loss: usize,
    pub gates: usize,
    pub all: usize,
}

impl Found {
    pub fn of(network: &Network) -> Self {
        let loss = network.parameters().next_multiple_of(ALIGN);
        let gates = loss + ALIGN;
        Self {
            loss,
            gates,
            all: gates + network.gates(),
        }
    }
}

impl Program {
    /// The shader: constants of the network, then the files that build on them.
    pub fn text(&self) -> String {
        let n = &self.network;
        let found = Found::of(n);
        let prelude = format!(
            "const WIDTH = {}u;\nconst DEPTH = {}u;\nconst LEVELS = {}u;\nconst ACTIVATION = {}u;\n\
             const CONFINEMENT = f32({:?});\nconst GRADIENT = {};\nconst PLAIN = {}u;\n\
             const LOSS = {}u;\nconst GATES = {}u;\n",
            n.width,
            n.depth,
            n.levels,
            n.activation,
            n.confinement,
            !matches!(self.what, What::Energy | What::Levels),
            n.plain_parameters(),
            found.loss,
            found.gates,
        );
        let tape = || {
            // Bindings are numbers to naga, no expressions.
            let own = 2 + self.what.own();
            include_str!("../../../shaders/mlp_tape.wgsl")
                .replace("OWN + 1", &(own + 1).to_string())
                .replace("OWN", &own.to_string())
        };
        let kernel = match self.what {
            What::Reduce => return prelude + include_str!("../../../shaders/mlp_reduce.wgsl"),
            What::Gates => return prelude + include_str!("../../../shaders/gates.wgsl"),
            What::GatesBack => return prelude + include_str!("../../../shaders/gates_back.wgsl"),
            What::GatesReduce => {
                return prelude + include_str!("../../../shaders/gates_reduce.wgsl");
            }
            What::Energy | What::Gradient => {
                include_str!("../../../shaders/mlp_energy.wgsl").to_owned()
            }
            What::Chains => include_str!("../../../shaders/mlp_chains.wgsl").to_owned(),
            What::Levels => include_str!("../../../shaders/mlp_levels.wgsl").to_owned(),
            What::Tape => tape() + include_str!("../../../shaders/mlp_rows.wgsl"),
            What::Contrast => tape() + include_str!("../../../shaders/mlp_contrast.wgsl"),
        };
        let random = match self.what {
            What::Chains | What::Levels => include_str!("../../../shaders/philox.wgsl"),
            _ => "",
        };
        let shape = match self.shape {
            Shape::Tile => include_str!("../../../shaders/mlp_tile.wgsl").to_owned(),
            Shape::Lane(quads) => lane(n.width, quads, self.what.own() + 4),
        };
        let mlp = include_str!("../../../shaders/mlp.wgsl");
        prelude + random + mlp + &shape + &kernel
    }
}

/// `mlp_lane.wgsl` with what it leaves open: the number of quads, where `scratch` is bound, and a matrix
/// product whose every access to `signal` is at a constant.
fn lane(width: usize, quads: usize, scratch: usize) -> String {
    let each = |line: &dyn Fn(usize) -> String| (0..quads).map(line).collect::<String>();
    let mut text = format!(
        "const QUADS = {quads}u;\n\
         @group(0) @binding({scratch}) var<storage, read_write> scratch: array<vec4<f32>>;\n"
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

/// A kernel that knows no network, and the constants that its text is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plain {
    /// Chains of this many levels out of the replay buffer.
    Take(usize),
    /// And back.
    Put(usize),
    /// Sums of squares, this many.
    Norm(usize),
    /// A step of the optimiser along a gradient with that many sums.
    Adam(usize),
    /// Multiply-adds and nothing else; it has no constant. Nor have loads.
    MultiplyAdd,
    Loads,
    /// Matrix products of a layer of this width, for so many quads.
    Products(usize, usize),
}

impl Plain {
    /// The shader.
    pub fn text(self) -> String {
        let levels = |levels: usize| format!("const LEVELS = {levels}u;\n");
        let parts = |parts: usize| format!("const PARTS = {parts}u;\n");
        match self {
            Self::Take(n) => levels(n) + include_str!("../../../shaders/chains_take.wgsl"),
            Self::Put(n) => levels(n) + include_str!("../../../shaders/chains_put.wgsl"),
            Self::Norm(n) => parts(n) + include_str!("../../../shaders/norm.wgsl"),
            Self::Adam(n) => parts(n) + include_str!("../../../shaders/adam.wgsl"),
            Self::MultiplyAdd => include_str!("../../../shaders/multiply_add.wgsl").to_owned(),
            Self::Loads => include_str!("../../../shaders/loads.wgsl").to_owned(),
            Self::Products(width, quads) => {
                let network = format!("const WIDTH = {width}u;\nconst DEPTH = 1u;\n");
                let products = include_str!("../../../shaders/products.wgsl");
                network + &lane(width, quads, 1) + products
            }
        }
    }
}

impl KernelSource for Plain {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(self.text())
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info(*self)
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}
