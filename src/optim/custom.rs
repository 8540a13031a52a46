//! A user's own update rule, run beside the flow like any other.

use std::fmt;
use std::sync::Arc;

use super::settings::{Pace, PaceMut, Paced, Settings};
use super::{Layout, Rule, Schedule};

/// Makes a rule for a θ of this layout.
type Make = dyn Fn(&Layout) -> Box<dyn Rule> + Send + Sync;

/// An optimizer that no scenario can name: its name, its rates, and how its rule is made. Step k stands at t = k·lr.
#[derive(Clone)]
pub struct Custom {
    name: Option<String>,
    lr: f64,
    steps: Option<u64>,
    schedule: Schedule,
    make: Arc<Make>,
}

impl Custom {
    /// The process `name` with the rule that `make` returns, at the constant rate `lr` until its time reaches the flow's `t_end`.
    pub fn new<R: Rule + 'static>(name: &str, lr: f64, make: impl Fn(&Layout) -> R + Send + Sync + 'static) -> Self {
        let make = Arc::new(move |layout: &Layout| Box::new(make(layout)) as Box<dyn Rule>);
        Self { name: Some(name.to_string()), lr, steps: None, schedule: Schedule::Constant, make }
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custom").field("name", &self.name).field("lr", &self.lr).finish_non_exhaustive()
    }
}

impl PartialEq for Custom {
    /// Rules are equal if they are made by the same closure.
    fn eq(&self, other: &Self) -> bool {
        let settings = |of: &Self| (of.name.clone(), of.lr, of.steps, of.schedule);
        settings(self) == settings(other) && Arc::ptr_eq(&self.make, &other.make)
    }
}

impl Paced for Custom {
    fn pace(&self) -> Pace<'_> {
        Pace { name: &self.name, lr: self.lr, steps: self.steps, schedule: &self.schedule }
    }

    fn pace_mut(&mut self) -> PaceMut<'_> {
        let Self { name, lr, steps, schedule, .. } = self;
        PaceMut { name, lr, steps, schedule }
    }
}

impl Settings for Custom {
    fn rule(&self, layout: &Layout) -> Box<dyn Rule> {
        (self.make)(layout)
    }
}
