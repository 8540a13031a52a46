//! A scenario over a longer horizon, whose run goes on from where the shorter one ended.

use crate::record::Grid;

use super::Scenario;

impl Scenario {
    /// The same up to `t_end`, later than its own end T. It is recorded at its own times, T among them, and after T at the times that the
    /// grid of `first` has over the longer horizon: `first` is the scenario whose horizon was the first to be extended. A list of times stays
    /// as it is.
    pub fn lengthened(&self, first: &Self, t_end: f64) -> Self {
        let end = self.flow.t_end;
        let mut longer = self.clone();
        longer.flow.t_end = t_end;
        let listed = |grid: &Grid| matches!(grid, Grid::Times(times) if times.last() == Some(&end));
        if !(listed(&self.record.grid) && matches!(first.record.grid, Grid::Times(_))) {
            let after = first.record.times(t_end).into_iter().filter(|&t| end < t && t < t_end);
            longer.record.grid = Grid::Times(self.record_times().into_iter().chain(after).collect());
        }
        longer
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn scenario(record: &str) -> Scenario {
        let text = format!(
            "name: tiny\ndata: {{synthetic: {{inputs: {{dim: 2, samples: 5}}, target: {{low_rank: {{rank: 1, outputs: 1}}}}}}}}\n\
             network: {{widths: [2, 1]}}\nflow: {{t_end: 4}}\nrecord: {record}\n"
        );
        crate::scenario::parse(&text, Path::new("tiny.yaml"), &[]).unwrap().0
    }

    /// The grid of the first scenario goes on, however often the horizon is extended.
    #[test]
    fn the_times_so_far_stay_and_the_grid_goes_on_after_them() {
        let linear = scenario("{linear: {points: 5}}");
        let once = linear.lengthened(&linear, 10.0);
        assert_eq!(once.record_times(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0]);
        let twice = once.lengthened(&linear, 20.0);
        assert_eq!(twice.record_times(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 20.0]);
        let log = scenario("{log: {points: 3, first: 1}}");
        assert_eq!(log.record_times(), [0.0, 1.0, 2.0, 4.0]);
        assert_eq!(log.lengthened(&log, 100.0).record_times(), [0.0, 1.0, 2.0, 4.0, 10.0, 100.0]);
    }

    /// A list with the end in it is that of the longer scenario, so that both have one hash.
    #[test]
    fn a_list_stays_and_gets_the_end_if_it_lacks_it() {
        let listed = scenario("{times: [1, 4]}");
        let longer = listed.lengthened(&listed, 9.0);
        assert_eq!(longer, Scenario { flow: longer.flow.clone(), ..listed.clone() });
        let lacks = scenario("{times: [1, 3]}");
        assert_eq!(lacks.lengthened(&lacks, 9.0).record_times(), [0.0, 1.0, 3.0, 4.0, 9.0]);
    }
}
