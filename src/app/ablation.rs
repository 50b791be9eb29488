//! The switches of the Compare page: what each method stands or falls with, and what to watch.
//!
//! Invariant: every value is one that its setting accepts, and the first is the method's default.

use crate::settings::Key;

/// A setting with a few values worth comparing.
pub struct Ablation {
    pub method: &'static str,
    pub key: Key,
    pub name: &'static str,
    /// Value and label of each choice.
    pub choices: &'static [(&'static str, &'static str)],
    /// What to watch when it is changed.
    pub watch: &'static str,
}

const fn ablation(
    method: &'static str,
    key: Key,
    name: &'static str,
    choices: &'static [(&'static str, &'static str)],
    watch: &'static str,
) -> Ablation {
    Ablation {
        method,
        key,
        name,
        choices,
        watch,
    }
}

const ON_OFF: &[(&str, &str)] = &[("on", "On"), ("off", "Off")];

/// All of them, by method.
#[rustfmt::skip]
pub const ABLATIONS: &[Ablation] = &[
    ablation("da-ebm", Key::Reinit, "Persistence", &[("0", "On"), ("1", "Off")],
        "Chains that start anew at every update have K steps to get anywhere: the energy learns to please short runs, and the density drifts off."),
    ablation("da-ebm", Key::Levels, "Diffusion data", &[("6", "T = 6"), ("1", "T = 1")],
        "With one level, hardly noisier than the data, chains have nowhere to cross between modes: watch the masses."),
    ablation("da-ebm", Key::Jump, "Label moves", &[("global", "On"), ("none", "Off")],
        "Chains that keep their level must cross between modes where they stand."),
    ablation("da-ebm", Key::Sampler, "Accept test", &[("mala", "MALA"), ("ula", "ULA")],
        "Without the test every step is taken, however bad: fine detail blurs, and long runs wander."),
    ablation("dcd", Key::Estimator, "Estimator", &[("exact", "Exact"), ("fp-stein", "One step"), ("anti", "Cumulant"), ("uncorrected", "None")],
        "One step blurs the density by the diffusion's time; with no correction at all the loss falls without bound, and the density with it."),
    ablation("dcd", Key::Diffusion, "Diffusion", &[("ve", "VE"), ("vp", "VP")],
        "The exact objective cannot tell them apart; the one-step estimators can."),
    ablation("dcd", Key::TimeInput, "Noise level as input", &[("off", "Off"), ("on", "On")],
        "One small network for all levels has more to learn: the clean density gets a share of it."),
    ablation("dcd", Key::Stabiliser, "Stabiliser w", &[("1", "1"), ("0.2", "0.2"), ("4", "4")],
        "Below 1 every mode comes out too sharp, above 1 too flat."),
    ablation("ddaebm", Key::Latent, "Latent", ON_OFF,
        "Without a latent the generator gives one answer to each noisy point: its samples fall between the modes."),
    ablation("ddaebm", Key::Posterior, "Posterior", ON_OFF,
        "Without it data are reconstructed from a latent of chance: the latent is soon ignored."),
    ablation("ddaebm", Key::Divergence, "Divergence", &[("jeffrey", "Jeffrey"), ("kl", "KL")],
        "KL alone follows the energy, not the data: modes that the energy has lost stay lost."),
    ablation("ddaebm", Key::Proposals, "Proposals", &[("16", "16"), ("0", "0")],
        "Fakes that cannot jump between modes bring no news of the modes' weights: these drift."),
    ablation("ddaebm", Key::Levels, "T", &[("4", "4"), ("1", "1"), ("2", "2"), ("8", "8")],
        "At T = 1 one call must turn noise into data; with more levels each step is easier."),
    ablation("cd", Key::Steps, "Steps K", &[("1", "1"), ("10", "10")],
        "More steps reach a little further from the data, at a cost in proportion."),
    ablation("short-run", Key::Steps, "Steps K", &[("50", "50"), ("200", "200")],
        "However long the run, the energy learns to please runs of that length."),
    ablation("pcd", Key::Sampler, "Accept test", &[("ula", "ULA"), ("mala", "MALA")],
        "An exact kernel does not help chains that cannot leave their mode."),
    ablation("energy-discrepancy", Key::Stabiliser, "Stabiliser w", &[("1", "1"), ("0.2", "0.2"), ("0", "0")],
        "At 0 the estimate is unbounded below, and training diverges."),
    ablation("nce", Key::Spread, "Spread of the noise", &[("2.5", "2.5"), ("1", "1")],
        "Noise that misses some of the data says nothing about the density there."),
    ablation("dsm", Key::Sigma, "Noise σ", &[("0.1", "0.1"), ("0.3", "0.3")],
        "What is learned is the data blurred by σ: less noise is sharper and noisier to learn."),
    ablation("drl", Key::Steps, "Steps K", &[("20", "20"), ("2", "2")],
        "Short conditional chains stay where they started, and the energy learns too little."),
];

/// The switches of a method.
pub fn of(method: &str) -> impl Iterator<Item = &'static Ablation> {
    ABLATIONS.iter().filter(move |a| a.method == method)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{METHODS, Preset, Size};

    #[test]
    fn every_choice_is_accepted_and_the_first_is_the_default() {
        for a in ABLATIONS {
            let preset = Preset::of("8-gaussians", a.method, Size::Standard).unwrap();
            let settings = preset.settings();
            assert!(settings.relevant(a.key), "{} {}", a.method, a.name);
            assert_eq!(
                settings.text(a.key),
                a.choices[0].0,
                "{} {}",
                a.method,
                a.name
            );
            for (value, _) in a.choices {
                let mut changed = settings.clone();
                changed.set_text(a.key, value).unwrap();
                assert_eq!(changed.text(a.key), *value);
            }
        }
        let without: Vec<_> = METHODS.iter().filter(|m| of(m).next().is_none()).collect();
        assert_eq!(without, [&"ssm"], "only SSM has nothing to switch");
    }
}
