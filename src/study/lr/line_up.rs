//! The optimizers to compare, by their words, each with the batches that it takes.

use serde_json::json;

use crate::optim::{Optimizer, Sgd};
use crate::scenario::Scenario;

use super::LrError;

/// Words that mean `sgd` with a momentum.
const MOMENTA: [&str; 2] = ["momentum", "nesterov"];

/// Words that mean an optimizer in every scenario, unless the scenario has one of that name.
fn words() -> impl Iterator<Item = &'static str> {
    Optimizer::KINDS.iter().chain(&MOMENTA).copied()
}

/// The suffix of an optimizer whose averages scale with its learning rate.
const SCALED: &str = "-scaled";

/// One item of `--batch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch {
    /// This many samples, drawn anew for every step.
    Samples(usize),
    /// All samples, each once: `full`.
    Full,
}

impl std::fmt::Display for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Samples(count) => write!(f, "{count}"),
            Self::Full => f.write_str("full"),
        }
    }
}

impl std::str::FromStr for Batch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "full" => Ok(Self::Full),
            count => match count.parse() {
                Ok(count) if count >= 1 => Ok(Self::Samples(count)),
                _ => Err("must be `full` or a number of samples, at least 1".to_string()),
            },
        }
    }
}

/// One optimizer with one size of batches, its rate left open.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Contender {
    /// The name in tables and pictures.
    pub label: String,
    /// Its rule and settings; name, rate and steps are those of a unit.
    pub rule: Optimizer,
    /// The batch size; all samples for the full gradient.
    pub batch: usize,
    /// Whether its gradients are random, so that seeds differ.
    pub random: bool,
    /// Whether its averages span the same time at every rate.
    pub scaled: bool,
}

impl Contender {
    /// The optimizer called `name` at rate `lr` for `steps` steps. Scaled averages have β = 1 − (1 − β₀)·lr/`largest`: they span the same
    /// time at every rate, and are as set at the largest.
    pub fn at(&self, name: &str, lr: f64, largest: f64, steps: u64) -> Optimizer {
        let mut optimizer = self.rule.at_rate(name, lr, steps);
        if self.scaled {
            optimizer.averages().into_iter().for_each(|beta| *beta = 1.0 - (1.0 - *beta) * lr / largest);
        }
        optimizer
    }

    /// Its name in a sentence: `sgd on batches of 8`.
    pub fn called(&self) -> String {
        format!("{} on batches of {}", self.label, self.batch)
    }

    /// The name of what draws its batches at a rate.
    pub fn drawing_at(&self, lr: f64) -> String {
        format!("{}-b{}-lr{lr:e}", self.label, self.batch).replace('.', "_")
    }

    /// Whether a step keeps a fraction of the one before.
    pub fn has_momentum(&self) -> bool {
        matches!(self.rule, Optimizer::Sgd(Sgd { momentum, .. }) if momentum > 0.0)
    }

    /// Whether both are gradient descent on all samples, with the same schedule of rates.
    fn descends_as(&self, other: &Self) -> bool {
        let plain = |contender: &Self| contender.rule.forgets() && contender.rule.descends() && !contender.random;
        plain(self) && plain(other) && self.rule.schedule() == other.rule.schedule()
    }

    /// Whether its distance to gradient flow tends to 0 with η at all.
    pub fn follows_the_flow(&self) -> bool {
        self.rule.descends() && self.rule.noise().temperature == 0.0
    }

    /// Whether the order with which it tends to its own limit is known for all its settings: rmsprop divides by an average that begins near
    /// 0, and is of order 1 only if a large ε or gradients that keep their signs make up for that.
    pub fn has_regular_limit(&self) -> bool {
        matches!(self.rule, Optimizer::Adam(_) | Optimizer::Adamw(_))
    }

    /// Whether its batches are independent of each other, which those of an epoch are not.
    pub fn replaces(&self) -> bool {
        self.rule.batching().is_some_and(|batching| batching.replacement)
    }
}

/// The optimizers that `words` name (without any, the scenario's own, or gd if it has none), each that can take batches with every one of
/// `batches`, and the labels of those that take the steps of another and are left out. `samples`: the number of samples.
pub(super) fn line_up(
    words: &[String],
    batches: &[Batch],
    scenario: &Scenario,
    samples: usize,
) -> Result<(Vec<Contender>, Vec<Repeated>), LrError> {
    let named: Vec<String> = match (words, &*scenario.optimizers) {
        ([], []) => vec!["gd".to_string()],
        ([], own) => own.iter().map(|optimizer| optimizer.name().to_string()).collect(),
        _ => words.to_vec(),
    };
    let (mut contenders, mut repeated): (Vec<Contender>, Vec<Repeated>) = (Vec::new(), Vec::new());
    for word in &named {
        for contender in of_word(word, batches, scenario, samples)? {
            // gd and sgd at the same batch size are the same.
            if contenders.iter().any(|known| known.label == contender.label && known.batch == contender.batch) {
                continue;
            }
            // A name of the scenario's own stands for itself.
            let is_own = scenario.optimizers.iter().any(|optimizer| optimizer.name() == contender.label);
            match contenders.iter().find(|known| !is_own && known.descends_as(&contender)) {
                Some(known) => repeated.push(Repeated { label: contender.label, of: known.label.clone() }),
                None => contenders.push(contender),
            }
        }
    }
    Ok((contenders, repeated))
}

