//! SVG through plotters. Its coordinates are whole numbers: the picture is drawn 8 times larger and scaled back by its viewBox.

use plotters::prelude::{Color as _, DrawingBackend, RGBColor, SVGBackend, ShapeStyle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontStyle, FontTransform};

use crate::scenario::style::Family;

use super::super::font::{Anchor, TextStyle};
use super::super::style::{SHADE, WHITE};
use super::{Canvas, DrawError, Paper, Point, around, scaled};

const SCALE: f64 = 8.0;

struct Svg<'a>(SVGBackend<'a>, Paper);

impl Canvas for Svg<'_> {
    fn family(&self) -> Family {
        self.1.family
    }

    fn stroke(&mut self, path: &[Point], width: f64, color: RGBColor) -> Result<(), DrawError> {
        let style = ShapeStyle::from(&self.1.theme.shown(color)).stroke_width((width * SCALE).round() as u32);
        self.0.draw_path(path.iter().map(|&p| scaled(p, SCALE)), &style).map_err(DrawError::Svg)
    }

    fn fill(&mut self, polygon: &[Point], color: RGBColor) -> Result<(), DrawError> {
        let color = self.1.theme.shown(color);
        self.0.fill_polygon(polygon.iter().map(|&p| scaled(p, SCALE)), &color).map_err(DrawError::Svg)
    }

    fn shade(&mut self, pairs: &[[Point; 2]], color: RGBColor) -> Result<(), DrawError> {
        let color = self.1.theme.shown(color).mix(SHADE);
        self.0.fill_polygon(around(pairs).into_iter().map(|p| scaled(p, SCALE)), &color).map_err(DrawError::Svg)
    }

    fn disc(&mut self, centre: Point, radius: f64, color: RGBColor) -> Result<(), DrawError> {
        let color = self.1.theme.shown(color);
        self.0.draw_circle(scaled(centre, SCALE), (radius * SCALE).round() as u32, &color, true).map_err(DrawError::Svg)
    }

    fn text(&mut self, text: &str, at: Point, style: TextStyle) -> Result<(), DrawError> {
        // The backend writes font-size = size/1.24 and puts the baseline 0.76 em below a text anchored at its top.
        let em = style.font.em;
        let at = if style.upwards { (at.0 - 0.76 * em, at.1) } else { (at.0, at.1 - 0.76 * em) };
        let horizontal = match style.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let size = em * SCALE * 1.24;
        let font = FontDesc::from(("sans-serif", size))
            .style(if style.font.bold { FontStyle::Bold } else { FontStyle::Normal })
            .transform(if style.upwards { FontTransform::Rotate270 } else { FontTransform::None });
        let style = font.color(&self.1.theme.shown(style.color)).pos(Pos::new(horizontal, VPos::Top));
        self.0.draw_text(text, &style, scaled(at, SCALE)).map_err(DrawError::Svg)
    }
}

/// The SVG of what `draw` draws.
pub(in super::super) fn svg(
    paper: Paper,
    draw: impl FnOnce(&mut dyn Canvas) -> Result<(), DrawError>,
) -> Result<String, DrawError> {
    let fine = [paper.width, paper.height].map(|length| (length * SCALE).round() as u32);
    let mut text = String::new();
    {
        let mut backend = SVGBackend::with_string(&mut text, (fine[0], fine[1]));
        let corner = (fine[0] as i32, fine[1] as i32);
        backend.draw_rect((0, 0), corner, &paper.theme.shown(WHITE), true).map_err(DrawError::Svg)?;
        let mut canvas = Svg(backend, paper);
        draw(&mut canvas)?;
        canvas.0.present().map_err(DrawError::Svg)?;
    }
    let [width, height] = [paper.width, paper.height].map(|length| match paper.points {
        Some(points) => format!("{}pt", (1e3 * points * length).round() / 1e3),
        None => format!("{length:.0}"),
    });
    let header = format!("<svg width=\"{}\" height=\"{}\"", fine[0], fine[1]);
    let physical = format!("<svg width=\"{width}\" height=\"{height}\" stroke-linejoin=\"round\"");
    let font = match paper.family {
        Family::Sans => "font-family=\"DejaVu Sans, Verdana, sans-serif\"",
        Family::Serif => "font-family=\"DejaVu Serif, Georgia, serif\"",
    };
    Ok(text.replacen(&header, &physical, 1).replace("font-family=\"sans-serif\"", font))
}
