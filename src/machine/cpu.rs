//! The CPU, as far as the rounding of products depends on it: which vector instructions it has, and which model it is, because a product is
//! cut into blocks by the sizes of its caches.

use std::fs;

/// The names of those of these features that the CPU has.
#[cfg(target_arch = "x86_64")]
macro_rules! detected {
    ($($feature:tt)+) => { [$((is_x86_feature_detected!($feature), $feature)),+] };
}

/// The vector instructions of this CPU that products of matrices may use, by the names that Rust gives them; none where they are not known.
pub(crate) fn cpu_features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        let all = detected!("avx" "avx2" "fma" "avx512f" "avx512bw" "avx512cd" "avx512dq" "avx512vl");
        all.into_iter().filter_map(|(has, feature)| has.then_some(feature)).collect()
    }
    #[cfg(not(target_arch = "x86_64"))]
    Vec::new()
}

/// The model of this CPU, such as `AMD EPYC 9354 32-Core Processor`; `None` where the system does not say.
pub(crate) fn cpu_model() -> Option<String> {
    model_in(&fs::read_to_string("/proc/cpuinfo").ok()?)
}

fn model_in(cpuinfo: &str) -> Option<String> {
    let (_, model) = cpuinfo.lines().find(|line| line.starts_with("model name"))?.split_once(':')?;
    let model = model.trim();
    (!model.is_empty()).then(|| model.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_the_first_that_the_system_names() {
        let text = "processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC 9354: 32 Cores \n\nmodel name\t: another\n";
        assert_eq!(model_in(text).as_deref(), Some("AMD EPYC 9354: 32 Cores"));
        assert_eq!(model_in("processor\t: 0\nmodel name\t:\n"), None);
        assert_eq!(model_in("processor\t: 0\nBogoMIPS\t: 50.00\n"), None);
    }

    /// Wider vectors come with the narrower ones.
    #[test]
    fn features_build_on_one_another() {
        let features = cpu_features();
        let has = |feature: &str| features.contains(&feature);
        assert!(!has("avx2") || has("avx"));
        assert!(!has("avx512vl") || has("avx512f"));
        assert!(!has("avx512f") || has("avx2"));
    }
}
