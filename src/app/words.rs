//! Sentences and names that visitors read.
//!
//! Invariant: pure functions of settings and events, so that what is said can be tested.

use crate::metric::modes::total_variation;
use crate::protocol::{Backend, ChainRun, Comparison, Lab, WhyCpu};

/// Total variation up to which the mode masses of two groups of chains count as the same, beyond what
/// chance alone makes of so many chains.
const AGREE: f32 = 0.1;

/// Fewer chains than this say nothing.
const FEWEST: usize = 64;

/// A data set's name as visitors read it.
pub fn dataset(name: &str) -> &str {
    match name {
        "four-rings" => "Four rings",
        "8-gaussians" => "8 Gaussians",
        "25-gaussians" => "25 Gaussians",
        "weighted-grid" => "Weighted grid",
        "two-moons" => "Two moons",
        "pinwheel" => "Pinwheel",
        "swiss-roll" => "Swiss roll",
        "two-spirals" => "Two spirals",
        "checkerboard" => "Checkerboard",
        "banana" => "Banana",
        "funnel" => "Funnel",
        "gaussian" => "Gaussian",
        "points" => "Your own points",
        other => other,
    }
}

/// A method's name, what it does and what comes of it.
pub fn method(name: &str) -> (&str, &str) {
    match name {
        "da-ebm" => (
            "DA-EBM",
            "Chains that persist across noise levels. Samples, long runs and density agree.",
        ),
        "dcd" => (
            "DCD",
            "Data and model diffuse together, with no chain at all. Exact in the plane, and fast.",
        ),
        "ddaebm" => (
            "DDAEBM",
            "A generator plays against the energy, one step of noise at a time. Samples in T calls.",
        ),
        "energy-discrepancy" => (
            "Energy discrepancy",
            "Each data point is told from itself noised twice. DCD with one time for all points.",
        ),
        "nce" => (
            "Noise-contrastive",
            "Data are told from known noise. Good while the noise is close to the data.",
        ),
        "dsm" => (
            "Denoising score matching",
            "The gradient predicts added noise. Learns shapes well and the weights of far modes badly.",
        ),
        "ssm" => (
            "Sliced score matching",
            "Slopes and curvatures at the data alone. Blind to what lies between the modes.",
        ),
        "drl" => (
            "Recovery likelihood",
            "Short chains recover each point from a noisier one. An energy a level, chains at each.",
        ),
        "pcd" => (
            "Persistent CD",
            "Chains that persist on the data alone. Where no chain goes, the energy is anyone's guess.",
        ),
        "cd" => (
            "Contrastive divergence",
            "K steps away from each data point. Learns the surroundings of the data and nothing else.",
        ),
        "short-run" => (
            "Short-run",
            "K steps from fresh noise, every time. Learns a sampler; its density is a by-product.",
        ),
        other => (other, ""),
    }
}

/// The option of any other choice setting as visitors read it.
pub fn option(name: &str) -> String {
    match name {
        "mala" | "ula" | "hmc" | "ve" | "vp" | "kl" => name.to_uppercase(),
        "fp-stein" => "One step, by Stein".into(),
        "fp-noised" => "One step, noised".into(),
        "fp-clean" => "One step, clean".into(),
        "anti" => "Second cumulant".into(),
        "vp-weak" => "Weak VP".into(),
        "closed-form" => "Closed form".into(),
        "silu" => "SiLU".into(),
        "relu" => "ReLU".into(),
        "difference" => "Minus truth".into(),
        _ => {
            let mut letters = name.chars();
            letters
                .next()
                .map_or_else(String::new, |c| c.to_uppercase().chain(letters).collect())
        }
    }
}

/// Why the arithmetic runs on the CPU.
pub fn why_cpu(why: &WhyCpu) -> String {
    match why {
        WhyCpu::Asked => "the link asks for it".into(),
        WhyCpu::NoWebGpu(said) => format!("this browser gave no WebGPU ({said})"),
        WhyCpu::Lacks(what) => format!("this graphics adapter lacks {what}"),
        WhyCpu::SelfTest(checks) => {
            format!(
                "the GPU's numbers were wrong in the self-test ({})",
                checks.join(", ")
            )
        }
        WhyCpu::Lost(said) => format!("the GPU was lost and did not come back ({said})"),
    }
}

/// Where the arithmetic of a device without a graphics processor runs; no `why` if WebGPU itself runs
/// on the CPU.
pub fn on_cpu(why: Option<&WhyCpu>) -> String {
    match why {
        Some(why) => format!("Training runs on the CPU, because {}.", why_cpu(why)),
        None => "WebGPU runs on the CPU here: the browser found no graphics processor.".into(),
    }
}

