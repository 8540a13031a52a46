//! How things look: colours that colour-blind readers tell apart, sizes in logical pixels, one style per process.

use plotters::style::RGBColor;

pub(super) const BLACK: RGBColor = RGBColor(0, 0, 0);
pub(super) const WHITE: RGBColor = RGBColor(255, 255, 255);
/// Captions and small print.
pub(super) const GREY: RGBColor = RGBColor(95, 95, 95);
/// Guides, behind the data.
pub(super) const GUIDE: RGBColor = RGBColor(140, 140, 140);

/// Okabe and Ito's colours, without the yellow, which vanishes on white.
const OKABE_ITO: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

/// Further colours: those of Tol's muted scheme (*Colour Schemes*, SRON/EPS/TN/09-002, 2021) that differ from the others in lightness.
const MUTED: [RGBColor; 3] = [RGBColor(136, 34, 85), RGBColor(153, 153, 51), RGBColor(51, 34, 136)];

/// The dark part of viridis, at equal steps: its yellow end vanishes on white.
const VIRIDIS: [RGBColor; 6] = [
    RGBColor(68, 1, 84),
    RGBColor(65, 62, 133),
    RGBColor(48, 103, 141),
    RGBColor(33, 143, 141),
    RGBColor(53, 176, 119),
    RGBColor(122, 202, 80),
];

pub(super) const LINE: f64 = 1.5;
pub(super) const THIN_LINE: f64 = 0.9;
/// Outer and inner radius of a hollow marker, and radius of a filled one, which fits inside: where two processes agree,
/// both are seen.
pub(super) const RING: (f64, f64) = (3.2, 2.2);
pub(super) const DOT: f64 = 1.9;
/// How much of their colour bands have: bands that overlap are both seen, and so are curves and ticks below.
pub(super) const SHADE: f64 = 0.2;
/// Least distance of two markers of one curve.
pub(super) const MARKER_SPACING: f64 = 26.0;

pub(super) const TITLE_SIZE: f64 = 13.0;
pub(super) const LABEL_SIZE: f64 = 10.5;
pub(super) const TICK_SIZE: f64 = 9.5;
pub(super) const SMALL_SIZE: f64 = 8.5;
/// The smallest text: sub- and superscripts.
pub(super) const SCRIPT_SIZE: f64 = 8.0;

/// Lengths of dash and gap.
pub(super) type Dash = [f64; 2];

pub(super) const DASHED: Dash = [5.0, 3.0];
pub(super) const DOTTED: Dash = [1.5, 2.0];

/// The shape that marks a curve's points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
}

/// How a marker is filled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Body {
    /// Small, of the curve's colour.
    Dot,
    /// White within an outline of the curve's colour.
    Ring,
    /// As large as a ring, of the curve's colour.
    Disc,
}

/// A shape and its filling.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Marker {
    pub shape: Shape,
    pub body: Body,
}

/// How a curve is drawn, in the panel and in the legend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    pub color: RGBColor,
    /// Width of the line; `None` draws markers alone.
    pub line: Option<f64>,
    pub dash: Option<Dash>,
    pub marker: Option<Marker>,
}

impl Look {
    /// A solid line.
    pub(super) fn line(color: RGBColor) -> Self {
        Self { color, line: Some(LINE), dash: None, marker: None }
    }

    /// A thin dashed line, for what the data are compared with.
    pub(super) fn guide() -> Self {
        Self { color: GUIDE, line: Some(1.0), dash: Some(DASHED), marker: None }
    }

    pub(super) fn dashed(self, dash: Dash) -> Self {
        Self { dash: Some(dash), ..self }
    }

    /// With a dot at every point, unless it has a marker of its own.
    pub(super) fn dotted(self) -> Self {
        Self { marker: self.marker.or(Some(Marker { shape: Shape::Circle, body: Body::Dot })), ..self }
    }

    pub(super) fn colored(self, color: RGBColor) -> Self {
        Self { color, ..self }
    }
}

/// The curve of a law that data are compared with, drawn over them.
pub(super) const LAW: Look = Look { color: BLACK, line: Some(0.8), dash: Some([3.0, 3.0]), marker: None };

/// The `i`-th of a few things without order.
pub(super) fn categorical(i: usize) -> RGBColor {
    let i = i % (OKABE_ITO.len() + MUTED.len());
    OKABE_ITO.get(i).copied().unwrap_or_else(|| MUTED[i - OKABE_ITO.len()])
}

/// The `i`-th of `n` ordered things, dark to light.
pub(super) fn sequential(i: usize, n: usize) -> RGBColor {
    along(&VIRIDIS, i as f64 / n.saturating_sub(1).max(1) as f64)
}

/// All of viridis: dark to light, in grey too. A frame around the area that it fills sets its light end off from white.
const HEAT: [RGBColor; 9] = [
    RGBColor(68, 1, 84),
    RGBColor(71, 44, 122),
    RGBColor(59, 81, 139),
    RGBColor(44, 113, 142),
    RGBColor(33, 144, 141),
    RGBColor(39, 173, 129),
    RGBColor(92, 200, 99),
    RGBColor(170, 220, 50),
    RGBColor(253, 231, 37),
];

/// The colour of a `fraction` from 0, dark, to 1, light.
pub(super) fn heat(fraction: f64) -> RGBColor {
    along(&HEAT, fraction)
}