/// An optimizer that is left out: it takes the steps of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repeated {
    pub label: String,
    /// The other's label.
    pub of: String,
}

impl std::fmt::Display for Repeated {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { label, of } = self;
        write!(f, "{label} on all samples takes the steps of {of}: it is left out")
    }
}

fn of_word(word: &str, batches: &[Batch], scenario: &Scenario, samples: usize) -> Result<Vec<Contender>, LrError> {
    let own = |word: &str| scenario.optimizers.iter().find(|optimizer| optimizer.name() == word).cloned();
    let of = |word: &str| own(word).or_else(|| built_in(word));
    let averaging = |rule: &Optimizer| !rule.clone().averages().is_empty();
    let unscaled = of(word).map(|rule| (rule, false));
    let scaled = || word.strip_suffix(SCALED).and_then(of).filter(averaging).map(|rule| (rule, true));
    let Some((rule, scaled)) = unscaled.or_else(scaled) else {
        let names = scenario.optimizers.iter().map(|optimizer| optimizer.name().to_string());
        let words = words().map(str::to_string);
        let mut known: Vec<String> = Vec::new();
        names.chain(words).for_each(|word| {
            if !known.contains(&word) {
                known.push(word)
            }
        });
        return Err(LrError::UnknownOptimizer { word: word.to_string(), known: known.join(", ") });
    };
    if let Some(reason) = rule.refusal(&scenario.about_optimizers(Some(samples))) {
        return Err(LrError::Unsuited { word: word.to_string(), reason });
    }
    let plain = match &rule {
        Optimizer::Gd(_) => built_in("sgd"),
        Optimizer::Sgd(_) => Some(rule.clone()),
        _ => None,
    };
    let contender = |label: &str, rule: Optimizer| {
        let batching = rule.batching();
        let batch = batching.map_or(samples, |batching| batching.size);
        let random = rule.batches_of(samples).is_some() || rule.noise().is_some();
        Contender { label: label.to_string(), rule, batch, random, scaled }
    };
    let Some(Optimizer::Sgd(plain)) = plain.filter(|_| !batches.is_empty()) else {
        return Ok(vec![contender(word, rule)]);
    };
    let with = |batch: &Batch| match *batch {
        Batch::Full => {
            // gd stays as it is; an sgd of the scenario loses its batches.
            let all = (plain.label_noise > 0.0).then_some(samples);
            let full = if let Optimizer::Gd(_) = &rule { rule.clone() } else { sgd(&plain, all, false) };
            Ok(contender(word, full))
        }
        Batch::Samples(count) if count > samples => Err(LrError::Batch { batch: count, samples }),
        Batch::Samples(count) => {
            // Theory's √η is for independent batches. A scenario that sets batches also sets how they are drawn.
            let replacement = plain.batch.is_none_or(|batch| batch == samples) || plain.replacement;
            // Gradient descent on batches is called by its name.
            let label = if let Optimizer::Gd(_) = &rule { "sgd" } else { word };
            Ok(contender(label, sgd(&plain, Some(count), replacement)))
        }
    };
    batches.iter().map(with).collect()
}

fn sgd(plain: &Sgd, batch: Option<usize>, replacement: bool) -> Optimizer {
    Optimizer::Sgd(Sgd { batch, replacement, ..plain.clone() })
}

