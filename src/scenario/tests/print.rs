//! What is printed reads back, record times increase, and no text makes reading panic.

use std::path::PathBuf;

use proptest::prelude::*;

use crate::data::*;
use crate::flow::{Integrator, Preserve};
use crate::network::init::{LambdaBalanced, LayerInit};
use crate::network::*;
use crate::optim::*;
use crate::record::{Grid, Record};

use super::*;

fn positive() -> impl Strategy<Value = f64> {
    (-14.0..6.0).prop_map(|exponent| 10f64.powf(exponent))
}

fn any_init() -> impl Strategy<Value = Init> {
    prop_oneof![
        Just(Init::Pytorch),
        Just(Init::Identity),
        Just(Init::Kaiming),
        Just(Init::Xavier),
        (positive(), positive()).prop_map(|(std, gain)| {
            Init::Layers(vec![LayerInit::Pytorch, LayerInit::Gaussian { std }, LayerInit::Orthogonal { gain }])
        }),
        positive().prop_map(|std| Init::Gaussian { std }),
        positive().prop_map(|gain| Init::Orthogonal { gain }),
        (positive(), prop::option::of(prop::collection::vec(positive(), 1)), 0.0..1e3)
            .prop_map(|(scale, singular_values, imbalance)| Init::Balanced { scale, singular_values, imbalance }),
        // Any other λ needs narrower hidden layers than these.
        positive().prop_map(|scale| Init::LambdaBalanced(LambdaBalanced { lambda: 0.0, scale })),
        "[ -~]{1,9}".prop_map(|name| Init::File { path: PathBuf::from("/folder é\u{2028}").join(name) }),
    ]
}

fn any_record(t_end: f64) -> impl Strategy<Value = Record> {
    (any_grid(t_end), any::<bool>()).prop_map(|(grid, weights)| Record { grid, weights })
}

fn any_grid(t_end: f64) -> impl Strategy<Value = Grid> {
    prop_oneof![
        (2..500usize, 1e-9..0.999).prop_map(move |(points, part)| Grid::Log { points, first: Some(part * t_end) }),
        (2..500usize).prop_map(|points| Grid::Linear { points }),
        prop::collection::btree_set(0..=1000u32, 0..9)
            .prop_map(move |parts| Grid::Times(parts.iter().map(|&part| f64::from(part) * (t_end / 1000.0)).collect()))
            .prop_filter(
                "rounding passed t_end",
                move |record| matches!(record, Grid::Times(t) if t.iter().all(|&t| t <= t_end))
            ),
    ]
}

fn any_link() -> impl Strategy<Value = Link> {
    prop_oneof![Just(Link::Identity), Just(Link::Gaussian), Just(Link::Sin), (0..=30usize).prop_map(|k| Link::Hermite { k })]
}

fn any_distribution() -> impl Strategy<Value = Distribution> {
    prop_oneof![
        Just(Distribution::Gaussian),
        Just(Distribution::Hypercube),
        (2.001..1e6).prop_map(|dof| Distribution::StudentT { dof }),
        (0.0..=1.0).prop_map(|separation| Distribution::Mixture { separation }),
    ]
}

/// For inputs of length `dim` ≥ 1.
fn any_target(dim: usize, outputs: usize) -> impl Strategy<Value = Target> {
    prop_oneof![
        any_link().prop_map(move |link| Target::LowRank(LowRankTarget { rank: 1, outputs, link, singular_values: None })),
        any_link().prop_map(|link| Target::SingleIndex(SingleIndex { link })),
        (any_link(), prop::option::of(prop::collection::vec(positive(), 1)))
            .prop_map(|(link, singular_values)| Target::MultiIndex(MultiIndex { rank: 1, link, singular_values })),
        prop::collection::vec(1..9usize, 1..3).prop_map(move |mut widths| {
            widths.insert(0, dim);
            Target::Teacher(Teacher { widths, activation: Activation::Gelu })
        }),
        (1..=dim).prop_map(|k| Target::Parity(Parity { k })),
        (1..=dim).prop_map(|k| Target::Counterexample(Counterexample { k })),
    ]
}

/// Inputs, target and the network's widths, which fit each other.
fn any_problem() -> impl Strategy<Value = (Synthetic, Vec<usize>)> {
    let target = |widths: Vec<usize>| (any_target(widths[0], widths[widths.len() - 1]), Just(widths));
    let problem = prop::collection::vec(1..=9usize, 3..6).prop_flat_map(target);
    (problem, any_distribution(), positive(), 0..99usize).prop_map(|((target, mut widths), distribution, noise, test)| {
        let inputs = Inputs { dim: widths[0], samples: 50.into(), distribution, condition: 3.5, whiten: false };
        let last = widths.len() - 1;
        widths[last] = target.outputs();
        (Synthetic { inputs, target, noise, test }, widths)
    })
}

