//! The one table of settings: name, kind, range, default, unit, help, and where each applies.
//!
//! Invariant: `TABLE[key as usize].key == key`. Controls, link codec, command-line flags, JSON and
//! docs are all driven by these rows, so a setting exists in exactly one place.

/// Every setting. The order is the order of the controls and of the keys in a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Key {
    Dataset,
    DataWidth,
    Bandwidth,
    Method,
    Diffusion,
    Estimator,
    Tau,
    TauLow,
    TimeInput,
    Negatives,
    Stabiliser,
    Sigma,
    Spread,
    Divergence,
    Latent,
    LatentSize,
    Posterior,
    Entropy,
    PenaltyRule,
    Sharpness,
    Penalty,
    Seed,
    NoiseSchedule,
    Levels,
    RampFirst,
    RampLast,
    Activation,
    Width,
    Depth,
    FirstLayer,
    Confinement,
    GeneratorWidth,
    Sampler,
    Steps,
    StepSize,
    Leapfrog,
    Adapt,
    Jump,
    Proposals,
    Correction,
    Refine,
    Generate,
    Chains,
    Buffer,
    Start,
    Reinit,
    LearningRate,
    Beta1,
    Beta2,
    Clip,
    GeneratorRate,
    Ema,
    Warmup,
    Iterations,
    Decay,
    DecayFrom,
    Kernels,
    Grid,
    Speed,
    Picture,
    Level,
    ShowData,
    ShowChains,
    ShowScores,
    ShowContours,
    ShortSteps,
    LongSteps,
}

/// What values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// Whole numbers in `min..=max`.
    Int { min: i64, max: i64 },
    /// Real numbers in `min..=max`; `log` asks for a logarithmic slider.
    Float { min: f64, max: f64, log: bool },
    /// One of the named options; travels by name.
    Choice(&'static [&'static str]),
    /// On or off.
    Switch,
}

/// When a change takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applies {
    /// On the next iteration of the running model.
    Live,
    /// The change starts a new run.
    OnReset,
    /// Only what is drawn changes.
    View,
}

/// The panel a control sits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    Data,
    Method,
    Diffusion,
    Network,
    Sampler,
    Buffer,
    Optimiser,
    Run,
    View,
}

/// The methods a setting belongs to: all of them, or those named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum For {
    All,
    Methods(&'static [&'static str]),
    Datasets(&'static [&'static str]),
    Samplers(&'static [&'static str]),
}

/// A value of a setting. `Choice` holds the index into the row's options.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Value {
    Int(i64),
    Float(f64),
    Choice(usize),
    Switch(bool),
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub key: Key,
    /// Name in links, JSON and (with a leading `--`) on the command line.
    pub name: &'static str,
    /// Label of the control.
    pub label: &'static str,
    pub kind: Kind,
    pub default: Value,
    pub unit: &'static str,
    /// What it does to the picture, in one or two sentences.
    pub help: &'static str,
    pub group: Group,
    pub applies: Applies,
    pub belongs: For,
}

/// The data sets, in the order they are shown. `points` is the visitor's own.
pub const DATASETS: &[&str] = &[
    "four-rings",
    "8-gaussians",
    "25-gaussians",
    "weighted-grid",
    "two-moons",
    "pinwheel",
    "swiss-roll",
    "two-spirals",
    "checkerboard",
    "banana",
    "funnel",
    "gaussian",
    "points",
];

/// The training methods.
///
/// The three papers', then the baselines they are held against.
pub const METHODS: &[&str] = &[
    "da-ebm",
    "dcd",
    "ddaebm",
    "cd",
    "short-run",
    "pcd",
    "energy-discrepancy",
    "nce",
    "dsm",
    "ssm",
    "drl",
];

const DA_EBM: For = For::Methods(&["da-ebm"]);
const DCD: For = For::Methods(&["dcd"]);
const DDAEBM: For = For::Methods(&["ddaebm"]);

