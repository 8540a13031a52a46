//! Measured cost against the size of a problem on log–log axes, beside the power laws of theory: two panels in a row.

use super::axis::Scale;
use super::canvas::Point;
use super::page::{Entry, Picture};
use super::panel::{AxisSpec, Panel, Series};
use super::style::{Body, Look, Marker, Shape, categorical};

/// A page of measured costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Costs {
    /// Stem of the files' names.
    pub name: String,
    /// Above the page.
    pub title: String,
    /// In small print below the title: where and how the costs were measured.
    pub caption: String,
    /// In rows of two.
    pub panels: Vec<CostPanel>,
}

/// The cost against one size.
#[derive(Debug, Clone, PartialEq)]
pub struct CostPanel {
    /// Beside the panel's letter.
    pub heading: String,
    /// What the horizontal axis shows; `_{…}` and `^{…}` are sub- and superscripts.
    pub x: String,
    /// What the vertical axis shows.
    pub y: String,
    /// In the order of their colours.
    pub curves: Vec<CostCurve>,
    /// In small print.
    pub notes: Vec<String>,
}

/// One cost.
#[derive(Debug, Clone, PartialEq)]
pub struct CostCurve {
    /// At the curve's end.
    pub label: String,
    /// (size, cost), both positive, sizes rising.
    pub points: Vec<Point>,
    /// The size from which the law is compared with the cost: points before it are hollow.
    pub from: f64,
    /// The exponent of theory: cost ∝ size^law, drawn dashed from `from` to the last point.
    pub law: f64,
}

impl CostCurve {
    /// The dashed line of the law.
    fn guide(&self) -> Option<Series> {
        let &(last, cost) = self.points.last()?;
        let at = |x: f64| (x, cost * (x / last).powf(self.law));
        Some(Series::guide(vec![at(self.from), at(last)], Look::guide()))
    }
}

const SHAPES: [Shape; 4] = [Shape::Circle, Shape::Square, Shape::Triangle, Shape::Diamond];

pub(super) fn picture_of(costs: &Costs) -> Picture {
    let panels: Vec<Panel> = costs.panels.iter().map(panel_of).collect();
    let points =
        |body| Look { line: None, marker: Some(Marker { shape: Shape::Circle, body }), ..Look::line(super::style::BLACK) };
    let legend = vec![
        Entry::new("fitted", points(Body::Disc)),
        Entry::new("not in the fit", points(Body::Ring)),
        Entry::new("law, through the last point", Look::guide()),
    ];
    Picture { columns: 2, ..Picture::new(&costs.name, costs.title.clone(), costs.caption.clone(), legend, panels) }
}

fn panel_of(panel: &CostPanel) -> Panel {
    let mut drawn = Panel::new(panel.heading.clone(), AxisSpec::new(&panel.x, Scale::Log), AxisSpec::new(&panel.y, Scale::Log));
    drawn.notes.clone_from(&panel.notes);
    drawn.series.extend(panel.curves.iter().filter_map(CostCurve::guide));
    for (i, curve) in panel.curves.iter().enumerate() {
        let look = Look::line(categorical(i));
        let marked = |body| Look { marker: Some(Marker { shape: SHAPES[i % SHAPES.len()], body }), ..look };
        let (before, fitted): (Vec<Point>, Vec<Point>) = curve.points.iter().partition(|point| point.0 < curve.from);
        drawn.series.push(Series { end_label: Some(curve.label.clone()), ..Series::new(curve.points.clone(), look) });
        drawn.series.push(Series::dots(before, marked(Body::Ring)));
        drawn.series.push(Series::dots(fitted, marked(Body::Disc)));
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_is_drawn_through_the_last_point_over_what_is_fitted() {
        let points: Vec<Point> = (0..6).map(|k| 2f64.powi(k)).map(|x| (x, 3.0 * x.powi(3) + 100.0)).collect();
        let curve = CostCurve { label: "a".into(), points, from: 8.0, law: 3.0 };
        let panel = panel_of(&CostPanel {
            heading: String::new(),
            x: "d".into(),
            y: "seconds".into(),
            curves: vec![curve.clone()],
            notes: Vec::new(),
        });
        let guide = &panel.series[0];
        assert!(guide.guide && guide.points[0].0 == 8.0 && guide.points[1] == curve.points[5]);
        assert!((guide.points[1].1 / guide.points[0].1 - 64.0).abs() < 1e-9, "{:?}", guide.points);
        // Nothing is left out: what is not fitted is drawn hollow.
        assert_eq!((panel.series[2].points.len(), panel.series[3].points.len()), (3, 3));
    }
}
