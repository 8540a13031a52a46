//! What theory says exactly: laws and closed forms that observables and tests compare with.

pub mod balance;
