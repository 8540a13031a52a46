//! What pictures are drawn on: one drawing code, in logical pixels, for SVG and for PNG, both through plotters.
//!
//! plotters' coordinates are whole numbers, so both canvases are finer than the logical pixel: the SVG is 8 times larger
//! and scaled back by its viewBox; the bitmap is 4 times larger and averaged over 2 × 2, which smooths every edge.

use std::io;

use ab_glyph::{Font as _, ScaleFont as _, point};
use image::codecs::png::PngEncoder;
use image::{ColorType, ImageEncoder as _};
use plotters::prelude::{BitMapBackend, Color, DrawingBackend, RGBColor, SVGBackend, ShapeStyle};
use plotters::style::FontTransform;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters_backend::{BackendColor, DrawingErrorKind};

use super::font::{Anchor, TextStyle};

/// A place in logical pixels from the upper left corner.
pub(super) type Point = (f64, f64);

type BitmapError = <BitMapBackend<'static> as DrawingBackend>::ErrorType;

/// Why plotters could not draw or encode.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// A shape or a text could not be drawn in the SVG.
    #[error(transparent)]
    Svg(DrawingErrorKind<io::Error>),
    /// A shape could not be drawn in the bitmap.
    #[error(transparent)]
    Bitmap(DrawingErrorKind<BitmapError>),
    /// The bitmap could not be encoded.
    #[error(transparent)]
    Encoding(#[from] image::ImageError),
}

/// The few shapes that pictures consist of.
pub(super) trait Canvas {
    fn stroke(&mut self, path: &[Point], width: f64, color: RGBColor) -> Result<(), DrawError>;
    fn fill(&mut self, polygon: &[Point], color: RGBColor) -> Result<(), DrawError>;
    fn disc(&mut self, centre: Point, radius: f64, color: RGBColor) -> Result<(), DrawError>;
    /// Text without markup, its baseline through `at`.
    fn text(&mut self, text: &str, at: Point, style: TextStyle) -> Result<(), DrawError>;
}

fn scaled(point: Point, scale: f64) -> (i32, i32) {
    ((point.0 * scale).round() as i32, (point.1 * scale).round() as i32)
}

const SVG_SCALE: f64 = 8.0;

struct Svg<'a>(SVGBackend<'a>);

impl Canvas for Svg<'_> {
    fn stroke(&mut self, path: &[Point], width: f64, color: RGBColor) -> Result<(), DrawError> {
        let style = ShapeStyle::from(&color).stroke_width((width * SVG_SCALE).round() as u32);
        self.0.draw_path(path.iter().map(|&p| scaled(p, SVG_SCALE)), &style).map_err(DrawError::Svg)
    }

    fn fill(&mut self, polygon: &[Point], color: RGBColor) -> Result<(), DrawError> {
        self.0.fill_polygon(polygon.iter().map(|&p| scaled(p, SVG_SCALE)), &color).map_err(DrawError::Svg)
    }

    fn disc(&mut self, centre: Point, radius: f64, color: RGBColor) -> Result<(), DrawError> {
        self.0.draw_circle(scaled(centre, SVG_SCALE), (radius * SVG_SCALE).round() as u32, &color, true).map_err(DrawError::Svg)
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
        let size = em * SVG_SCALE * 1.24;
        let font = plotters::style::FontDesc::from(("sans-serif", size))
            .style(if style.font.bold { plotters::style::FontStyle::Bold } else { plotters::style::FontStyle::Normal })
            .transform(if style.upwards { FontTransform::Rotate270 } else { FontTransform::None });
        let style = font.color(&style.color).pos(Pos::new(horizontal, VPos::Top));
        self.0.draw_text(text, &style, scaled(at, SVG_SCALE)).map_err(DrawError::Svg)
    }
}

/// The SVG of what `draw` draws, of `width` × `height` logical pixels.
pub(super) fn svg(
    (width, height): (u32, u32),
    draw: impl FnOnce(&mut dyn Canvas) -> Result<(), DrawError>,
) -> Result<String, DrawError> {
    let (fine_width, fine_height) = (width * SVG_SCALE as u32, height * SVG_SCALE as u32);
    let mut text = String::new();
    {
        let mut canvas = Svg(SVGBackend::with_string(&mut text, (fine_width, fine_height)));
        draw(&mut canvas)?;
        canvas.0.present().map_err(DrawError::Svg)?;
    }
    let fine = format!("<svg width=\"{fine_width}\" height=\"{fine_height}\"");
    let logical = format!("<svg width=\"{width}\" height=\"{height}\" stroke-linejoin=\"round\"");
    let font = "font-family=\"DejaVu Sans, Verdana, sans-serif\"";
    Ok(text.replacen(&fine, &logical, 1).replace("font-family=\"sans-serif\"", font))
}

