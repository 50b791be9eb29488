//! How well a score tells outliers from inliers. Scores are higher the more outlying.
//!
//! Invariant: all three measures depend on the order of the scores alone, and ties count by halves in the
//! first.

use crate::rng::{Draws, Stream};

/// Measures of one score on one pair of sets, with 95 % intervals from resampled sets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detection {
    /// Area under the ROC curve: the chance that an outlier scores higher than an inlier.
    pub auroc: f64,
    pub auroc_interval: [f64; 2],
    /// Area under the precision-recall curve with outliers as positives (average precision).
    pub aupr: f64,
    /// Share of inliers that score above the threshold which 95 % of outliers pass.
    pub fpr95: f64,
}

/// Measures of scores of inliers and outliers, neither empty, with so many resamplings.
pub fn detect(inliers: &[f32], outliers: &[f32], resamplings: u64) -> Detection {
    let mut areas: Vec<f64> = (0..resamplings)
        .map(|i| {
            let again = |scores: &[f32], stream| -> Vec<f32> {
                let draws = Draws::new(0, stream, i);
                let pick = |j: usize| draws.below(j as u32, scores.len() as u32) as usize;
                (0..scores.len()).map(|j| scores[pick(j)]).collect()
            };
            auroc(
                &again(inliers, Stream::Evaluation),
                &again(outliers, Stream::EvaluationStart),
            )
        })
        .collect();
    areas.sort_by(f64::total_cmp);
    let area = auroc(inliers, outliers);
    let quantile = |q: f64| {
        let at = (q * areas.len().saturating_sub(1) as f64).round() as usize;
        areas.get(at).copied().unwrap_or(area)
    };
    Detection {
        auroc: area,
        auroc_interval: [quantile(0.025), quantile(0.975)],
        aupr: average_precision(inliers, outliers),
        fpr95: false_positives(inliers, outliers, 0.95),
    }
}

/// All scores with whether they are outliers', highest first.
fn ranked(inliers: &[f32], outliers: &[f32]) -> Vec<(f32, bool)> {
    let inliers = inliers.iter().map(|&s| (s, false));
    let mut all: Vec<_> = inliers.chain(outliers.iter().map(|&s| (s, true))).collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    all
}

/// Runs of equal scores, highest first: how many inliers and outliers each holds.
fn ties(ranked: &[(f32, bool)]) -> impl Iterator<Item = [f64; 2]> {
    ranked.chunk_by(|a, b| a.0 == b.0).map(|run| {
        let outliers = run.iter().filter(|(_, outlier)| *outlier).count();
        [(run.len() - outliers) as f64, outliers as f64]
    })
}

/// The chance that an outlier scores higher than an inlier, ties by halves.
pub fn auroc(inliers: &[f32], outliers: &[f32]) -> f64 {
    let (mut above, mut won) = (0.0, 0.0);
    for [inside, outside] in ties(&ranked(inliers, outliers)) {
        won += inside * (above + 0.5 * outside);
        above += outside;
    }
    won / (inliers.len() * outliers.len()) as f64
}

fn average_precision(inliers: &[f32], outliers: &[f32]) -> f64 {
    let (mut found, mut all, mut area) = (0.0, 0.0, 0.0);
    for [inside, outside] in ties(&ranked(inliers, outliers)) {
        found += outside;
        all += inside + outside;
        area += outside * found / all;
    }
    area / outliers.len() as f64
}

fn false_positives(inliers: &[f32], outliers: &[f32], recall: f64) -> f64 {
    let (mut found, mut wrong) = (0.0, 0.0);
    for [inside, outside] in ties(&ranked(inliers, outliers)) {
        found += outside;
        wrong += inside;
        if found >= recall * outliers.len() as f64 {
            break;
        }
    }
    wrong / inliers.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_cases_by_hand() {
        let (inliers, outliers) = ([1.0, 2.0, 3.0, 4.0], [2.5, 4.0, 5.0]);
        // Pairs won: 2.5 beats 2; 4 beats 3 and ties with one; 5 beats 4.
        assert!((auroc(&inliers, &outliers) - 9.5 / 12.0).abs() < 1e-12);
        // Down the ranks: 5 out; 4 both; 3 in; 2.5 out.
        let right = (1.0 + 2.0 / 3.0 + 3.0 / 5.0) / 3.0;
        assert!((average_precision(&inliers, &outliers) - right).abs() < 1e-12);
        assert_eq!(false_positives(&inliers, &outliers, 0.95), 0.5);
        assert_eq!(false_positives(&inliers, &outliers, 0.6), 0.25);
    }

    #[test]
    fn extremes() {
        let (low, high) = ([0.0, 1.0], [2.0, 3.0]);
        let best = detect(&low, &high, 20);
        assert_eq!((best.auroc, best.aupr, best.fpr95), (1.0, 1.0, 0.0));
        assert_eq!(best.auroc_interval, [1.0, 1.0]);
        assert_eq!(auroc(&high, &low), 0.0);
        assert_eq!(auroc(&low, &low), 0.5);
    }

    /// Two unit Gaussians a distance d apart: AUROC is the normal distribution function at d/√2.
    #[test]
    fn gaussians_have_their_known_area() {
        let n = 20_000;
        let inliers = Draws::new(1, Stream::Test, 0).normals(n);
        let outliers: Vec<f32> = Draws::new(1, Stream::Test, 1)
            .normals(n)
            .iter()
            .map(|z| z + 1.0)
            .collect();
        let found = detect(&inliers, &outliers, 40);
        // Hanley & McNeil's standard error at this area is .0024.
        assert!(
            (found.auroc - 0.760_25).abs() < 4.0 * 0.0024,
            "{}",
            found.auroc
        );
        let [low, high] = found.auroc_interval;
        assert!(low < found.auroc && found.auroc < high && high - low < 0.02);
    }
}
