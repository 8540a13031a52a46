//! What the scenario format has and this version does not. Whoever brings a thing deletes its line here.

use super::Scenario;
use super::validate::Findings;

impl Findings {
    fn not_yet(&mut self, available: bool, path: &str, what: &str) {
        if !available {
            self.add(path, format!("not available yet: {what}"));
        }
    }
}

impl Scenario {
    pub(super) fn check_availability(&self, found: &mut Findings) {
        found.not_yet(self.claims.is_empty(), "claims", "claims");
    }
}