/// Methods whose energy has noise levels.
const LEVELLED: For = For::Methods(&["da-ebm", "dcd", "ddaebm", "drl"]);
const RAMPED: For = For::Methods(&["da-ebm", "drl"]);

/// Data sets whose noise has a width: not the board's sharp squares, nor the visitor's points.
const NOISY: For = For::Datasets(&[
    "four-rings",
    "8-gaussians",
    "25-gaussians",
    "weighted-grid",
    "two-moons",
    "pinwheel",
    "swiss-roll",
    "two-spirals",
    "banana",
    "funnel",
    "gaussian",
]);

const fn int(min: i64, max: i64) -> Kind {
    Kind::Int { min, max }
}

const fn real(min: f64, max: f64) -> Kind {
    Kind::Float {
        min,
        max,
        log: false,
    }
}

const fn log(min: f64, max: f64) -> Kind {
    Kind::Float {
        min,
        max,
        log: true,
    }
}

#[allow(clippy::too_many_arguments)] // one positional row of the table each
const fn row(
    key: Key,
    name: &'static str,
    label: &'static str,
    kind: Kind,
    default: Value,
    unit: &'static str,
    group: Group,
    applies: Applies,
    belongs: For,
    help: &'static str,
) -> Row {
    Row {
        key,
        name,
        label,
        kind,
        default,
        unit,
        help,
        group,
        applies,
        belongs,
    }
}

use Applies::{Live, OnReset, View};
use Value::{Choice, Float, Int, Switch};

