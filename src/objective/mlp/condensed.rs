//! A network with its runs of linear layers multiplied out.
//!
//! Layers a, …, b − 1 that are the identity without bias, followed by any layer b, act on a sample as one layer of weight
//! M = W_b⋯W_a, bias b_b and activation σ_b. The product is formed once per evaluation, and the cost of a sample no longer depends on how
//! deep the run is: the trunk of aᵀ[W_L⋯W_1 x + b_1]_+ + b_2 costs as much as one layer. From ∂ℒ/∂M the [`Chain`] goes back to each W_l.

use std::ops::Range;

use crate::network::{Activation, Architecture};
use crate::objective::chain::{Chain, Scratch};

/// The network of the products, and how its layers arise from those of the full network.
pub(super) struct Condensed {
    full: Architecture,
    /// θ_c = (M_1, b, M_2, b, …).
    pub(super) net: Architecture,
    /// One per layer of `net`.
    runs: Vec<Run>,
}

/// Layers `first` to `last` of the full network.
struct Run {
    first: usize,
    last: usize,
    /// Of a run of more than one layer.
    chain: Option<Chain>,
    /// Where W_first, …, W_last lie in θ: side by side, for only the last may have a bias.
    range: Range<usize>,
}

/// The products of all runs at one θ, or their derivatives along one direction.
pub(super) struct State {
    scratches: Vec<Option<Scratch>>,
    /// θ_c; empty where nothing is multiplied out.
    values: Vec<f64>,
}

impl Condensed {
    /// Multiplies out the runs for which that costs less than taking `samples` samples through their layers.
    pub(super) fn new(full: &Architecture, samples: usize) -> Self {
        let linear = |l| full.activation(l) == Activation::Identity && !full.has_bias(l);
        let (mut runs, mut first) = (Vec::new(), 1);
        for last in 1..=full.depth() {
            if !linear(last) || last == full.depth() {
                runs.extend(Run::of(full, first, last, samples));
                first = last + 1;
            }
        }
        let widths: Vec<usize> = [full.input_dim()].into_iter().chain(runs.iter().map(|run| full.widths()[run.last])).collect();
        let activations: Vec<_> = runs.iter().map(|run| full.activation(run.last)).collect();
        let biases: Vec<_> = runs.iter().map(|run| full.has_bias(run.last)).collect();
        Self { full: full.clone(), net: Architecture::with_layers(&widths, &activations, &biases), runs }
    }

    /// Whether nothing is multiplied out: θ_c = θ.
    pub(super) fn is_full(&self) -> bool {
        self.runs.iter().all(|run| run.chain.is_none())
    }

    /// The layers of the full network that layer `l` of this one stands for.
    pub(super) fn layers(&self, l: usize) -> std::ops::RangeInclusive<usize> {
        self.runs[l - 1].first..=self.runs[l - 1].last
    }

    /// Whether layer `l` of this one is a product of several.
    pub(super) fn is_product(&self, l: usize) -> bool {
        self.runs[l - 1].chain.is_some()
    }

    /// Operations of the chains in one gradient.
    pub(super) fn flops(&self) -> u64 {
        self.runs.iter().filter_map(|run| Some(run.chain.as_ref()?.flops())).sum()
    }

    pub(super) fn state(&self) -> State {
        let scratches = self.runs.iter().map(|run| run.chain.as_ref().map(Chain::scratch)).collect();
        State { scratches, values: if self.is_full() { Vec::new() } else { vec![0.0; self.net.parameter_count()] } }
    }

    /// Forms the products at θ.
    pub(super) fn rise(&self, state: &mut State, theta: &[f64]) {
        if self.is_full() {
            return;
        }
        for (index, (run, scratch)) in self.runs.iter().zip(&mut state.scratches).enumerate() {
            if let (Some(chain), Some(scratch)) = (&run.chain, scratch) {
                chain.rise(scratch, &theta[run.range.clone()]);
                self.net.weight_mut(&mut state.values, index + 1).copy_from(&chain.product(scratch, &theta[run.range.clone()]));
            }
        }
        self.gather(theta, &mut state.values);
    }

    /// Their derivatives along v, into `dot`, where `base` holds them at θ.
    pub(super) fn rise_along(&self, theta: &[f64], base: &State, v: &[f64], dot: &mut State) {
        if self.is_full() {
            return;
        }
        for (index, run) in self.runs.iter().enumerate() {
            if let (Some(chain), Some(base), Some(dot_scratch)) =
                (&run.chain, &base.scratches[index], &mut dot.scratches[index])
            {
                let (theta, v) = (&theta[run.range.clone()], &v[run.range.clone()]);
                chain.rise_along(theta, base, v, dot_scratch);
                self.net.weight_mut(&mut dot.values, index + 1).copy_from(&chain.product(dot_scratch, v));
            }
        }
        self.gather(v, &mut dot.values);
    }

    /// θ_c of `state`, or v_c.
    pub(super) fn values<'a>(&self, state: &'a State, theta: &'a [f64]) -> &'a [f64] {
        if self.is_full() { theta } else { &state.values }
    }

    /// `gradient` ← ∂ℒ/∂θ, given ∂ℒ/∂θ_c. `state` must have risen at θ.
    pub(super) fn fall(&self, state: &mut State, theta: &[f64], condensed: &[f64], gradient: &mut [f64]) {
        if self.is_full() {
            return gradient.copy_from_slice(condensed);
        }
        for (index, (run, scratch)) in self.runs.iter().zip(&mut state.scratches).enumerate() {
            if let (Some(chain), Some(scratch)) = (&run.chain, scratch) {
                let (_, residual) = chain.product_and_residual(scratch, &theta[run.range.clone()]);
                residual.copy_from(&self.net.weight(condensed, index + 1));
                chain.fall(scratch, &theta[run.range.clone()], &mut gradient[run.range.clone()]);
            }
        }
        self.scatter(condensed, gradient);
    }

