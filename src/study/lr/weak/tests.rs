//! Laws of the control variates, exact over all sequences of batches, and of the weak errors.

use std::path::Path;
use std::sync::Arc;

use nalgebra::DVector;

use super::ensemble::Member;
use super::*;
use crate::data::{Dataset, Moments};
use crate::loss::Loss;
use crate::network::{Activation, Architecture};
use crate::objective::{LinearObjective, MlpObjective, Objective, Samples};
use crate::optim::Kick;
use crate::rng::{Purpose, gaussian_matrix, stream};
use crate::study::lr::fit::{Sample, fit};
use crate::study::lr::{RateStudySettings, samples};

/// An objective, its samples and a start.
struct Small {
    objective: Box<dyn Objective>,
    samples: Arc<Samples>,
    start: DVector<f64>,
}

impl Small {
    fn of(widths: &[usize], n: usize, activation: Activation) -> Self {
        let layers = widths.len() - 1;
        let mut activations = vec![activation; layers];
        activations[layers - 1] = Activation::Identity;
        let net = Architecture::with_layers(widths, &activations, &vec![false; layers]);
        let rng = &mut stream(0, Purpose::Inputs);
        let (x, y) = (gaussian_matrix(n, widths[0], rng), gaussian_matrix(n, widths[layers], rng));
        let data = Dataset { x: x / (widths[0] as f64).sqrt(), y };
        let start = gaussian_matrix(net.parameter_count(), 1, &mut stream(0, Purpose::Init)).column(0) * 0.5;
        let samples = Arc::new(Samples::new(&data));
        let objective: Box<dyn Objective> = if activation == Activation::Identity {
            Box::new(LinearObjective::new(net, Moments::new(&data).unwrap(), 0.1))
        } else {
            Box::new(MlpObjective::new(net, Arc::new(data), Loss::Mse, 0.1))
        };
        Self { objective, samples, start }
    }

    fn control(&self, rate: f64, steps: u64, terms: Terms) -> Control {
        Control::new(&*self.objective, &self.samples, &self.start, (rate, steps), terms, &Interrupt::default()).unwrap()
    }

    /// J and ‖θ‖², and C of both, at the end of every sequence of batches of one or two samples, all equally likely.
    fn all(&self, rate: f64, steps: usize, size: usize, control: &Control) -> Vec<Member> {
        let n = self.samples.count() as u32;
        let batches: Vec<Vec<u32>> =
            if size == 1 { (0..n).map(|i| vec![i]).collect() } else { (0..n * n).map(|i| vec![i / n, i % n]).collect() };
        let mut minibatch = self.objective.batches().unwrap().minibatch(self.samples.clone(), size);
        let (mut gradient, mut scratch) = (self.start.clone(), self.start.clone());
        let (mut open, mut members) = (vec![(self.start.clone(), [0.0; 2], 0)], Vec::new());
        while let Some((theta, controls, taken)) = open.pop() {
            if taken == steps {
                members.push(Member { values: [self.objective.value(&theta), theta.norm_squared()], controls });
                continue;
            }
            for batch in &batches {
                let mut sums = controls;
                control.add_batch(taken, batch, &theta, &mut sums, &mut scratch);
                minibatch.loss_gradient(batch, &theta, &mut gradient);
                self.objective.add_decay(1.0, &theta, &mut gradient);
                open.push((&theta - &gradient * rate, sums, taken + 1));
            }
        }
        members
    }
}

fn mean(members: &[Member], of: impl Fn(&Member) -> f64) -> f64 {
    members.iter().map(of).sum::<f64>() / members.len() as f64
}

fn deviation(members: &[Member], of: impl Fn(&Member) -> f64) -> f64 {
    let center = mean(members, &of);
    mean(members, |member| (of(member) - center).powi(2)).sqrt()
}

/// Exactly, whatever the steps are: here they are long, and C is no small number.
#[test]
fn the_control_of_seeds_has_mean_0_over_all_sequences_of_batches() {
    for (small, size, steps) in [
        (Small::of(&[1, 1, 1], 3, Activation::Identity), 2, 3),
        (Small::of(&[2, 2, 1], 3, Activation::Identity), 1, 5),
        (Small::of(&[2, 3, 1], 3, Activation::Tanh), 1, 4),
    ] {
        for terms in [Terms::First, Terms::Second] {
            let members = small.all(0.3, steps, size, &small.control(0.3, steps as u64, terms));
            for phi in 0..2 {
                let (center, spread) = (mean(&members, |m| m.controls[phi]), deviation(&members, |m| m.controls[phi]));
                assert!(center.abs() < 1e-13 * spread.max(1.0) && spread > 1e-3, "{terms:?} {phi}: {center} {spread}");
            }
        }
    }
}