/// The colour of a value from −1, blue, over 0, white, to 1, orange.
pub(super) fn diverging(value: f64) -> RGBColor {
    along(
        &[RGBColor(0, 72, 128), RGBColor(120, 180, 220), WHITE, RGBColor(245, 170, 100), RGBColor(180, 70, 0)],
        (value + 1.0) / 2.0,
    )
}

/// How light a colour is, from 0 to 1 (ITU-R BT.709's luma).
pub(super) fn luminance(color: RGBColor) -> f64 {
    (0.2126 * f64::from(color.0) + 0.7152 * f64::from(color.1) + 0.0722 * f64::from(color.2)) / 255.0
}

/// The colour at this fraction of the way along `stops`.
fn along(stops: &[RGBColor], fraction: f64) -> RGBColor {
    let position = fraction.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
    let below = (position as usize).min(stops.len() - 2);
    let (a, b, weight) = (stops[below], stops[below + 1], (position - below as f64).min(1.0));
    let mix = |a: u8, b: u8| (f64::from(a) + weight * (f64::from(b) - f64::from(a))).round() as u8;
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// A pale shade of `color`: this `share` of it, the rest white.
pub(super) fn pale(color: RGBColor, share: f64) -> RGBColor {
    let mix = |channel: u8| (share * f64::from(channel) + (1.0 - share) * 255.0).round() as u8;
    RGBColor(mix(color.0), mix(color.1), mix(color.2))
}

/// The `i`-th process: the first (the flow) is a solid line, the others thin lines with markers, hollow ones first, so that a
/// process that follows the flow is seen on top of it.
pub(super) fn process(i: usize) -> Look {
    if i == 0 {
        return Look::line(categorical(0));
    }
    let shape = [Shape::Circle, Shape::Square, Shape::Triangle, Shape::Diamond][(i - 1) % 4];
    // Where colours distinguish layers, markers alone distinguish processes.
    let body = [Body::Ring, Body::Disc][(i - 1) / 4 % 2];
    Look { color: categorical(i), line: Some(THIN_LINE), dash: None, marker: Some(Marker { shape, body }) }
}

/// The integrators, each with its colour; the Gauss methods share one. They differ in shape or dash too, so that they can be told apart in
/// grey.
const METHODS: [(&str, RGBColor); 12] = [
    ("dopri5", OKABE_ITO[0]),
    ("tsit5", OKABE_ITO[5]),
    ("dop853", OKABE_ITO[1]),
    ("rkc", OKABE_ITO[2]),
    ("rock4", OKABE_ITO[3]),
    ("gauss1", OKABE_ITO[4]),
    ("gauss2", OKABE_ITO[4]),
    ("gauss3", OKABE_ITO[4]),
    ("rk4", GREY),
    ("auto", BLACK),
    ("dp8", OKABE_ITO[1]),
    ("rk6", MUTED[0]),
];

/// The look of an integrator, the same in every picture. `limited`: for points whose error may be the reference's.
pub(super) fn method(name: &str, limited: bool) -> Look {
    let i = METHODS.iter().position(|(known, _)| *known == name).unwrap_or(0);
    let shape = [Shape::Circle, Shape::Square, Shape::Triangle, Shape::Diamond][i % 4];
    let dash = [None, Some(DASHED), Some(DOTTED)][i / 4];
    let body = match name {
        _ if limited => Body::Ring,
        // `auto` lies on the curve of the method that it chose, whose markers are seen around its dots.
        "auto" => Body::Dot,
        _ => Body::Disc,
    };
    Look { color: METHODS[i].1, line: Some(THIN_LINE), dash, marker: Some(Marker { shape, body }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_differ_in_grey() {
        let looks = METHODS.map(|(name, _)| method(name, false)).map(|look| (look.dash, look.marker));
        assert!((0..looks.len()).all(|i| !looks[..i].contains(&looks[i])));
    }

    #[test]
    fn ordered_colours_are_distinct_and_within_the_map() {
        let colours: Vec<_> = (0..20).map(|i| sequential(i, 20)).collect();
        for (i, a) in colours.iter().enumerate() {
            assert!(colours[i + 1..].iter().all(|b| (a.0, a.1, a.2) != (b.0, b.1, b.2)), "{i}");
        }
        assert_eq!(sequential(0, 1), VIRIDIS[0]);
        assert_eq!(sequential(19, 20), VIRIDIS[5]);
    }

    /// So that a map is read in grey.
    #[test]
    fn heat_gets_lighter_all_the_way() {
        let lightness: Vec<f64> = (0..=100).map(|i| luminance(heat(f64::from(i) / 100.0))).collect();
        assert!(lightness.windows(2).all(|pair| pair[0] < pair[1]));
        for i in 0..100 {
            // To either side of 0 darker and darker.
            let (near, far) = (f64::from(i) / 100.0, f64::from(i + 1) / 100.0);
            assert!(
                luminance(diverging(far)) < luminance(diverging(near))
                    && luminance(diverging(-far)) < luminance(diverging(-near))
            );
        }
    }

    #[test]
    fn the_flow_and_eight_optimizers_differ_in_colour_and_in_marker() {
        for i in 1..9 {
            for j in 0..i {
                assert_ne!(process(i).color, process(j).color, "{i} {j}");
                assert_ne!(process(i).marker, process(j).marker, "{i} {j}");
            }
        }
    }
}
