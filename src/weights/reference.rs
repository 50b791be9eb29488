//! Scores of images against those of known images: `www/reference/*.json`.
//!
//! Invariant: a score is higher the more outlying an image is, and depends on the reference and that image
//! alone. What is fitted is fitted on training images; percentiles are of other training images.

use serde::{Deserialize, Serialize};

/// What the energy says of one image.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// E(x, 0).
    pub energy: f32,
    /// Mean of E(x, t) over the profile's levels.
    pub mean_energy: f32,
    /// |∂E/∂x| at level 0.
    pub gradient: f32,
    /// What the energy loses in some Langevin steps at level 0.
    pub drop: f32,
    /// log |∂E/∂x| at each level of the profile.
    pub profile: Vec<f32>,
    /// log |σ ∂E/∂x - z| at the image with noise σz, at each level of the profile.
    pub errors: Vec<f32>,
    /// Bytes of the image's PNG file.
    pub bytes: f32,
}

/// A way to score an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Score {
    /// The same distance with the errors of denoising at every level (Graham et al. 2023, arXiv
    /// 2211.07740) and the energy drop beside the norms.
    Denoising,
    /// Distance of the profile of score norms from those of training images (Mahmood, Oliva & Styner
    /// 2021, arXiv 2010.13132), in standard deviations.
    Profile,
    /// E(x, 0).
    Energy,
    /// Mean of E(x, t) over levels.
    MeanEnergy,
    /// |∂E/∂x| at level 0 (Grathwohl et al. 2020, arXiv 1912.03263, section 5.3).
    Gradient,
    /// |E(x, 0) - mean of training images| (Nalisnick et al. 2019, arXiv 1906.02994).
    Typicality,
    /// E(x, 0) less the energy some Langevin steps later.
    Drop,
}

impl Score {
    pub const ALL: [Self; 7] = [
        Self::Denoising,
        Self::Profile,
        Self::Energy,
        Self::MeanEnergy,
        Self::Gradient,
        Self::Typicality,
        Self::Drop,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Denoising => "denoising profile",
            Self::Profile => "score-norm profile",
            Self::Energy => "energy at t = 0",
            Self::MeanEnergy => "energy over levels",
            Self::Gradient => "gradient norm",
            Self::Typicality => "typicality",
            Self::Drop => "energy drop",
        }
    }
}

/// Every score plain, then every one less what the image's complexity predicts of it (Serrà et al. 2020,
/// arXiv 1909.11480).
pub const COLUMNS: usize = 2 * Score::ALL.len();

/// The score of a column, and whether it is corrected for complexity.
pub fn column(index: usize) -> (Score, bool) {
    let scores = Score::ALL.len();
    (Score::ALL[index % scores], index >= scores)
}

/// What scores need to know of training images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// Mean energy at level 0.
    pub energy: f64,
    /// Of norms, errors and energy drop together, and of the norms.
    pub denoising: Normal,
    pub profile: Normal,
    /// Line by which the number of bytes predicts each score: means of both, and slope.
    pub lines: Vec<[f64; 3]>,
}

/// A Gaussian.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Normal {
    /// `[k]`
    pub mean: Vec<f64>,
    /// The inverse of the covariance `[k, k]`.
    pub precision: Vec<f64>,
}

impl Fit {
    /// All columns of an image.
    pub fn scores(&self, m: &Measured) -> [f32; COLUMNS] {
        let plain = self.plain(m);
        let mut all = [0.0; COLUMNS];
        for (i, score) in plain.into_iter().enumerate() {
            all[i] = score as f32;
            let [bytes, mean, slope] = self.lines.get(i).copied().unwrap_or_default();
            let predicted = mean + slope * (f64::from(m.bytes) - bytes);
            all[Score::ALL.len() + i] = (score - predicted) as f32;
        }
        all
    }

    /// The plain scores.
    pub fn plain(&self, m: &Measured) -> [f64; Score::ALL.len()] {
        Score::ALL.map(|score| match score {
            Score::Denoising => self.denoising.distance(&m.together()),
            Score::Profile => self.profile.distance(&m.profile),
            Score::Energy => f64::from(m.energy),
            Score::MeanEnergy => f64::from(m.mean_energy),
            Score::Gradient => f64::from(m.gradient),
            Score::Typicality => (f64::from(m.energy) - self.energy).abs(),
            Score::Drop => f64::from(m.drop),
        })
    }
}

impl Measured {
    /// The norms, the errors and the energy drop, one after the other.
    pub fn together(&self) -> Vec<f32> {
        [self.profile.as_slice(), &self.errors, &[self.drop]].concat()
    }
}

impl Normal {
    /// Mahalanobis distance.
    fn distance(&self, x: &[f32]) -> f64 {
        let pairs = x.iter().zip(&self.mean);
        let gap: Vec<f64> = pairs.map(|(&x, m)| f64::from(x) - m).collect();
        let rows = self.precision.chunks_exact(self.mean.len().max(1));
        let along = rows.map(|row| row.iter().zip(&gap).map(|(p, g)| p * g).sum::<f64>());
        let square: f64 = along.zip(&gap).map(|(a, g)| a * g).sum();
        square.max(0.0).sqrt()
    }

    fn whole(&self) -> bool {
        self.precision.len() == self.mean.len() * self.mean.len()
    }
}

/// The scores of known images in one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Scores of training images at equal steps of rank, least first.
    pub quantiles: Vec<f32>,
    /// Ends of the histograms' axis; whatever lies beyond is in the outermost bins.
    pub range: [f32; 2],
    /// Counts of each set of images, all over the same bins.
    pub histograms: Vec<Histogram>,
}

