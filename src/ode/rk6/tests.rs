//! The laws that the coefficients obey: conditions of order, over all rooted trees, and of stability.

use std::collections::BTreeSet;

use super::*;
use crate::linalg::Line;
use crate::ode::testing::Scalar;

/// A rooted tree: its root's subtrees, sorted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Tree(Vec<Tree>);

impl Tree {
    fn order(&self) -> usize {
        1 + self.0.iter().map(Tree::order).sum::<usize>()
    }

    /// γ: the weights must sum to 1/γ over the tree.
    fn density(&self) -> f64 {
        self.0.iter().map(Tree::density).product::<f64>() * self.order() as f64
    }

    /// The trees with one leaf more.
    fn grown(&self) -> BTreeSet<Tree> {
        let sorted = |mut of: Vec<Tree>| {
            of.sort();
            Tree(of)
        };
        let at_root = sorted([&self.0[..], &[Tree(Vec::new())]].concat());
        let in_branches = self.0.iter().enumerate().flat_map(|(index, branch)| {
            let with = move |grown: Tree| {
                let mut all = self.0.clone();
                all[index] = grown;
                sorted(all)
            };
            branch.grown().into_iter().map(with)
        });
        in_branches.chain([at_root]).collect()
    }

    /// All trees of an order.
    fn all(order: usize) -> BTreeSet<Tree> {
        let first = BTreeSet::from([Tree(Vec::new())]);
        (1..order).fold(first, |trees, _| trees.iter().flat_map(Tree::grown).collect())
    }
}

/// A tableau written out: A with the end of the step as its last row, and the weights of order 5.
struct Full {
    a: Vec<Vec<f64>>,
    embedded: Vec<f64>,
}

impl Full {
    fn new(tableau: &Tableau) -> Self {
        let s = tableau.stages();
        // The place of each source of a row among k_1, …, k_{s+1}.
        let spread = |row: usize, weights: &[f64]| {
            let k: Vec<DVector<f64>> = (1..=s).map(|j| DVector::from_fn(s + 1, |i, _| f64::from(u8::from(i == j)))).collect();
            let k1 = DVector::from_fn(s + 1, |i, _| f64::from(u8::from(i == 0)));
            let from = sources(row, weights.len(), &k1, &k);
            let mut all = vec![0.0; s + 1];
            weights.iter().zip(from).for_each(|(w, unit)| all.iter_mut().zip(unit).for_each(|(a, u)| *a += w * u));
            all
        };
        let rows = tableau.rows.iter().enumerate().map(|(index, row)| spread(index + 2, row));
        let weights = spread(END, tableau.weights);
        let embedded = weights.iter().zip(spread(END, tableau.error)).map(|(b, e)| b - e).collect();
        Self { a: [vec![0.0; s + 1]].into_iter().chain(rows).chain([weights]).collect(), embedded }
    }

    fn weights(&self) -> &[f64] {
        &self.a[self.a.len() - 1]
    }

    /// Σ_j a_ij over a vector.
    fn times(&self, v: &[f64]) -> Vec<f64> {
        self.a.iter().map(|row| row.iter().zip(v).map(|(a, v)| a * v).sum()).collect()
    }

    /// The product over the tree's branches at every stage.
    fn over(&self, tree: &Tree) -> Vec<f64> {
        tree.0.iter().fold(vec![1.0; self.a.len()], |product, branch| {
            product.iter().zip(self.times(&self.over(branch))).map(|(p, b)| p * b).collect()
        })
    }

    /// The largest relative residual of the conditions of an order.
    fn residual(&self, weights: &[f64], order: usize) -> f64 {
        let off = |tree: &Tree| {
            let sum: f64 = weights.iter().zip(self.over(tree)).map(|(b, x)| b * x).sum();
            (sum * tree.density() - 1.0).abs()
        };
        Tree::all(order).iter().map(off).fold(0.0, f64::max)
    }

    /// The polynomials of all stages at z, the last that of the end.
    fn stages_at(&self, z: f64) -> Vec<f64> {
        let mut values: Vec<f64> = Vec::new();
        for row in &self.a {
            let sum: f64 = row.iter().zip(&values).map(|(a, value)| a * value).sum();
            values.push(1.0 + z * sum);
        }
        values
    }
}

fn all() -> impl Iterator<Item = (usize, &'static Tableau, Full)> {
    TABLEAUX.iter().enumerate().map(|(index, tableau)| (index, *tableau, Full::new(tableau)))
}

#[test]
fn the_trees_are_as_many_as_cayley_counted() {
    assert_eq!([1, 2, 3, 4, 5, 6, 7].map(|order| Tree::all(order).len()), [1, 1, 2, 4, 9, 20, 48]);
}

/// Of order 6 and no more, the embedded method of order 5 and no more. The sum of each row is its stage's time.
#[test]
fn the_conditions_of_order_are_met() {
    for (_, tableau, full) in all() {
        let s = tableau.stages();
        for order in 1..=6 {
            let residual = full.residual(full.weights(), order);
            assert!(residual < 1e-12, "{s} stages, order {order}: {residual:e}");
        }
        for order in 1..=5 {
            let residual = full.residual(&full.embedded, order);
            assert!(residual < 1e-12, "{s} stages, embedded, order {order}: {residual:e}");
        }
        assert!(full.residual(full.weights(), 7) > 1e-2 && full.residual(&full.embedded, 6) > 1e-2, "{s} stages");
        for (row, c) in full.a[1..s].iter().zip(tableau.times) {
            assert!((row.iter().sum::<f64>() - c).abs() < 1e-14);
        }
    }
}