/// The optimizer that `word` means where the scenario has none of that name.
fn built_in(word: &str) -> Option<Optimizer> {
    let settings = match word {
        "momentum" => json!({"sgd": {"lr": 1.0, "momentum": 0.9}}),
        "nesterov" => json!({"sgd": {"lr": 1.0, "momentum": 0.9, "nesterov": true}}),
        word if Optimizer::KINDS.contains(&word) => json!({word: {"lr": 1.0}}),
        _ => return None,
    };
    serde_json::from_value(settings).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn scenario(optimizers: &str) -> Scenario {
        let text = format!(
            "name: tiny
data: {{synthetic: {{inputs: {{dim: 3, samples: 40}}, target: {{low_rank: {{rank: 1, outputs: 2}}}}}}}}
network: {{widths: [3, 3, 2]}}
flow: {{t_end: 1.0}}
optimizers: {optimizers}
"
        );
        crate::scenario::parse(&text, Path::new("tiny.yaml"), &[]).unwrap().0
    }

    /// `label batch random` of each.
    fn found(words: &str, batches: &[&str], optimizers: &str) -> Vec<String> {
        let words: Vec<String> = words.split_whitespace().map(str::to_string).collect();
        let batches: Vec<Batch> = batches.iter().map(|batch| batch.parse().unwrap()).collect();
        let contenders = line_up(&words, &batches, &scenario(optimizers), 40).unwrap().0;
        contenders.iter().map(|c| format!("{} {} {}", c.label, c.batch, c.random)).collect()
    }

    #[test]
    fn every_word_means_an_optimizer() {
        for word in words() {
            assert_eq!(found(word, &[], "[]"), [format!("{word} 40 false")]);
        }
        assert_eq!(found("", &[], "[]"), ["gd 40 false"]);
        let own = "[{gd: {name: mine, lr: 0.1}}, {sgd: {lr: 0.1, batch: 4}}]";
        assert_eq!(found("", &[], own), ["mine 40 false", "sgd 4 true"]);
        assert_eq!(found("momentum mine", &[], own), ["momentum 40 false", "mine 40 false"]);
    }

    #[test]
    fn batches_are_of_those_that_take_them() {
        let all = ["8", "40", "full"];
        let expected = ["sgd 8 true", "sgd 40 true", "gd 40 false", "momentum 8 true", "momentum 40 true", "adam 40 false"];
        assert_eq!(found("gd momentum adam", &all, "[]"), expected);
        assert_eq!(found("gd sgd", &["8"], "[]"), ["sgd 8 true"]);
        // Labels that move are of a batch, which is all samples for the full gradient, and draws others when it is smaller.
        let noisy = scenario("[{sgd: {name: noisy, lr: 0.1, batch: 40, label_noise: 0.1}}]");
        let (contenders, _) = line_up(&["noisy".into()], &[Batch::Full, Batch::Samples(8)], &noisy, 40).unwrap();
        let drawn = contenders.iter().map(|c| (c.batch, c.random, c.replaces())).collect::<Vec<_>>();
        assert_eq!(drawn, [(40, true, false), (8, true, true)]);
    }

    #[test]
    fn sgd_on_all_samples_is_left_out_beside_gd() {
        let expected = ["gd 40 false", "sgd 8 true", "momentum 40 false", "momentum 8 true"];
        assert_eq!(found("gd sgd momentum", &["full", "8"], "[]"), expected);
        assert_eq!(found("sgd gd", &["full"], "[]"), ["sgd 40 false"]);
        let both = ["gd", "sgd"].map(str::to_string);
        let (_, repeated) = line_up(&both, &[], &scenario("[]"), 40).unwrap();
        assert_eq!(repeated[0].to_string(), "sgd on all samples takes the steps of gd: it is left out");
        // Names of the scenario's own, and another schedule, are runs of their own.
        let own = "[{gd: {lr: 0.1}}, {sgd: {name: mine, lr: 0.1}}]";
        assert_eq!(found("", &[], own), ["gd 40 false", "mine 40 false"]);
        let own = "[{gd: {lr: 0.1, schedule: {cosine: {t_max: 10}}}}]";
        assert_eq!(found("gd sgd", &[], own).len(), 2);
    }

    #[test]
    fn scaled_averages_last_as_long_at_every_rate() {
        let contenders = line_up(&["adam-scaled".into(), "rmsprop-scaled".into()], &[], &scenario("[]"), 40).unwrap().0;
        let Optimizer::Adam(adam) = contenders[0].at("a", 0.001, 0.1, 7) else { panic!() };
        assert!((adam.betas[0] - 0.999).abs() < 1e-15 && (adam.betas[1] - 0.99999).abs() < 1e-15, "{adam:?}");
        assert_eq!((adam.lr, adam.steps, adam.name.as_deref()), (0.001, Some(7), Some("a")));
        let Optimizer::Rmsprop(rmsprop) = contenders[1].at("r", 0.1, 0.1, 7) else { panic!() };
        assert_eq!(rmsprop.alpha, 1.0 - (1.0 - 0.99));
        assert!(line_up(&["gd-scaled".into()], &[], &scenario("[]"), 40).is_err());
    }

    #[test]
    fn what_cannot_be_is_told_what_can() {
        let error = |words: &[&str], batch: &str| {
            let words: Vec<String> = words.iter().map(|word| word.to_string()).collect();
            line_up(&words, &[batch.parse().unwrap()], &scenario("[{gd: {name: mine, lr: 1.0}}]"), 40).unwrap_err().to_string()
        };
        assert!(error(&["gdd"], "full").contains("mine, gd, sgd"), "{}", error(&["gdd"], "full"));
        assert!(error(&["gd"], "41").contains("at most 40"));
        assert!("0".parse::<Batch>().is_err() && "all".parse::<Batch>().is_err());
    }
}