/// How often the scores of a set fell into each bin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    pub set: String,
    pub counts: Vec<u32>,
    /// Area under the ROC curve against the in-distribution test images; `None` for those.
    pub auroc: Option<f64>,
}

/// What scores of images are held against.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    /// SHA-256 of the weights that it was measured with.
    pub weights: String,
    /// Training images that were fitted, and others that percentiles are of.
    pub fitted: usize,
    pub ranked: usize,
    pub fit: Fit,
    /// One a column.
    pub tables: Vec<Table>,
}

impl Reference {
    /// Reads a reference.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let reference: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let Fit {
            denoising,
            profile,
            lines,
            ..
        } = &reference.fit;
        let shaped = denoising.whole()
            && profile.whole()
            && denoising.mean.len() == 2 * profile.mean.len() + 1
            && lines.len() == Score::ALL.len()
            && reference.tables.len() == COLUMNS;
        match shaped && reference.tables.iter().all(|t| t.quantiles.len() > 1) {
            true => Ok(reference),
            false => Err("its tables have other sizes than this build's".into()),
        }
    }

    /// The share of training images, in percent, that a column scores lower than this.
    pub fn percentile(&self, column: usize, score: f32) -> f32 {
        self.tables.get(column).map_or(f32::NAN, |t| t.rank(score))
    }
}

impl Table {
    fn rank(&self, score: f32) -> f32 {
        let q = &self.quantiles;
        let last = q.len() - 1;
        let above = q.partition_point(|&x| x < score);
        // A score that is no number is as outlying as can be.
        if above > last || score.is_nan() {
            return 100.0;
        }
        if above == 0 {
            return 0.0;
        }
        let (low, high) = (q[above - 1], q[above]);
        let share = (score - low) / (high - low).max(f32::MIN_POSITIVE);
        100.0 * ((above - 1) as f32 + share) / last as f32
    }

    /// The bin of a score.
    pub fn bin(&self, score: f32, bins: usize) -> usize {
        let [low, high] = self.range;
        let share = (score - low) / (high - low);
        ((share * bins as f32).max(0.0) as usize).min(bins - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference() -> Reference {
        let table = Table {
            quantiles: vec![0.0, 1.0, 2.0, 10.0, 10.0],
            range: [0.0, 8.0],
            histograms: vec![],
        };
        Reference {
            weights: String::new(),
            fitted: 4,
            ranked: 4,
            fit: Fit {
                energy: 3.0,
                denoising: Normal {
                    mean: vec![1.0, 2.0, 3.0, 3.0, 2.0],
                    precision: (0..25)
                        .map(|i| match i {
                            0 => 4.0,
                            6 | 12 | 18 | 24 => 1.0,
                            _ => 0.0,
                        })
                        .collect(),
                },
                profile: Normal {
                    mean: vec![1.0, 2.0],
                    precision: vec![4.0, 0.0, 0.0, 1.0],
                },
                lines: vec![[100.0, 5.0, 0.1]; Score::ALL.len()],
            },
            tables: vec![table; COLUMNS],
        }
    }

    #[test]
    fn percentiles_rise_with_the_score() {
        let r = reference();
        let rank = |score| r.percentile(0, score);
        assert_eq!([rank(-1.0), rank(0.0), rank(11.0)], [0.0, 0.0, 100.0]);
        assert_eq!([rank(0.5), rank(1.0), rank(6.0)], [12.5, 25.0, 62.5]);
        assert_eq!(rank(f32::NAN), 100.0);
        let table = &r.tables[0];
        assert_eq!(
            [table.bin(-5.0, 4), table.bin(2.1, 4), table.bin(99.0, 4)],
            [0, 1, 3]
        );
    }

    #[test]
    fn scores_are_what_they_are_called() {
        let m = Measured {
            energy: 1.0,
            mean_energy: 2.0,
            gradient: 3.0,
            drop: 4.0,
            profile: vec![2.0, 4.0],
            errors: vec![4.0, 4.0],
            bytes: 110.0,
        };
        let scores = reference().fit.scores(&m);
        let at = |wanted: Score, corrected| {
            let found = (0..COLUMNS).find(|&i| column(i) == (wanted, corrected));
            scores[found.unwrap()]
        };
        // √(4·1² + 1·2²) and what 110 bytes predict, 5 + 0.1·10.
        assert!((at(Score::Profile, false) - 8f32.sqrt()).abs() < 1e-6);
        // √(4·1² + 2² + 1² + 1² + 2²)
        assert!((at(Score::Denoising, false) - 14f32.sqrt()).abs() < 1e-6);
        assert!((at(Score::Profile, true) - (8f32.sqrt() - 6.0)).abs() < 1e-6);
        assert_eq!(at(Score::Energy, false), 1.0);
        assert_eq!(at(Score::Typicality, false), 2.0);
        assert_eq!(at(Score::Drop, true), -2.0);
    }

    #[test]
    fn a_reference_survives_its_file_and_odd_sizes_are_refused() {
        let right = reference();
        let read = |r: &Reference| Reference::read(&serde_json::to_string(r).unwrap());
        assert_eq!(read(&right), Ok(right.clone()));
        let mut odd = right.clone();
        odd.fit.profile.precision.pop();
        assert!(read(&odd).is_err());
        // One number short, and square.
        let mut odd = right.clone();
        odd.fit.denoising.mean.pop();
        odd.fit.denoising.precision.truncate(16);
        assert!(read(&odd).is_err());
        let mut odd = right;
        odd.tables.pop();
        assert!(read(&odd).is_err());
    }
}
