//! The cost of a step besides that of the field: every integrator on θ̇ = −θ, whose evaluation is one pass over memory, per accepted step.
//!
//! `cargo bench --bench steps`. Steps have one length, far below what the tolerance would allow, and come in segments of [`SEGMENT`], at
//! whose ends methods without dense output begin anew. Times are those of the method's stages, its error estimate and the loop around it,
//! with the evaluations, of which the row `field` gives the time of one.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use gramflow::ode::{
    Integrator, JacobianProducts, Limits, OdeError, Tolerance, VectorField, dop853, dopri5, gauss, rkc, rock4, tsit5,
};
use nalgebra::DVector;

/// So short that θ hardly moves, however many steps are taken.
const STEP: f64 = 1e-7;
/// Steps between two calls: `ode_solvers` keeps every state in between.
const SEGMENT: u32 = 16;

/// θ̇ = −θ in P dimensions.
struct Decay(usize);

impl VectorField for Decay {
    fn dim(&self) -> usize {
        self.0
    }
    fn eval(&self, _: f64, theta: &DVector<f64>, dtheta: &mut DVector<f64>) {
        dtheta.zip_apply(theta, |out, theta| *out = -theta);
    }

    fn jacobian(&self) -> Option<&dyn JacobianProducts> {
        Some(self)
    }
}

impl JacobianProducts for Decay {
    fn jacobian_vector(&self, _: f64, _: &DVector<f64>, v: &DVector<f64>, jv: &mut DVector<f64>) {
        jv.zip_apply(v, |out, v| *out = -v);
    }
}

type Make = for<'f> fn(&'f Decay, Tolerance, Limits) -> Result<Integrator<'f>, OdeError>;

const METHODS: [(&str, Make); 6] = [
    ("tsit5", |field, tolerance, limits| tsit5(field, tolerance, limits)),
    ("rock4", |field, tolerance, limits| rock4(field, tolerance, limits)),
    ("rkc", |field, tolerance, limits| rkc(field, tolerance, limits)),
    ("gauss2", |field, tolerance, limits| gauss(field, 2, tolerance, limits)),
    ("dopri5", |field, tolerance, limits| dopri5(field, tolerance, limits)),
    ("dop853", |field, tolerance, limits| dop853(field, tolerance, limits)),
];

/// The time of `count` steps, at the mean time of a step over whole segments.
fn time_of(make: Make, field: &Decay, count: u64) -> Duration {
    let limits = Limits { max_step: STEP, t_end: 1e3, max_steps: u64::MAX, ..Limits::default() };
    let mut integrator = make(field, Tolerance { rtol: 1e-6, atol: 1e-9 }, limits).expect("a positive tolerance");
    let mut theta = DVector::from_fn(field.dim(), |i, _| 1.0 + 0.1 * (i % 7) as f64);
    let mut advance = |segment: u32| {
        let [from, to] = [segment, segment + 1].map(|k| f64::from(k * SEGMENT) * STEP);
        let done = integrator.advance(from, to, &mut theta).expect("a state of the field");
        assert_eq!(done.stop, None);
        done.work.accepted
    };
    // The first steps allocate storage and find the step length.
    let mut segment = 2;
    (0..segment).for_each(|k| {
        advance(k);
    });
    let (begin, mut steps) = (Instant::now(), 0);
    while steps < count {
        steps += advance(segment);
        segment += 1;
    }
    begin.elapsed().div_f64(steps as f64).mul_f64(count as f64)
}

fn steps(criterion: &mut Criterion) {
    for dim in [300, 20_000, 160_000] {
        let mut group = criterion.benchmark_group(format!("step of P = {dim}"));
        group.sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_millis(1500));
        let field = Decay(dim);
        let (theta, mut out) = (DVector::from_element(dim, 1.0), DVector::zeros(dim));
        group.bench_function("field", |bencher| bencher.iter(|| field.eval(0.0, &theta, &mut out)));
        for (name, make) in METHODS {
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter_custom(|count| time_of(make, &field, count));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, steps);
criterion_main!(benches);