/// Of a path it is linear in the weights, and equal ones make none: so it has mean 0 for any ξ of mean 0, less ξ̄ or not, and for any X.
#[test]
fn the_control_of_paths_is_linear_in_weights_of_mean_0() {
    let small = Small::of(&[2, 3, 1], 3, Activation::Tanh);
    let control = small.control(0.2, 2, Terms::Second);
    let mut scratch = small.start.clone();
    let mut of = |weights: [f64; 3], share: f64| {
        let mut sums = [0.0; 2];
        let before = &small.start * 1.3;
        let kick = Kick { share, middle: share + 0.25, before: &before, weights: &weights };
        control.add_kick(1, &kick, &mut sums, &mut scratch);
        sums
    };
    for share in [0.0, 0.5] {
        let [one, other, both] = [of([0.3, -1.0, 0.2], share), of([-0.1, 0.4, 2.0], share), of([0.2, -0.6, 2.2], share)];
        for phi in 0..2 {
            assert!((one[phi] + other[phi] - both[phi]).abs() < 1e-13 && both[phi].abs() > 1e-3);
            assert!(of([1.0; 3], share)[phi].abs() < 1e-13);
        }
    }
}

/// Over a given number of steps of a shrinking rate η of φ, η² with the terms in a, η³ with those in b: over a given time that is √η, η and
/// η^{3/2}. Of two samples ½η²ζᵀMζ, which C leaves out, is the same for both.
#[test]
fn each_term_of_the_control_takes_a_power_of_the_rate_from_the_deviation() {
    for small in [Small::of(&[1, 1, 1], 2, Activation::Identity), Small::of(&[2, 2, 1], 2, Activation::Tanh)] {
        for (terms, power) in [(None, 1.0), (Some(Terms::First), 2.0), (Some(Terms::Second), 3.0)] {
            let deviations = |rate: f64| {
                let members = small.all(rate, 4, 1, &small.control(rate, 4, terms.unwrap_or(Terms::First)));
                let share = if terms.is_some() { 1.0 } else { 0.0 };
                [0, 1].map(|phi| deviation(&members, |m| m.values[phi] - share * m.controls[phi]))
            };
            let (long, short) = (deviations(0.004), deviations(0.002));
            for phi in 0..2 {
                let slope = (long[phi] / short[phi]).log2();
                assert!((slope - power).abs() < 0.1, "{terms:?} {phi}: {slope}");
            }
        }
    }
}

#[test]
fn a_control_that_takes_too_much_is_left_out() {
    assert_eq!(Terms::affordable(100, 10, 50), Some(Terms::Second));
    assert_eq!(Terms::affordable(100, 10, 401), Some(Terms::First));
    assert_eq!(Terms::affordable(1_000_000, 10, 50), None);
    assert_eq!(Terms::affordable(u64::MAX, usize::MAX, usize::MAX), None);
}

const CHAIN: &str = "
name: chain
data: {synthetic: {inputs: {dim: 1, samples: 8}, target: {low_rank: {rank: 1, outputs: 1}}, noise: 0.5}}
network: {widths: [1, 1, 1]}
init: {gaussian: {std: 0.7}}
flow: {t_end: 1.0}
optimizers: [{sgd: {lr: 0.1, batch: 1, replacement: true}}]
";

/// A study of `text` at these rates, in a folder of its own.
struct Study {
    scenario: Scenario,
    plan: RatePlan,
    at: tempfile::TempDir,
}

impl Study {
    fn of(text: &str, rates: &[f64]) -> Self {
        let scenario = crate::scenario::parse(text, Path::new("tiny.yaml"), &[]).unwrap().0;
        let settings = RateStudySettings { rates: rates.to_vec(), seeds: 1, ..RateStudySettings::default() };
        let plan = RatePlan::new(&scenario, samples(&scenario).unwrap(), &settings).unwrap();
        Self { scenario, plan, at: tempfile::tempdir().unwrap() }
    }

    fn ensembles(
        &self,
        count: u64,
        threads: usize,
        interrupt: &Interrupt,
        told: impl FnMut(f64),
    ) -> Result<Ensembles, LrError> {
        let folder = Folder::open(&self.at.path().join("study"), self.plan.sweep().1).unwrap();
        let place = StudyPlace { path: None, jobs: threads.try_into().unwrap(), memory: None };
        ensembles(&self.scenario, &self.plan, count, &folder, place, interrupt, told)
    }

    fn found(&self, count: u64, threads: usize) -> Ensembles {
        self.ensembles(count, threads, &Interrupt::default(), |_| ()).unwrap()
    }
}

