//! Chance that is the same every time: numbers by entity and second, without state.

/// Scrambles 64 bits: the finaliser of splitmix64.
#[must_use]
pub fn mix(value: u64) -> u64 {
    let mut bits = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A seconds' distance between the points that [`smooth`] joins.
const STRIDE: u64 = 8;

/// 0 to 999, with no memory: each second by itself.
#[must_use]
pub fn rough(entity: u64, second: u64) -> u64 {
    mix(mix(entity) ^ second) % 1000
}

/// 0 to 999, drifting: straight lines between points eight seconds apart.
#[must_use]
pub fn smooth(entity: u64, second: u64) -> u64 {
    // Each entity turns at seconds of its own, else the whole machine would bend at once.
    let shifted = second.wrapping_add(mix(entity) % STRIDE);
    let (point, part) = (shifted / STRIDE, shifted % STRIDE);
    (rough(entity, point) * (STRIDE - part) + rough(entity, point + 1) * part) / STRIDE
}

/// `value` times a factor that drifts between 0.4 and 1.6.
#[must_use]
pub fn around(value: u64, entity: u64, second: u64) -> u64 {
    value * (400 + smooth(entity, second) * 6 / 5) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_gradual_and_uses_its_range() {
        let series: Vec<u64> = (0..4000).map(|second| smooth(7, second)).collect();
        assert!(series.windows(2).all(|pair| pair[0].abs_diff(pair[1]) <= 1000 / STRIDE));
        assert!(series.iter().any(|&v| v < 60) && series.iter().any(|&v| v > 940));
        let mean = series.iter().sum::<u64>() / 4000;
        assert!((450..550).contains(&mean), "{mean}");
        assert_ne!(smooth(7, 100), smooth(8, 100));
    }

    #[test]
    fn the_last_second_of_time_is_no_overflow() {
        assert!(rough(u64::MAX, u64::MAX) < 1000 && smooth(u64::MAX, u64::MAX) < 1000);
    }
}
