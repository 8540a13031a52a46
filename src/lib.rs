//! gramflow integrates the gradient flow of deep networks, steps the optimizers that people train with beside it, from the same start, and
//! measures what the theory of feature learning is about.
//!
//! # Equations
//!
//! A deep linear network f(x) = W_L ⋯ W_1 x, W_l ∈ ℝ^{d_l × d_{l−1}}, is trained on samples (x_i, y_i), i = 1, …, n:
//!
//! - loss ℒ = 1/(2n) Σ‖f(x_i) − y_i‖², objective J = ℒ + (λ/2) Σ_l ‖W_l‖_F² ([`objective`]);
//! - or a network f(x) = σ_L(W_L ⋯ σ_1(W_1 x + b_1) ⋯ + b_L) of any activations, with that loss, the logistic one or cross-entropy, whose
//!   runs of linear layers are multiplied out ([`objective::MlpObjective`]);
//! - gradient flow Ẇ_l = −∂ℒ/∂W_l − λW_l ([`flow`]), integrated by [`ode`];
//! - gradient descent θ_{k+1} = θ_k − η∇J(θ_k) at time t = kη, and PyTorch's other optimizers, each on its clock ([`optim`]);
//! - the flows that these follow more closely, such as θ̇ = −∇J − (η/2)∇²J∇J for gradient descent ([`flow`]).
//!
//! What theory says of the linear network (Tansley, Massart & Cartis, *On the Neural Feature Ansatz for Deep Neural Networks*, arXiv
//! 2510.15563), and [`observe`] measures:
//!
//! - the imbalance D_l = W_{l+1}ᵀW_{l+1} − W_l W_lᵀ obeys D_l(t) = e^{−2λt}D_l(0) exactly;
//! - from a balanced start, D_l(0) = 0, the average gradient outer product A_f = mean J(x)ᵀJ(x) is (W_1ᵀW_1)^L for all time:
//!   the Neural Feature Ansatz W_1ᵀW_1 ∝ A_f^α with α = 1/L;
//! - from any other start, ‖A_f − (W_1ᵀW_1)^L‖_F = O(e^{−2λt}): with λ = 0 nothing balances.
//!
//! # Modules
//!
//! Data flows one way, from settings to pictures:
//!
//! ```text
//! scenario │ Rust code
//!          ▼
//! network, data, start ─► objective ─┬─► flow (integrated by ode) ─┬─► observe ─► session ─► record, claim ─► folder, figure, report
//!                                    └─► optim ────────────────────┘
//! ```
//!
//! A module imports only from lower layers, and modules of one layer do not import each other (`tests/layers.rs` reads the `use` lines):
//!
//! | layer | modules |
//! | --- | --- |
//! | 0 | [`machine`], [`publish`], [`settings`], [`spool`] |
//! | 1 | [`archive`], [`linalg`], [`rng`], [`npz`] |
//! | 2 | [`ode`], [`network`], [`loss`] |
//! | 3 | [`data`], [`theory`] |
//! | 4 | [`objective`] |
//! | 5 | [`flow`], [`optim`], [`observe`] |
//! | 6 | [`record`] |
//! | 7 | [`claim`] |
//! | 8 | [`session`] |
//! | 9 | [`scenario`] |
//! | 10 | [`folder`], [`run`](mod@run) |
//! | 11 | [`figure`] |
//! | 12 | [`sweep`] |
//! | 13 | [`study`], [`paper`], [`report`] |
//! | 14 | [`cli`] |
//! | 15 | `python` |
//!
//! Everything is float64. The same scenario gives the same records bit for bit on the same machine, whatever the number of
//! threads; on another kind of CPU matrix products may round differently.
//!
//! # Use as a library
//!
//! [`session::Session`] runs any objective: its flow, optimizers beside it, observed and judged. `docs/extending.md` and `examples/` show
//! objectives, observables, optimizers and methods of one's own. With `default-features = false` the library comes without the command:
//! no scenarios in YAML, run folders, pictures or reports.
//!
//! ```
//! use gramflow::{flow::Flow, objective::Objective, optim::Gd, session::Session};
//! use nalgebra::DVector;
//!
//! /// ℒ(θ) = ½θ².
//! #[derive(Clone)]
//! struct Parabola;
//!
//! impl Objective for Parabola {
//!     fn dim(&self) -> usize {
//!         1
//!     }
//!     fn duplicate(&self) -> Box<dyn Objective> {
//!         Box::new(self.clone())
//!     }
//!     fn loss(&self, theta: &DVector<f64>) -> f64 {
//!         0.5 * theta.norm_squared()
//!     }
//!     fn loss_gradient(&self, theta: &DVector<f64>, gradient: &mut DVector<f64>) {
//!         gradient.copy_from(theta);
//!     }
//! }
//!
//! let run = Session::new(Parabola, DVector::from_element(1, 1.0)).flow(Flow::new(3.0)).optimizer(Gd::new(0.01)).run()?;
//! let losses = run.run.table.floats("flow", "loss");
//! assert!((losses[1] / (0.5 * (-6f64).exp()) - 1.0).abs() < 1e-6);
//! # Ok::<(), gramflow::session::SessionError>(())
//! ```
//!
//! A scenario is a session too:
//!
//! ```
//! use gramflow::{ode::Interrupt, run::{run, Problem}, scenario};
//!
//! let text = "
//! name: tiny
//! data: {synthetic: {inputs: {dim: 4, samples: 50}, target: {low_rank: {rank: 2, outputs: 3}}}}
//! network: {widths: [4, 5, 3]}
//! init: {balanced: {scale: 0.1}}
//! flow: {t_end: 5.0}
//! ";
//! let (scenario, _) = scenario::parse(text, "tiny.yaml".as_ref(), &[])?;
//! let finished = run(&scenario, &Problem::new(&scenario)?, &Interrupt::default(), |_t| {});
//! let residuals = finished.run.table.floats("flow", "nfa_residual_relative");
//! assert!(residuals.iter().all(|r| *r < 1e-6), "from a balanced start the ansatz is exact");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(missing_docs)]
// Without the command, code that only scenarios use is dead.
#![cfg_attr(not(feature = "command"), allow(dead_code, unused_imports))]

pub mod archive;
pub mod claim;
#[cfg(feature = "command")]
pub mod cli;
pub mod data;
#[cfg(feature = "command")]
pub mod figure;
pub mod flow;
#[cfg(feature = "command")]
pub mod folder;
pub mod linalg;
pub mod loss;
pub mod machine;
pub mod network;
pub mod npz;
pub mod objective;
pub mod observe;
pub mod ode;
pub mod optim;
#[cfg(feature = "command")]
pub mod paper;
#[cfg(feature = "command")]
pub mod publish;
#[cfg(feature = "python")]
pub mod python;
pub mod record;
#[cfg(feature = "command")]
pub mod report;
pub mod rng;
#[cfg(feature = "command")]
pub mod run;
#[cfg(feature = "command")]
pub mod scenario;
pub mod session;
pub mod settings;
pub mod spool;
#[cfg(feature = "command")]
pub mod study;
#[cfg(feature = "command")]
pub mod sweep;
pub mod theory;