/// What was found does not depend on the threads.
#[test]
fn any_number_of_threads_finds_the_same() {
    let study = Study::of(CHAIN, &[0.1, 0.2]);
    let one = study.found(200, 1);
    assert_eq!(one.rows.len(), 6);
    for threads in [2, 3] {
        // Another folder, so that nothing is known.
        assert_eq!(Study::of(CHAIN, &[0.1, 0.2]).found(200, threads).rows, one.rows);
    }
    // Seeds of their own at every rate, and another N is another ensemble.
    assert!(one.rows[0].means != one.rows[3].means && study.found(300, 1).rows[0].means != one.rows[0].means);
}

/// Within the first chunk of members, too.
#[test]
fn an_interrupt_is_seen_at_the_next_step() {
    let interrupt = Interrupt::default();
    interrupt.raise();
    let study = Study::of(CHAIN, &[0.1]);
    assert!(matches!(study.ensembles(200, 1, &interrupt, |_| ()), Err(LrError::Interrupted)));
    let course_ends = |lost| {
        let walk = |(): &mut (), _, _, _: &mut Vec<Member>| Err(lost);
        ensemble::gather(200, vec![()], walk, &Interrupt::default(), |_| ())
    };
    assert!(matches!(course_ends(ensemble::Lost::Interrupted), Err(LrError::Interrupted)));
    assert!(matches!(course_ends(ensemble::Lost::Diverged(3)), Ok(Err(3))));
}

/// A step takes 1 gradient along a seed, and 4 and 20 along paths of order 1 and 2. There are four chunks of each.
#[test]
fn progress_goes_by_gradients() {
    let mut told = Vec::new();
    Study::of(CHAIN, &[0.1]).ensembles(200, 1, &Interrupt::default(), |share| told.push(share)).unwrap();
    let chunks = |[from, to]: [f64; 2]| (1..=4).map(move |i| (from + (to - from) * f64::from(i) / 4.0) / 25.0);
    let expected: Vec<f64> = [[0.0, 1.0], [1.0, 5.0], [5.0, 25.0]].into_iter().flat_map(chunks).collect();
    assert!(told.iter().zip(&expected).all(|(told, expected)| (told - expected).abs() < 1e-12), "{told:?}");
    assert!(told.len() >= 12 && told.last() == Some(&1.0), "{told:?}");
}

/// Interrupted after the first rate it knows that one, and goes on with the next.
#[test]
fn an_interrupted_study_goes_on_where_it_was() {
    let (study, whole) = (Study::of(CHAIN, &[0.1, 0.2]), Study::of(CHAIN, &[0.1, 0.2]).found(200, 1));
    let interrupt = Interrupt::default();
    let of_the_first = 10.0 / 15.0;
    let told = |share: f64| {
        if share > of_the_first {
            interrupt.raise()
        }
    };
    assert!(matches!(study.ensembles(200, 1, &interrupt, told), Err(LrError::Interrupted)));
    let path = study.at.path().join("study").join(RateStudy::ENSEMBLE);
    let table = crate::folder::read_table(&path).unwrap();
    assert_eq!(kept::rows(&table), whole.rows[..3]);
    assert_eq!(study.found(200, 1).rows, whole.rows);
    // All is known now: the file stays as it is.
    let before = path.metadata().unwrap().modified().unwrap();
    assert_eq!(study.found(200, 1).rows, whole.rows);
    assert_eq!(path.metadata().unwrap().modified().unwrap(), before);
}

#[test]
fn what_has_no_equation_says_why() {
    let notes = |optimizer: &str| {
        let text = CHAIN.replace("{sgd: {lr: 0.1, batch: 1, replacement: true}}", optimizer);
        let found = Study::of(&text, &[0.02, 0.04]).found(2, 1);
        // Nothing is drawn in any of them that has an equation, but with momentum.
        let is_drawn = optimizer.contains("momentum");
        assert!(found.rows.iter().all(|row| (row.control == "none") != is_drawn), "{optimizer}");
        (found.rows.iter().map(|row| row.process.clone()).collect::<Vec<_>>(), found.notes.join("\n"))
    };
    let (rows, note) = notes("{gd: {lr: 0.1}}");
    assert!(rows.is_empty() && note.contains("no optimizer draws batches or adds noise"), "{note}");
    let (rows, note) = notes("{sgd: {lr: 0.1, batch: 2}}");
    assert!(rows.is_empty() && note.contains("without replacement the noise of an epoch cancels"), "{note}");
    assert!(note.ends_with("; set its replacement: true"), "{note}");
    for only_first in ["{sgd: {lr: 0.1, batch: 1, replacement: true, momentum: 0.5}}", "{sgd: {lr: 0.1, temperature: 0.01}}"] {
        let (rows, note) = notes(only_first);
        assert!(rows == ["seeds", "sde_1", "seeds", "sde_1"] && note.contains("equation of order 1 alone: with "), "{note}");
        assert_eq!(note.matches("order 1 alone").count(), 1, "{note}");
        // The study compares with both orders and has no key for one.
        assert!(note.ends_with("it is known to order 1 only"), "{note}");
    }
    let (rows, note) = notes("{sgd: {lr: 0.1, batch: 8, label_noise: 0.3}}");
    assert!(rows.len() == 6 && note.is_empty(), "{rows:?} {note}");
}