/// At every hρ up to the reach the method damps, and neither its stages nor its embedded method nor its dense output amplify much.
#[test]
fn it_is_stable_as_far_as_it_says() {
    for (_, tableau, full) in all() {
        let s = tableau.stages();
        for z in (1..=2000).map(|i| -tableau.reach * f64::from(i) / 2000.0) {
            let stages = full.stages_at(z);
            let end = stages[s].abs();
            assert!(end <= if z < -3.0 { 0.96 } else { 1.0 }, "{s} stages at {z}: {end}");
            let embedded: f64 = 1.0 + z * full.embedded.iter().zip(&stages).map(|(b, x)| b * x).sum::<f64>();
            let within = stages.iter().fold(0.0f64, |most, x| most.max(x.abs()));
            assert!(embedded.abs() < 2.0 && within < 4.0, "{s} stages at {z}: {embedded} {within}");
        }
        // Control: not much beyond.
        assert!(full.stages_at(-1.15 * tableau.reach)[s].abs() > 1.0, "{s} stages");
    }
}

/// The largest distances at the ends of steps and inside them until t = 4, in equal steps without the driver, for θ̇ = (3 cos 3t + 1)(1 − θ²), θ = tanh(sin 3t + t).
fn errors(index: usize, steps: usize) -> [f64; 2] {
    let field = Scalar {
        rate: |t, theta| (3.0 * (3.0 * t).cos() + 1.0) * (1.0 - theta * theta),
        slope: |t, theta| -2.0 * theta * (3.0 * (3.0 * t).cos() + 1.0),
    };
    let exact = |t: f64| ((3.0 * t).sin() + t).tanh();
    let (rhs, mut method, h) = (Rhs::new(&field), Rk6::with(index), 4.0 / steps as f64);
    let tolerance = Tolerance { rtol: 1e-3, atol: 1e-3 };
    let (mut theta, mut worst) = (DVector::from_element(1, 0.0), [0.0f64; 2]);
    let (mut dtheta, mut next, mut dnext, mut inside) = (theta.clone(), theta.clone(), theta.clone(), theta.clone());
    rhs.eval(0.0, &theta, &mut dtheta).unwrap();
    for step in 0..steps {
        let t = step as f64 * h;
        let before = rhs.evaluations();
        let base = Base { t, theta: &theta, dtheta: &dtheta };
        method.step(&rhs, &base, h, 0.0, &tolerance, &mut next, &mut dnext).unwrap();
        assert_eq!(rhs.evaluations() - before, TABLEAUX[index].stages() as u64);
        let taken = Taken { base, h, next: &next, dnext: &dnext };
        for sigma in [0.1, 0.3, 0.5, 0.7, 0.9] {
            method.interpolate(&rhs, &taken, sigma, &mut inside).unwrap();
            worst[1] = worst[1].max((inside[0] - exact(t + sigma * h)).abs());
        }
        assert_eq!(rhs.evaluations() - before, TABLEAUX[index].stages() as u64);
        worst[0] = worst[0].max((next[0] - exact(t + h)).abs());
        (theta, dtheta) = (next.clone(), dnext.clone());
    }
    worst
}

/// The local error of the dense output, of order 5, is of the order of the method's global one.
#[test]
fn it_converges_with_order_6_at_its_end_and_inside_its_steps() {
    for (index, tableau, _) in all() {
        let counts = [60, 80, 106, 140];
        for place in [0, 1] {
            let x = counts.map(|steps: usize| (steps as f64).ln());
            let y = counts.map(|steps| errors(index, steps)[place].ln());
            let order = -Line::through(&x, &y).unwrap().slope;
            assert!((order - 6.0).abs() < 0.5, "{} stages, {place}: {order} {y:?}", tableau.stages());
        }
    }
}

/// As few stages as are stable.
#[test]
fn the_number_of_stages_follows_from_the_spectral_radius() {
    let field = Scalar { rate: |_, theta| -theta, slope: |_, _| -1.0 };
    let (theta, dtheta) = (DVector::from_element(1, 1.0), DVector::from_element(1, -1.0));
    let (mut next, mut dnext) = (theta.clone(), theta.clone());
    let mut method = Rk6::new();
    for (index, tableau) in TABLEAUX.iter().enumerate() {
        let rhs = Rhs::new(&field);
        let base = Base { t: 0.0, theta: &theta, dtheta: &dtheta };
        let tolerance = Tolerance { rtol: 1e-6, atol: 1e-9 };
        method.step(&rhs, &base, 0.1, 9.99 * tableau.reach, &tolerance, &mut next, &mut dnext).unwrap();
        assert_eq!((method.last, rhs.evaluations()), (index, tableau.stages() as u64));
        assert!((next[0] - (-0.1f64).exp()).abs() < 1e-10);
    }
}