/// The label of the device in the header.
pub fn backend(backend: Backend, lab: Option<&Lab>) -> String {
    match (backend, lab.and_then(|lab| lab.why_cpu.as_ref())) {
        (Backend::WebGpu, _) => match lab.and_then(Lab::passed) {
            Some(true) => "webgpu: self-test passed".into(),
            Some(false) => "webgpu: self-test failed".into(),
            None => "webgpu: self-test running".into(),
        },
        (Backend::Cpu, Some(WhyCpu::Asked)) => "cpu: as the link asks".into(),
        (Backend::Cpu, Some(WhyCpu::NoWebGpu(_))) => "cpu: no WebGPU here".into(),
        (Backend::Cpu, Some(WhyCpu::Lacks(_))) => "cpu: adapter too limited".into(),
        (Backend::Cpu, Some(WhyCpu::SelfTest(_))) => "cpu: the GPU failed its self-test".into(),
        (Backend::Cpu, Some(WhyCpu::Lost(_))) => "cpu: the GPU was lost".into(),
        (Backend::Cpu, None) => "cpu".into(),
    }
}

/// What to do about a run that left its bounds.
pub fn diverged(iteration: u64, restored: u64, loss: f32) -> String {
    format!(
        "Training ran away at iteration {iteration} (loss {loss}). The run is back at iteration \
         {restored}. Try a lower learning rate, more steps per update or the gradient clip at 1."
    )
}

/// What a comparison of short and long chains shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// `None` while the long chains still run.
    pub agree: Option<bool>,
    pub text: String,
}

/// The groups of a comparison that its verdict holds against each other and against the truth.
pub struct Groups<'a> {
    pub short: &'a ChainRun,
    pub from_noise: &'a ChainRun,
    pub from_data: &'a ChainRun,
}

impl<'a> Groups<'a> {
    /// `None` if there is no run longer than another.
    pub fn of(comparison: &'a Comparison) -> Option<Self> {
        let runs = &comparison.runs;
        let longest = runs.iter().map(|run| run.steps).max()?;
        let find = |long: bool, from_data: bool| {
            runs.iter()
                .find(|run| (run.steps == longest) == long && run.from_data == from_data)
        };
        Some(Self {
            short: find(false, false)?,
            from_noise: find(true, false)?,
            from_data: find(true, true)?,
        })
    }

    /// A sampler that ends gives its samples; chains from noise are samples when they end.
    pub fn samples(&self) -> &'a ChainRun {
        match self.short.steps {
            0 => self.short,
            _ => self.from_noise,
        }
    }
}

/// Total variation of a group's mode masses from the true ones; `None` with a single mode.
pub fn off_the_truth(comparison: &Comparison, run: &ChainRun) -> Option<f32> {
    let truth = &comparison.mass_truth;
    (truth.len() > 1).then(|| total_variation(&run.masses, truth))
}

/// Holds the chains of a comparison against each other.
///
/// Distance between two groups is the total variation of their mode masses; with a single mode it
/// is the difference of their MMD to the data.
pub fn verdict(comparison: &Comparison) -> Verdict {
    let Comparison { steps, target, .. } = comparison;
    if steps < target {
        return Verdict {
            agree: None,
            text: format!("{steps} of {target} steps."),
        };
    }
    let Some(groups) = Groups::of(comparison) else {
        return Verdict {
            agree: None,
            text: "There is nothing to compare: make the long run longer than the short one."
                .into(),
        };
    };
    let Groups {
        short,
        from_noise,
        from_data,
    } = groups;
    let truth = &comparison.mass_truth;
    let length = distance(short, from_noise);
    let start = distance(from_noise, from_data);
    if !(length.is_finite() && start.is_finite()) {
        return Verdict {
            agree: None,
            text: "No chain from noise came down to t = 0: make both runs longer.".into(),
        };
    }
    let counts = [short, from_noise, from_data].map(|run| run.points.len());
    if let Some(few) = counts.into_iter().min().filter(|n| *n < FEWEST) {
        return Verdict {
            agree: None,
            text: format!(
                "Only {few} chains from noise came down to t = 0: make both runs longer."
            ),
        };
    }
    let against = against_truth(comparison, groups.samples(), from_data);
    let (agree, text) = if start > AGREE + chance(truth, [from_noise, from_data]) {
        (
            false,
            format!(
                "They disagree: long chains from noise and from data still differ by {start:.2}. \
                 Neither has found its way around this energy."
            ),
        )
    } else if length > AGREE + chance(truth, [short, from_noise]) {
        (
            false,
            format!(
                "They disagree: short and long chains differ by {length:.2}. What a short chain \
                 shows is not what exp(−E) says."
            ),
        )
    } else {
        (
            true,
            format!(
                "They agree: short and long chains differ by {length:.2}, starts by {start:.2}."
            ),
        )
    };
    Verdict {
        agree: Some(agree),
        text: format!("{text} {against}"),
    }
}

