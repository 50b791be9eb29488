//! Shares of a set of points that belong to each mode.

/// Share of `points` in each of `modes` modes, by `mode_of` (a data set's, usually). Points that
/// are not finite belong to none, so shares sum to 1 less theirs; without points they are NaN.
pub fn masses(points: &[[f32; 2]], mode_of: impl Fn([f32; 2]) -> usize, modes: usize) -> Vec<f32> {
    let mut counts = vec![0_u32; modes];
    for &point in points {
        if point.iter().all(|v| v.is_finite()) {
            counts[mode_of(point)] += 1;
        }
    }
    counts
        .into_iter()
        .map(|count| count as f32 / points.len() as f32)
        .collect()
}

/// Total variation of two sets of shares of the same modes: half the sum of their gaps.
pub fn total_variation(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(p, q)| (p - q).abs()).sum::<f32>() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_points() {
        let points = [[1.0, 0.0], [2.0, 0.0], [-1.0, 0.0], [f32::NAN, 0.0]];
        let shares = masses(&points, |x| usize::from(x[0] > 0.0), 3);
        assert_eq!(shares, [0.25, 0.5, 0.0]);
        assert!(masses(&[], |_| 0, 2).iter().all(|share| share.is_nan()));
    }
}
