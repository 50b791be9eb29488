//! What an image's scores mean, in plain words.
//!
//! Invariant: never a bare yes or no: a sentence says how far out, by which score, and where scores differ.

use super::gallery::Own;
use crate::weights::reference::{Score, column};

/// A sentence on an image, by the column that tells sets apart best.
pub fn sentence(own: &Own, best: usize) -> String {
    let Some(&percentile) = own.percentiles.get(best) else {
        return "This model came without scores of known images, so its numbers stand alone."
            .into();
    };
    let (score, corrected) = column(best);
    let by = match corrected {
        true => format!("{} corrected for complexity", score.name()),
        false => score.name().to_owned(),
    };
    let first = match percentile {
        p if p >= 100.0 => {
            format!("Further out than every training image it is held against, by the {by}.")
        }
        p if p >= 99.0 => {
            format!("Very unusual: further out than {p:.1} % of training images, by the {by}.")
        }
        p if p >= 95.0 => {
            format!("Unusual: further out than {p:.0} % of training images, by the {by}.")
        }
        p if p >= 5.0 => {
            format!("Like training images: further out than {p:.0} % of them, by the {by}.")
        }
        p => format!(
            "Closer in than most: only {p:.1} % of training images score lower, by the {by}. Plain and smooth images can."
        ),
    };
    match dissent(own, percentile) {
        Some(text) => format!("{first} {text}"),
        None => first,
    }
}

/// The plain score that says the opposite most clearly, if one does.
fn dissent(own: &Own, percentile: f32) -> Option<String> {
    let plain = (0..Score::ALL.len()).filter_map(|i| Some((column(i).0, *own.percentiles.get(i)?)));
    let far = |p: f32| (p - percentile).abs();
    let (score, other) = plain.max_by(|a, b| far(a.1).total_cmp(&far(b.1)))?;
    let opposite = (percentile >= 95.0 && other < 50.0) || (percentile < 50.0 && other >= 95.0);
    opposite.then(|| {
        format!(
            "The {} alone would say otherwise: {other:.0} %.",
            score.name()
        )
    })
}

/// A percentile for a cell.
pub fn percentile(p: f32) -> String {
    match p {
        p if p >= 100.0 => "above all".into(),
        p if p <= 0.0 => "below all".into(),
        p if (1.0..99.0).contains(&p) => format!("{p:.0} %"),
        p => format!("{p:.1} %"),
    }
}

/// What a score measures.
pub fn meaning(score: Score) -> &'static str {
    match score {
        Score::Denoising => {
            "How far the gradient's lengths at up to twelve noise levels, the errors in taking noise away at each of them, and the energy drop, taken together, are from those of training images."
        }
        Score::Profile => {
            "How far the gradient's lengths at up to twelve noise levels, taken together, are from those of training images."
        }
        Score::Energy => {
            "The energy of the image itself: low where the model finds images likely. Plain images often score lower than real ones."
        }
        Score::MeanEnergy => "The mean of the energies at all levels looked at.",
        Score::Gradient => {
            "The length of the energy's gradient: how hard the model pulls the image elsewhere."
        }
        Score::Typicality => {
            "How far the energy is from the mean of training images, either way: too likely is unusual, too."
        }
        Score::Drop => "What the energy loses in a few Langevin steps: images at rest lose little.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::reference::COLUMNS;

    fn own(best: f32, others: f32) -> Own {
        let mut percentiles = vec![others; COLUMNS];
        percentiles[0] = best;
        Own {
            percentiles,
            ..Own::default()
        }
    }

    #[test]
    fn sentences_say_how_far_and_by_what() {
        let said = |p| sentence(&own(p, p), 0);
        assert!(said(100.0).starts_with("Further out than every"));
        assert!(said(99.24).contains("99.2 %") && said(99.24).contains(Score::ALL[0].name()));
        assert!(said(96.0).starts_with("Unusual"));
        assert!(said(40.0).starts_with("Like training images"));
        assert!(said(1.0).starts_with("Closer in"));
        assert!(sentence(&Own::default(), 0).contains("stand alone"));
    }

    #[test]
    fn scores_that_differ_are_named() {
        assert!(sentence(&own(99.9, 2.0), 0).contains("otherwise: 2 %"));
        assert!(sentence(&own(20.0, 98.0), 0).contains("otherwise: 98 %"));
        assert!(!sentence(&own(60.0, 70.0), 0).contains("otherwise"));
    }

    #[test]
    fn percentiles_are_finer_at_the_ends() {
        let all = [0.0, 0.4, 50.4, 99.53, 100.0].map(percentile);
        assert_eq!(all, ["below all", "0.4 %", "50 %", "99.5 %", "above all"]);
    }
}