    /// `hv` ← the derivative of ∂ℒ/∂θ along v, given that of ∂ℒ/∂θ_c. `base` must have risen and fallen at θ, `dot` have risen along v.
    pub(super) fn fall_along(
        &self,
        theta: &[f64],
        base: &State,
        v: &[f64],
        dot: &mut State,
        condensed: &[f64],
        hv: &mut [f64],
    ) {
        if self.is_full() {
            return hv.copy_from_slice(condensed);
        }
        for (index, run) in self.runs.iter().enumerate() {
            if let (Some(chain), Some(base), Some(dot)) = (&run.chain, &base.scratches[index], &mut dot.scratches[index]) {
                let (theta, v) = (&theta[run.range.clone()], &v[run.range.clone()]);
                let (_, residual) = chain.product_and_residual(dot, v);
                residual.copy_from(&self.net.weight(condensed, index + 1));
                chain.fall_along(theta, base, v, dot);
                chain.close(theta, base, v, dot, &mut hv[run.range.clone()]);
            }
        }
        self.scatter(condensed, hv);
    }

    /// The products' derivatives along both directions, into `both`, where `along` hold those along either. What is not multiplied out is linear in
    /// θ and stays 0.
    pub(super) fn rise_twice(&self, theta: &[f64], [u, v]: [&[f64]; 2], [dot, prime]: [&State; 2], both: &mut State) {
        if self.is_full() {
            return;
        }
        for (index, run) in self.runs.iter().enumerate() {
            if let (Some(chain), Some(dot), Some(prime), Some(scratch)) =
                (&run.chain, &dot.scratches[index], &prime.scratches[index], &mut both.scratches[index])
            {
                let [theta, u, v] = [theta, u, v].map(|all| &all[run.range.clone()]);
                chain.rise_twice(theta, [u, v], [dot, prime], scratch);
                self.net.weight_mut(&mut both.values, index + 1).copy_from(&chain.product(scratch, theta));
            }
        }
    }

    /// `out` ← the derivative of ∂ℒ/∂θ along both directions, given those of ∂ℒ/∂θ_c along u, along v and along both. All must have risen.
    pub(super) fn fall_twice(
        &self,
        theta: &[f64],
        base: &State,
        directions: [&[f64]; 2],
        [dot, prime, both]: &mut [State; 3],
        condensed: [&[f64]; 3],
        out: &mut [f64],
    ) {
        if self.is_full() {
            return out.copy_from_slice(condensed[2]);
        }
        for (index, run) in self.runs.iter().enumerate() {
            if let (Some(chain), Some(base), Some(dot), Some(prime), Some(both)) = (
                &run.chain,
                &base.scratches[index],
                &mut dot.scratches[index],
                &mut prime.scratches[index],
                &mut both.scratches[index],
            ) {
                let (theta, [u, v]) = (&theta[run.range.clone()], directions.map(|all| &all[run.range.clone()]));
                let [of_dot, of_prime, of_both] = condensed.map(|all| self.net.weight(all, index + 1));
                chain.product_and_residual(dot, u).1.copy_from(&of_dot);
                chain.fall_along(theta, base, u, dot);
                chain.product_and_residual(prime, v).1.copy_from(&of_prime);
                chain.fall_along(theta, base, v, prime);
                chain.product_and_residual(both, theta).1.copy_from(&of_both);
                chain.fall_twice(theta, [u, v], [dot, prime], both);
                chain.close_twice(theta, base, [u, v], [dot, prime], both, &mut out[run.range.clone()]);
            }
        }
        self.scatter(condensed[2], out);
    }

    /// Copies what both have, the weights of layers that stand alone and all biases, from θ to θ_c.
    fn gather(&self, full: &[f64], condensed: &mut [f64]) {
        for (from, to) in self.shared() {
            condensed[to].copy_from_slice(&full[from]);
        }
    }

    /// The same from θ_c to θ.
    fn scatter(&self, condensed: &[f64], full: &mut [f64]) {
        for (to, from) in self.shared() {
            full[to].copy_from_slice(&condensed[from]);
        }
    }

    fn shared(&self) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
        self.runs.iter().enumerate().map(|(index, run)| {
            let (l, end) = (index + 1, self.full.bias_range(run.last).end);
            let weight = self.net.weight_range(l);
            let end_c = self.net.bias_range(l).end;
            if run.chain.is_some() {
                (run.range.end..end, weight.end..end_c)
            } else {
                (run.range.start..end, weight.start..end_c)
            }
        })
    }
}

impl Run {
    /// One run, or, where products do not pay, one for each layer.
    fn of(full: &Architecture, first: usize, last: usize, samples: usize) -> Vec<Self> {
        let run = |first: usize, last: usize| {
            let range = full.weight_range(first).start..full.weight_range(last).end;
            let chain = (first < last).then(|| Chain::new(Architecture::new(&full.widths()[first - 1..=last])));
            Self { first, last, chain, range }
        };
        let size = |rows: usize, columns: usize| 3 * 2 * (samples * rows * columns) as u64;
        let (product, widths) = (run(first, last), full.widths());
        let apart: u64 = (first..=last).map(|l| size(widths[l], widths[l - 1])).sum();
        let condensed = size(widths[last], widths[first - 1]) + product.chain.as_ref().map_or(0, Chain::flops);
        if condensed <= apart { vec![product] } else { (first..=last).map(|l| run(l, l)).collect() }
    }
}
