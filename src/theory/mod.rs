//! What theory says exactly: laws and closed forms that observables and tests compare with.

pub mod balance;
mod chain;
mod hypergeometric;
mod ledger;
mod logistic;
mod mode;
mod one_layer;
mod riccati;
mod threshold;

pub use chain::ScalarChain;
pub use ledger::Ledger;
pub use logistic::logistic;
pub use mode::Mode;
pub use one_layer::one_layer;
pub use riccati::Riccati;