/// A rate at which seeds diverge has no law, and the study goes on.
#[test]
fn what_diverges_is_told_with_its_step() {
    let study = Study::of(&CHAIN.replace("t_end: 1.0", "t_end: 40.0").replace("std: 0.7", "std: 5.0"), &[0.01, 4.0]);
    let found = study.found(2, 1);
    let contender = &study.plan.contenders[0];
    let [slow, fast] = [0.01, 4.0].map(|lr| found.errors(contender, lr));
    assert!(fast.diverged.iter().all(|step| step.is_some_and(|step| step < 50)), "{fast:?}");
    assert!(fast.errors.as_flattened().iter().all(Option::is_none) && slow.diverged == [None; 2]);
}

/// The slope of these errors over their rates, as a study fits it.
fn slope(rates: &[f64], error: impl Fn(f64) -> Estimate) -> f64 {
    let sample = |&lr: &f64| {
        let Estimate { distance, error, .. } = error(lr);
        Sample { lr, distance, error }
    };
    fit(&rates.iter().map(sample).collect::<Vec<_>>()).unwrap().slope
}

fn check_orders(text: &str, rates: &[f64], count: u64, within: [f64; 2]) {
    let study = Study::of(text, rates);
    let found = study.found(count, 2);
    for (order, within) in [1, 2].into_iter().zip(within) {
        for (phi, name) in OBSERVABLES.iter().enumerate() {
            let slope = slope(rates, |lr| found.errors(&study.plan.contenders[0], lr).errors[order - 1][phi].unwrap());
            assert!((slope - order as f64).abs() < within, "order {order}, {name}: {slope}");
        }
    }
}

/// In batches of 4: their noise is half as large, and what is left of it a good deal less.
#[test]
fn expectations_on_a_chain_have_weak_orders_1_and_2() {
    check_orders(&CHAIN.replace("batch: 1", "batch: 4"), &[0.05, 0.0625, 0.1, 0.125], 2000, [0.1, 0.15]);
}

const FIVE: &str = "
name: five
seed: 2
data: {synthetic: {inputs: {dim: 5, samples: 16}, target: {low_rank: {rank: 2, outputs: 5}}, noise: 0.5}}
network: {widths: [5, 5, 5]}
init: {orthogonal: {gain: 0.7}}
flow: {t_end: 0.2}
optimizers: [{sgd: {lr: 0.1, batch: 16, replacement: true}}]
";

/// So few members tell an order of 2 from 1 and from 3; the guide has what more of them find.
#[test]
fn expectations_on_a_5_5_5_network_have_weak_orders_1_and_2() {
    check_orders(FIVE, &[0.02, 0.025, 0.04], 600, [0.1, 0.4]);
}

/// The control that must fail: with half the covariance, what is of order 2 is of order 1.
#[test]
fn with_half_the_noise_the_second_order_is_a_first() {
    let rates = [0.05, 0.0625, 0.1, 0.125];
    // Labels far from any fit, so that noise outweighs the curvature of the path.
    let text = CHAIN.replace("batch: 1", "batch: 4").replace("noise: 0.5", "noise: 2.0");
    let study = Study::of(&text, &rates);
    let place = StudyPlace { path: None, jobs: std::num::NonZeroUsize::MIN, memory: None };
    let problem = own_problem(&study.plan, 0, place).unwrap();
    let found = slope(&rates, |lr| {
        let steps = (1.0 / lr).round() as u64;
        let optimizer = study.plan.contenders[0].at("sgd", lr, lr, steps);
        let (control, _) = control(&problem, &optimizer, steps, &Interrupt::default()).unwrap();
        let course = Course {
            problem: &problem,
            decay: &study.scenario.weight_decay,
            optimizer: &optimizer,
            steps,
            control: Some(&control),
            seed: 0,
            count: 500,
            threads: 1,
        };
        let second = equations(&course, true).unwrap().0[1];
        let halved = SgdEquation { batch: Some(8), ..second };
        let seeds = course.seeds(&Interrupt::default(), |_| ()).unwrap().unwrap().best(0);
        let paths = course.paths(halved, "halved", &Interrupt::default(), |_| ()).unwrap().unwrap().best(0);
        let (distance, floor) = ((paths.mean - seeds.mean).abs(), paths.error().hypot(seeds.error()));
        Estimate { distance, error: floor / distance, floor }
    });
    assert!((found - 1.0).abs() < 0.2, "{found}");
}