prop_compose! {
    fn any_flow()(t_end in positive(), rtol in 1e-15..1.0, atol in positive(), fixed in any::<bool>(), kink in 0.0..0.1) -> Flow {
        let integrator = if fixed { Integrator::Rk4 { step: t_end / 7.0 } } else { Integrator::Dop853 };
        Flow { t_end, integrator, rtol, atol, preserve: Preserve::None, certify: false, max_steps: 17, kink }
    }
}

prop_compose! {
    fn any_scenario()(flow in any_flow())(
        record in any_record(flow.t_end),
        flow in Just(flow),
        name in "[a-z0-9-]{1,9}",
        description in prop::option::of("[^\\pC\n]{0,20}"),
        seed in any::<u64>(),
        (synthetic, widths) in any_problem(),
        init in any_init(),
        weight_decay in positive(),
        loss in prop::option::of(positive()),
        rates in prop::collection::vec((1e-9..1.0, prop::option::of(1..1000u64)), 0..3),
    ) -> Scenario {
        let gd = |(i, (part, steps))| Optimizer::Gd(Gd { name: Some(format!("gd-{i}")), lr: part * flow.t_end, steps, schedule: Schedule::Constant });
        let optimizers = rates.into_iter().enumerate().map(gd).collect();
        let init = match init {
            Init::Layers(each) => Init::Layers(each.into_iter().cycle().take(widths.len() - 1).collect()),
            whole => whole,
        };
        Scenario {
            name,
            description,
            seed,
            data: Data::Synthetic(synthetic),
            network: Network { widths, activations: OneOrEach::default(), bias: OneOrEach::default() },
            init,
            loss: Loss::Mse,
            weight_decay: weight_decay.into(),
            layer_rates: LayerRates::default(),
            flow,
            record,
            optimizers,
            stop: loss.map(|loss| Stop { loss: Some(loss), ..Stop::default() }),
            observe: None,
            measure: Vec::new(),
            claims: Vec::new(),
            style: Style { title: seed % 2 == 0, font_size: Some("8.5pt".parse().unwrap()), ..Style::default() },
        }
    }
}

proptest! {
    #[test]
    fn what_is_printed_reads_back(scenario in any_scenario()) {
        prop_assert_eq!(&reading(&scenario.to_yaml(), &[]).unwrap(), &scenario, "{}", scenario.to_yaml());
        prop_assert_eq!(&reading(&scenario.to_json(), &[]).unwrap(), &scenario, "{}", scenario.to_json());
    }

    /// PyYAML's resolver for floats, YAML 1.1: a number with an exponent has a dot and a signed exponent.
    #[test]
    fn printed_floats_are_floats_to_yaml_1_1(exponent in -300.0..300.0) {
        let value = 10f64.powf(exponent);
        let text = yaml(&Value::from(value));
        let (mantissa, power) = text.trim().split_once('e').unwrap_or((text.trim(), "+0"));
        prop_assert!(mantissa.contains('.') && power.starts_with(['+', '-']), "{}", text);
        prop_assert_eq!(text.trim().parse::<f64>().unwrap(), value);
    }

    #[test]
    fn record_times_increase_from_zero_to_t_end(flow in any_flow(), points in 2..500usize, part in 1e-12..0.999_999) {
        let first = part * flow.t_end;
        for record in [Grid::Log { points, first: Some(first) }, Grid::Linear { points }, Grid::Times(vec![first])] {
            let times = Record { grid: record.clone(), weights: false }.times(flow.t_end);
            prop_assert_eq!(times[0], 0.0);
            prop_assert_eq!(times[times.len() - 1], flow.t_end);
            prop_assert!(times.windows(2).all(|pair| pair[0] < pair[1]));
            match record {
                Grid::Log { .. } => {
                    prop_assert_eq!(times[1], first);
                    prop_assert_eq!(times.len(), points + 1);
                    let ratio = (flow.t_end / first).powf(1.0 / (points - 1) as f64);
                    prop_assert!(times[1..].windows(2).all(|pair| (pair[1] / pair[0] / ratio - 1.0).abs() < 1e-9));
                }
                Grid::Linear { .. } => {
                    prop_assert_eq!(times.len(), points);
                    let step = flow.t_end / (points - 1) as f64;
                    prop_assert!(times.windows(2).all(|pair| ((pair[1] - pair[0]) / step - 1.0).abs() < 1e-9));
                }
                Grid::Times(_) => prop_assert_eq!(times, vec![0.0, first, flow.t_end]),
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4usize, "[\\[\\]{}:,&*!|>'\"#%@`<\\- \t\né0-9a\u{feff}?]{0,3}"), 0..8),
        set in "[a-z.\\[\\]0-9={}: ]{0,12}",
    ) {
        let mut text: Vec<char> = EVERYTHING.chars().collect();
        for (place, removed, inserted) in edits {
            let start = place.index(text.len());
            let end = (start + removed).min(text.len());
            text.splice(start..end, inserted.chars());
        }
        let text: String = text.into_iter().collect();
        if let Err(error) = parse(&text, Path::new(FILE), &[set]) {
            prop_assert!(!error.to_string().is_empty());
        }
    }
}