/// Holds samples, long run and density against the truth.
fn against_truth(comparison: &Comparison, samples: &ChainRun, long: &ChainRun) -> String {
    let truth = ChainRun {
        masses: comparison.mass_truth.clone(),
        ..ChainRun::default()
    };
    let by_chance = [samples, long].map(|run| chance(&truth.masses, [run, &truth]));
    let (samples, long) = (distance(samples, &truth), distance(long, &truth));
    let kl = number(comparison.kl);
    let unit = if truth.masses.len() < 2 { " (MMD)" } else { "" };
    let fits = |off: f32, by_chance: f32| off <= AGREE + by_chance;
    let verdict = match (fits(samples, by_chance[0]), fits(long, by_chance[1])) {
        (true, true) => "Both agree with the truth",
        (false, true) => "The long run from data agrees with the truth, the samples do not",
        (true, false) => "The samples agree with the truth, the long run from data does not",
        (false, false) => "Neither agrees with the truth",
    };
    let chains = match by_chance[0].max(by_chance[1]) {
        much if much >= 0.02 => format!(" (chance alone makes {much:.2} of so many chains)"),
        _ => String::new(),
    };
    format!(
        "{verdict}: samples are off by {samples:.2}, the long run by {long:.2}{unit}{chains}; the density's KL is {kl}."
    )
}

/// Expected total variation of the mode masses of two groups of chains that are independent draws of
/// one law: of each mass, half of √(2/π) times its standard error. The truth is a group without points.
fn chance(truth: &[f32], groups: [&ChainRun; 2]) -> f32 {
    if truth.len() < 2 {
        return 0.0;
    }
    let counts = groups.map(|run| run.points.len()).into_iter();
    let inverse: f32 = counts.filter(|n| *n > 0).map(|n| 1.0 / n as f32).sum();
    let variances = truth.iter().map(|p| p * (1.0 - p) * inverse);
    variances.map(|v| (v / std::f32::consts::TAU).sqrt()).sum()
}

fn distance(a: &ChainRun, b: &ChainRun) -> f32 {
    if a.masses.len() < 2 || b.masses.len() < 2 {
        let root = |mmd2: f32| mmd2.max(0.0).sqrt();
        return (root(a.mmd) - root(b.mmd)).abs();
    }
    total_variation(&a.masses, &b.masses)
}

/// A number to about three digits, with a dash for what is none.
pub fn number(v: f32) -> String {
    let size = v.abs();
    if !v.is_finite() {
        "–".into()
    } else if size == 0.0 {
        "0".into()
    } else if !(0.001..10_000.0).contains(&size) {
        format!("{v:.2e}")
    } else if size >= 100.0 {
        format!("{v:.0}")
    } else if size >= 10.0 {
        format!("{v:.1}")
    } else if size >= 1.0 {
        format!("{v:.2}")
    } else if size >= 0.01 {
        format!("{v:.3}")
    } else {
        format!("{v:.4}")
    }
}

