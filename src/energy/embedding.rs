//! Sinusoidal embedding of a noise level.

/// The embedding of the whole number `t` in `size` entries: half sines, half cosines, with
/// frequencies `10000^(-j / (size/2 - 1))` (arXiv 2304.10707, released code).
pub fn sinusoidal(t: usize, size: usize) -> Vec<f32> {
    let half = size / 2;
    let angle = |j: usize| {
        let exponent = j as f64 / (half.max(2) - 1) as f64;
        t as f64 * libm::exp(-exponent * libm::log(10_000.0))
    };
    let sines = (0..half).map(|j| libm::sin(angle(j)) as f32);
    let cosines = (0..size - half).map(|j| libm::cos(angle(j)) as f32);
    sines.chain(cosines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_and_last_frequency() {
        let e = sinusoidal(3, 128);
        assert_eq!(e.len(), 128);
        assert!((e[0] - 3f32.sin()).abs() < 1e-6);
        assert!((e[63] - 3e-4f32.sin()).abs() < 1e-7);
        assert!((e[64] - 3f32.cos()).abs() < 1e-6);
        assert_eq!(&sinusoidal(0, 4), &[0.0, 0.0, 1.0, 1.0]);
    }
}