/// All rows, in the order of [`Key`].
#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    row(Key::Dataset, "data", "Data set", Kind::Choice(DATASETS), Choice(0), "", Group::Data, OnReset, For::All,
        "The truth to be learned. Every density here has an exact formula, so the distance to it is exact too."),
    row(Key::DataWidth, "width-of-data", "Width of the data", real(0.25, 4.0), Float(1.0), "×", Group::Data, OnReset, NOISY,
        "Scales the noise of the data set: below 1 the modes get thinner and harder to leave, above 1 they blur together."),
    row(Key::Bandwidth, "bandwidth", "Kernel bandwidth", log(0.03, 1.0), Float(0.15), "", Group::Data, OnReset, For::Datasets(&["points"]),
        "Your points become a density: a Gaussian of this deviation sits on each. That mixture is the stated truth."),
    row(Key::Method, "method", "Method", Kind::Choice(METHODS), Choice(0), "", Group::Method, OnReset, For::All,
        "What the energy is trained by, which decides what exp(-E) is worth after training."),
    row(Key::Diffusion, "diffusion", "Diffusion", Kind::Choice(&["ve", "vp"]), Choice(0), "", Group::Method, OnReset, DCD,
        "VE adds noise; VP also shrinks the data. The exact objective is the same for both, the one-step estimators are not."),
    row(Key::Estimator, "estimator", "Estimator", Kind::Choice(&["exact", "fp-stein", "fp-noised", "fp-clean", "anti", "uncorrected"]), Choice(0), "", Group::Method, OnReset, DCD,
        "How the diffused energy is estimated. Exact needs energies only and has no bias; the one-step forms follow the Fokker-Planck equation and blur by the diffusion time; uncorrected leaves the correction out, and its loss falls without bound."),
    row(Key::Tau, "tau", "Noise variance, τ", log(0.0025, 16.0), Float(1.0), "", Group::Method, OnReset, For::Methods(&["dcd", "energy-discrepancy"]),
        "How far a data point diffuses. Neighbouring modes should lie within about 4·√(2τ), or their weights are not learned; large values learn detail slowly."),
    row(Key::TauLow, "tau-low", "Least noise variance", log(0.0025, 16.0), Float(0.01), "", Group::Method, OnReset, DCD,
        "Each point diffuses for a time of its own, log-uniform from this variance to τ: small ones teach detail, large ones the weights of modes."),
    row(Key::TimeInput, "time-input", "Noise level as input", Kind::Switch, Switch(false), "", Group::Method, OnReset, DCD,
        "Off: one energy of clean data, each point diffused for a time of its own. On: the energy sees the noise level too, and each level is told from the next, as in diffusion models."),
    row(Key::Negatives, "negatives", "Negatives per point, M", int(1, 64), Int(4), "", Group::Method, OnReset, For::Methods(&["dcd", "energy-discrepancy", "nce"]),
        "Points that each data point is told apart from. More of them cost as many energies and steady the gradient."),
    row(Key::Stabiliser, "stabiliser", "Stabiliser, w", real(0.0, 10.0), Float(1.0), "", Group::Method, OnReset, For::Methods(&["dcd", "energy-discrepancy"]),
        "Weight of the data point among its own negatives. At 1 the estimate has no bias for any M; below it the density comes out too sharp, above it too flat, and at 0 training diverges."),
    row(Key::Sigma, "sigma", "Noise deviation, σ", log(0.01, 1.0), Float(0.1), "", Group::Method, OnReset, For::Methods(&["dsm"]),
        "Noise that is added to the data and predicted by the score. What is learned is the data blurred by it."),
    row(Key::Spread, "spread", "Spread of the noise", real(0.5, 6.0), Float(2.5), "", Group::Method, OnReset, For::Methods(&["nce"]),
        "Deviation of the Gaussian noise that the data are told apart from. It must cover the data, and the closer it comes to them the better."),
    row(Key::Divergence, "divergence", "Divergence", Kind::Choice(&["jeffrey", "kl"]), Choice(0), "", Group::Method, OnReset, DDAEBM,
        "Jeffrey's divergence pulls the generator towards the energy's modes and towards all data; KL alone keeps the first pull, and modes get lost."),
    row(Key::Latent, "latent", "Latent variable", Kind::Switch, Switch(true), "", Group::Method, OnReset, DDAEBM,
        "Without a latent input the generator answers each noisy point with one clean point: where several are possible, it gives their average."),
    row(Key::LatentSize, "latent-size", "Latent size", int(1, 8), Int(2), "", Group::Method, OnReset, DDAEBM,
        "Number of standard normals that the generator draws for each step."),
    row(Key::Posterior, "posterior", "Variational posterior", Kind::Switch, Switch(true), "", Group::Method, OnReset, DDAEBM,
        "A network that guesses the latent from a pair of neighbouring levels. Without it the generator is trained to reconstruct data from a latent of chance, and nothing keeps its samples apart."),
    row(Key::Entropy, "entropy", "Entropy weight", real(0.0, 2.0), Float(1.0), "", Group::Method, Live, DDAEBM,
        "Weight of the bound that keeps the generator's samples spread out. At 1 it is the divergence's own; the paper's code takes 0.1, which lets samples gather where the energy is lowest."),
    row(Key::PenaltyRule, "penalty-rule", "Gradient penalty", Kind::Choice(&["closed-form", "fixed"]), Choice(0), "", Group::Method, OnReset, DDAEBM,
        "The penalty flattens the energy. Closed form sets it at each level by how much of the data's sharpness is to be kept; fixed takes one number for all, as the paper does."),
    row(Key::Sharpness, "sharpness", "Sharpness kept", real(0.3, 0.99), Float(0.8), "", Group::Method, OnReset, DDAEBM,
        "Share of the finest mode's precision that the penalised energy keeps, in the closed form for a Gaussian: γ = v(1−r)/(2r²)."),
    row(Key::Penalty, "penalty", "Fixed penalty, γ", log(0.00001, 1.0), Float(0.02), "", Group::Method, OnReset, DDAEBM,
        "Half of this times the squared gradient at the data is added to the energy's loss. At the paper's 0.02 modes of deviation 0.035 come out more than twice too wide."),
    row(Key::Seed, "seed", "Seed", int(0, 4_294_967_295), Int(1), "", Group::Run, OnReset, For::All,
        "All randomness follows from this number: same link, same run."),
    row(Key::NoiseSchedule, "schedule", "Schedule", Kind::Choice(&["vp", "vp-weak"]), Choice(0), "", Group::Diffusion, OnReset, For::Methods(&["dcd", "ddaebm"]),
        "Full VP ends in pure noise. The weak one, of the paper's code for the plane, ends close to the data, though sampling starts from noise."),
    row(Key::Levels, "levels", "Noise levels, T", int(1, 12), Int(6), "", Group::Diffusion, OnReset, LEVELLED,
        "Levels of diffusion above the clean data. More levels make neighbours overlap more, so each step between them is easier."),
    row(Key::RampFirst, "ramp-first", "First noise step", log(0.002, 0.5), Float(0.05), "", Group::Diffusion, OnReset, RAMPED,
        "Start of the linear ramp whose running sum is the noise deviation added per level."),
    row(Key::RampLast, "ramp-last", "Last noise step", log(0.01, 0.9), Float(0.3), "", Group::Diffusion, OnReset, RAMPED,
        "End of that ramp. Large enough and the top level is pure Gaussian noise, from which generation starts."),
    row(Key::Activation, "activation", "Activation", Kind::Choice(&["softplus", "silu", "relu"]), Choice(0), "", Group::Network, OnReset, For::All,
        "Softplus and SiLU give smooth energies; ReLU gives flat facets with creases, visible in the contours."),
    row(Key::Width, "width", "Width", int(8, 256), Int(128), "units", Group::Network, OnReset, For::All,
        "Units per hidden layer. Narrow networks round off corners and merge thin modes."),
    row(Key::Depth, "depth", "Hidden layers", int(1, 4), Int(3), "", Group::Network, OnReset, For::All,
        "Hidden layers of the energy network."),
    row(Key::FirstLayer, "first-layer", "First layer", Kind::Choice(&["spread", "kaiming"]), Choice(0), "", Group::Network, OnReset, For::All,
        "Spread puts the first layer's bends all over the picture (gain 2, bias in ±4); kaiming puts them all at the origin, as the paper's code does, and learns slowly far out."),
    row(Key::Confinement, "confinement", "Confinement", real(0.0, 0.5), Float(0.05), "·|x|²", Group::Network, OnReset, For::All,
        "A fixed bowl added to the energy, so that exp(-E) can always be normalised and chains cannot run away."),
    row(Key::GeneratorWidth, "generator-width", "Generator width", int(8, 256), Int(128), "units", Group::Network, OnReset, DDAEBM,
        "Units per hidden layer of the generator and of the variational posterior."),
    row(Key::Sampler, "sampler", "Sampler", Kind::Choice(&["mala", "ula", "hmc"]), Choice(0), "", Group::Sampler, Live, For::All,
        "MALA and HMC accept or reject and so target exp(-E) exactly; ULA always accepts and is biased by its step size. DA-EBM runs it within Gibbs over the noise levels."),
    row(Key::Steps, "steps", "Steps per update, K", int(1, 200), Int(20), "", Group::Sampler, Live, For::All,
        "Transitions each chain makes between two updates of the network. Few steps with a large learning rate let the energy outrun its chains."),
    row(Key::StepSize, "step-size", "Step size", log(0.0005, 2.0), Float(0.6), "", Group::Sampler, Live, For::All,
        "Deviation of one proposal. With noise levels it multiplies each level's own noise, so chains stride far where the density is smooth."),
    row(Key::Leapfrog, "leapfrog", "Leapfrog steps", int(1, 20), Int(5), "", Group::Sampler, Live, For::Samplers(&["hmc"]),
        "Gradient steps in one HMC proposal: more of them carry a chain further along the valley before the accept test."),
    row(Key::Adapt, "adapt", "Adapt step size", Kind::Switch, Switch(true), "", Group::Sampler, Live, For::All,
        "Every 100 iterations: grow the step by 10 % where acceptance is above 0.8, shrink it by a sixth below 0.6. Needs MALA or HMC."),
    row(Key::Jump, "jump", "Label jump", Kind::Choice(&["global", "local", "none"]), Choice(0), "", Group::Sampler, Live, DA_EBM,
        "Global redraws the noise level from softmax(-E) over all levels; local proposes a neighbour; none leaves each chain on its level and loses the way out of a mode."),
    row(Key::Proposals, "proposals", "Proposals of the generator", int(0, 64), Int(16), "", Group::Sampler, Live, DDAEBM,
        "Places near other points of the generator that each fake may jump to before the energy sees it, with chances that follow the energy: they give modes their weights. The paper has none."),
    row(Key::Correction, "correction", "Correction of fakes", int(0, 50), Int(5), "steps", Group::Sampler, Live, DDAEBM,
        "MALA steps on the conditional energy that each fake then takes: they repair what the generator gets wrong nearby. The paper has none, and its energy goes astray wherever the generator never goes."),
    row(Key::Refine, "refine", "Refinement", int(0, 200), Int(0), "steps", Group::Sampler, Live, DDAEBM,
        "Langevin steps on the conditional energy after each call of the generator: they repair what the generator gets wrong, if the energy is right."),
    row(Key::Generate, "generate", "Sampling from noise", Kind::Choice(&["own", "annealed", "exchange"]), Choice(0), "", Group::Sampler, Live, LEVELLED,
        "After training: the method's own way, annealed Langevin from the noisiest level down, or replica exchange between chains on all levels."),
    row(Key::Chains, "chains", "Chains per update", int(8, 1024), Int(100), "", Group::Buffer, OnReset, For::All,
        "Chains moved per update, and the size of the data batch they are compared with."),
    row(Key::Buffer, "buffer", "Replay buffer", int(8, 65_536), Int(10_000), "chains", Group::Buffer, OnReset, For::Methods(&["da-ebm", "pcd"]),
        "Chains kept between updates; each update picks some of them at random and moves those on."),
    row(Key::Start, "start", "Chains start from", Kind::Choice(&["noise", "data"]), Choice(1), "", Group::Buffer, OnReset, For::Methods(&["da-ebm", "pcd"]),
        "Where the buffer, and any re-started chain, begins. From data, each chain starts at a sample diffused to its own level; from noise, as in the papers, DA-EBM often runs away early."),
    row(Key::Reinit, "reinit", "Re-start rate", real(0.0, 1.0), Float(0.0), "", Group::Buffer, Live, For::Methods(&["da-ebm", "pcd"]),
        "Chance that a picked chain is thrown away and re-started. At 0 chains persist for the whole run; at 1 this is short-run training."),
    row(Key::LearningRate, "lr", "Learning rate", log(1e-6, 0.1), Float(5e-4), "", Group::Optimiser, Live, For::All,
        "Step of Adam. Chains must move fast relative to it, or training runs away."),
    row(Key::Beta1, "beta1", "Adam β₁", real(0.0, 0.99), Float(0.0), "", Group::Optimiser, Live, For::All,
        "Momentum. Zero here: the energy chases its own chains, and momentum overshoots."),
    row(Key::Beta2, "beta2", "Adam β₂", real(0.5, 0.9999), Float(0.999), "", Group::Optimiser, Live, For::All,
        "Memory of the squared gradient that scales each weight's step."),
    row(Key::Clip, "clip", "Gradient clip", real(0.0, 100.0), Float(1.0), "", Group::Optimiser, Live, For::All,
        "Longest gradient allowed (0: no limit). At 1 it stops the runaway that otherwise ends some seeds."),
    row(Key::GeneratorRate, "generator-lr", "Generator's rate", log(1e-6, 0.1), Float(1e-3), "", Group::Optimiser, Live, DDAEBM,
        "Adam's step for the generator and the posterior. The slower player decides how far the game can run away."),
    row(Key::Ema, "ema", "Weight average", real(0.0, 0.9999), Float(0.0), "", Group::Optimiser, OnReset, For::All,
        "Memory of the running average of the weights that is shown and measured (0: the weights themselves). The average is smoother than any moment of training."),
    row(Key::Warmup, "warmup", "Warm-up", int(0, 100_000), Int(200), "iterations", Group::Optimiser, Live, For::All,
        "The learning rate grows linearly over these first iterations, during which MALA and HMC accept every move."),
    row(Key::Iterations, "iterations", "Length of the run", int(10, 1_000_000), Int(10_000), "iterations", Group::Optimiser, Live, For::All,
        "The run pauses here; the learning rate decays relative to it. Raise it to train on."),
    row(Key::Decay, "decay", "Decay", Kind::Switch, Switch(true), "", Group::Optimiser, Live, For::All,
        "Divide the learning rate by 10 three times before the run ends. The late, small steps average the noise away."),
    row(Key::DecayFrom, "decay-from", "Decay from", int(5, 95), Int(70), "%", Group::Optimiser, Live, For::All,
        "Share of the run after which the learning rate first drops; the other two drops follow at equal distances, so 70 means 70, 80 and 90 %."),
    row(Key::Kernels, "kernels", "Own kernels", Kind::Switch, Switch(true), "", Group::Run, Live, For::All,
        "Compute chains, gradients and steps of the optimiser with kernels written for them. Off: tensor operations one by one, which give the same run up to rounding, many times slower."),
    row(Key::Grid, "grid", "Grid", int(32, 256), Int(128), "cells", Group::Run, Live, For::All,
        "Cells per side of the grid that the picture, the normalising constant and the divergences use."),
    row(Key::Speed, "speed", "Speed", Kind::Choice(&["full", "flat-out", "brisk", "slow"]), Choice(0), "", Group::Run, View, For::All,
        "Full speed that leaves the page smooth; flat out, with a picture a second; about ten iterations a second; or about one."),
    row(Key::Picture, "picture", "Picture", Kind::Choice(&["density", "energy", "difference"]), Choice(0), "", Group::View, View, For::All,
        "The model's density, its energy, or its density minus the truth."),
    row(Key::Level, "t", "Noise level shown, t", int(0, 12), Int(0), "", Group::View, View, LEVELLED,
        "Which noise level the large picture shows; 0 is clean data."),
    row(Key::ShowData, "show-data", "Data", Kind::Switch, Switch(true), "", Group::View, View, For::All,
        "Draw samples of the truth at this level."),
    row(Key::ShowChains, "show-chains", "Chains", Kind::Switch, Switch(true), "", Group::View, View, For::All,
        "Draw the chains moved by the last update, with tails along the steps they took."),
    row(Key::ShowScores, "show-scores", "Scores", Kind::Switch, Switch(false), "", Group::View, View, For::All,
        "Draw arrows along the score, -∂E/∂x: where Langevin dynamics drifts."),
    row(Key::ShowContours, "show-contours", "Contours", Kind::Switch, Switch(true), "", Group::View, View, For::All,
        "Draw lines of equal energy, one nat apart."),
    row(Key::ShortSteps, "short-steps", "Short run", int(1, 1000), Int(50), "steps", Group::View, View, For::All,
        "Length of the short chains that are held against long ones, side by side or in every column of a comparison."),
    row(Key::LongSteps, "long-steps", "Long run", int(100, 100_000), Int(5_000), "steps", Group::View, View, For::All,
        "Length of the long chains, from noise and from data."),
];

impl Key {
    /// The key's row.
    pub const fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// The key with this name in links, JSON and on the command line.
    pub fn by_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.name == name).map(|row| row.key)
    }
}