/// A sentence of a message: with a capital letter and a full stop.
pub fn sentence(message: &str) -> String {
    let mut letters = message.trim_end_matches('.').chars();
    let first = letters.next().map(char::to_uppercase);
    let rest = letters.as_str();
    format!("{}{rest}.", first.into_iter().flatten().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Draws, Stream};
    use crate::settings::{DATASETS, METHODS};

    fn run(from_data: bool, steps: u64, masses: &[f32]) -> ChainRun {
        ChainRun {
            from_data,
            steps,
            masses: masses.to_vec(),
            points: vec![[0.0; 2]; 10_000],
            ..ChainRun::default()
        }
    }

    fn comparison(short: &[f32], noise: &[f32], data: &[f32]) -> Comparison {
        Comparison {
            mass_truth: vec![0.5, 0.5],
            kl: 0.25,
            steps: 1000,
            target: 1000,
            runs: vec![
                run(false, 50, short),
                run(true, 50, data),
                run(false, 1000, noise),
                run(true, 1000, data),
            ],
            ..Comparison::default()
        }
    }

    #[test]
    fn verdicts_follow_total_variation() {
        let even = [0.5, 0.5];
        assert_eq!(verdict(&comparison(&even, &even, &even)).agree, Some(true));
        assert_eq!(
            verdict(&comparison(&[0.9, 0.1], &even, &even)).agree,
            Some(false)
        );
        let stuck = verdict(&comparison(&even, &[0.1, 0.9], &even));
        assert_eq!(stuck.agree, Some(false));
        assert!(stuck.text.contains("0.40"), "{}", stuck.text);
    }

    #[test]
    fn verdicts_hold_both_against_the_truth() {
        let (even, odd) = ([0.5, 0.5], [0.9, 0.1]);
        let say = |noise: &[f32], data: &[f32]| verdict(&comparison(noise, noise, data)).text;
        assert!(say(&even, &even).contains("Both agree with the truth: samples are off by 0.00"));
        assert!(say(&even, &odd).contains("The samples agree with the truth"));
        assert!(say(&odd, &even).contains("The long run from data agrees"));
        let neither = say(&odd, &odd);
        assert!(
            neither.contains("Neither") && neither.contains("KL is 0.250"),
            "{neither}"
        );
    }

    /// Perfect samplers of 25 equal modes are said to agree, ones with half of the modes too heavy not.
    #[test]
    fn verdicts_allow_for_chance() {
        const CHAINS: usize = 256;
        let even = [0.04; 25];
        let uneven: [f32; 25] = std::array::from_fn(|k| if k < 12 { 0.07 } else { 0.16 / 13.0 });
        let drawn = |weights: &[f32; 25], steps, from_data, step| {
            let draws = Draws::new(1, Stream::Test, step).uniforms(CHAINS);
            let mut masses = vec![0.0; 25];
            for u in draws {
                let mut left = u;
                let mode = weights.iter().position(|w| {
                    left -= w;
                    left < 0.0
                });
                masses[mode.unwrap_or(24)] += 1.0 / CHAINS as f32;
            }
            ChainRun {
                points: vec![[0.0; 2]; CHAINS],
                ..run(from_data, steps, &masses)
            }
        };
        let verdicts = |weights: &[f32; 25]| -> Vec<Verdict> {
            (0..200)
                .map(|trial| {
                    let groups = [(50, false), (50, true), (1000, false), (1000, true)];
                    let runs = groups.iter().zip(4 * trial..).map(|((steps, data), step)| {
                        let weights = if *data { &even } else { weights };
                        drawn(weights, *steps, *data, step)
                    });
                    verdict(&Comparison {
                        mass_truth: even.to_vec(),
                        runs: runs.collect(),
                        ..comparison(&[], &[], &[])
                    })
                })
                .collect()
        };
        let both = |v: &Verdict| v.agree == Some(true) && v.text.contains("Both agree");
        assert!(verdicts(&even).iter().all(both));
        let told = |v: &Verdict| v.agree == Some(false) && v.text.contains("the samples do not");
        assert!(verdicts(&uneven).iter().all(told));
    }

    #[test]
    fn chains_that_gave_no_sample_get_no_verdict() {
        let (even, none) = ([0.5, 0.5], [f32::NAN, f32::NAN]);
        assert_eq!(verdict(&comparison(&none, &even, &even)).agree, None);
        assert_eq!(verdict(&comparison(&even, &none, &even)).agree, None);
    }

    #[test]
    fn a_few_chains_get_no_verdict() {
        let mut few = comparison(&[0.5, 0.5], &[0.5, 0.5], &[0.5, 0.5]);
        assert_eq!(verdict(&few).agree, Some(true));
        few.runs[0].points.truncate(5);
        let told = verdict(&few);
        assert_eq!(told.agree, None);
        assert!(told.text.contains("Only 5 chains"), "{}", told.text);
    }

    #[test]
    fn an_unfinished_comparison_says_how_far_it_is() {
        let half = Comparison {
            steps: 500,
            ..comparison(&[1.0], &[1.0], &[1.0])
        };
        assert_eq!(verdict(&half).agree, None);
        assert!(verdict(&half).text.contains("500 of 1000"));
    }

    #[test]
    fn every_data_set_and_method_has_a_name() {
        assert!(DATASETS.iter().all(|name| dataset(name) != *name));
        assert!(METHODS.iter().all(|name| !method(name).1.is_empty()));
    }

    #[test]
    fn numbers_keep_about_three_digits() {
        let cases = [
            (0.0412, "0.041"),
            (0.00123, "0.0012"),
            (1.236, "1.24"),
            (123.4, "123"),
            (f32::NAN, "–"),
            (2e-5, "2.00e-5"),
        ];
        for (v, text) in cases {
            assert_eq!(number(v), text);
        }
    }

    #[test]
    fn sentences_begin_and_end_as_such() {
        assert_eq!(sentence("there is nothing"), "There is nothing.");
        assert_eq!(sentence("Done."), "Done.");
    }
}