const BITMAP_SCALE: f64 = 4.0;

struct Bitmap<'a>(BitMapBackend<'a>);

impl Canvas for Bitmap<'_> {
    fn stroke(&mut self, path: &[Point], width: f64, color: RGBColor) -> Result<(), DrawError> {
        // Segment by segment with round joints: the backend's outline of a whole path tears where points are dense.
        for pair in path.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let length = (b.0 - a.0).hypot(b.1 - a.1);
            if length > 0.0 {
                let (nx, ny) = ((a.1 - b.1) / length * width / 2.0, (b.0 - a.0) / length * width / 2.0);
                let corners = [(a.0 + nx, a.1 + ny), (b.0 + nx, b.1 + ny), (b.0 - nx, b.1 - ny), (a.0 - nx, a.1 - ny)];
                self.fill(&corners, color)?;
            }
        }
        for &joint in path.iter().skip(1).take(path.len().saturating_sub(2)) {
            self.disc(joint, width / 2.0, color)?;
        }
        Ok(())
    }

    fn fill(&mut self, polygon: &[Point], color: RGBColor) -> Result<(), DrawError> {
        self.0.fill_polygon(polygon.iter().map(|&p| scaled(p, BITMAP_SCALE)), &color).map_err(DrawError::Bitmap)
    }

    fn disc(&mut self, centre: Point, radius: f64, color: RGBColor) -> Result<(), DrawError> {
        self.0
            .draw_circle(scaled(centre, BITMAP_SCALE), (radius * BITMAP_SCALE).round() as u32, &color, true)
            .map_err(DrawError::Bitmap)
    }

    fn text(&mut self, text: &str, at: Point, style: TextStyle) -> Result<(), DrawError> {
        // Glyph by glyph: the backend drops the space to the left of each, which makes the letters uneven.
        let scale = style.font.scale(BITMAP_SCALE);
        let font = style.font.face().as_scaled(scale);
        let at = scaled(at, BITMAP_SCALE);
        let mut along = -style.anchor.offset(style.font.width(text) * BITMAP_SCALE) as f32;
        for c in text.chars() {
            let glyph = font.glyph_id(c).with_scale_and_position(scale, point(along, 0.0));
            along += font.h_advance(glyph.id);
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            let mut dots = Vec::new();
            outline.draw(|x, y, coverage| dots.push((corner.x as i32 + x as i32, corner.y as i32 + y as i32, coverage)));
            for (along, down, coverage) in dots {
                let place = if style.upwards { (at.0 + down, at.1 - along) } else { (at.0 + along, at.1 + down) };
                let BackendColor { alpha, rgb } = style.color.to_backend_color();
                self.0
                    .draw_pixel(place, BackendColor { alpha: alpha * f64::from(coverage).min(1.0), rgb })
                    .map_err(DrawError::Bitmap)?;
            }
        }
        Ok(())
    }
}

/// The PNG of what `draw` draws, twice as large as `width` × `height`.
pub(super) fn png(
    (width, height): (u32, u32),
    draw: impl FnOnce(&mut dyn Canvas) -> Result<(), DrawError>,
) -> Result<Vec<u8>, DrawError> {
    let fine = (width * BITMAP_SCALE as u32, height * BITMAP_SCALE as u32);
    let mut pixels = vec![255; 3 * fine.0 as usize * fine.1 as usize];
    {
        let mut canvas = Bitmap(BitMapBackend::with_buffer(&mut pixels, fine));
        draw(&mut canvas)?;
        canvas.0.present().map_err(DrawError::Bitmap)?;
    }
    let mut bytes = Vec::new();
    let image = halved(&pixels, fine.0 as usize);
    PngEncoder::new(&mut bytes).write_image(&image, fine.0 / 2, fine.1 / 2, ColorType::Rgb8)?;
    Ok(bytes)
}

/// The RGB image of half the size, each pixel the mean of 2 × 2.
fn halved(pixels: &[u8], width: usize) -> Vec<u8> {
    let row = 3 * width;
    let mean = |rows: &[u8], i: usize| {
        let sum: u32 = [i, i + 3, row + i, row + i + 3].iter().map(|&j| u32::from(rows[j])).sum();
        ((sum + 2) / 4) as u8
    };
    pixels
        .chunks_exact(2 * row)
        .flat_map(|rows| (0..width / 2).flat_map(move |x| (0..3).map(move |channel| mean(rows, 6 * x + channel))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_averages_each_channel() {
        let pixels = [0, 0, 0, 255, 4, 0, 255, 0, 0, 255, 0, 8];
        assert_eq!(halved(&pixels, 2), [191, 1, 2]);
    }
}
