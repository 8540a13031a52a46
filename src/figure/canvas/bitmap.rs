//! PNG through plotters' bitmap, drawn at twice the size and averaged over 2 × 2 pixels, which smooths every edge.

use std::cell::Cell;

use ab_glyph::{Font as _, point};
use plotters::prelude::{BitMapBackend, DrawingBackend, RGBColor};
use plotters_backend::{BackendColor, BackendStyle as _};
use png::{BitDepth, ColorType, Encoder, PixelDimensions, Unit};

use crate::scenario::style::Family;

use super::super::font::TextStyle;
use super::super::style::{SHADE, WHITE};
use super::{Canvas, DrawError, Paper, Point, scaled};

struct Bitmap<'a> {
    backend: BitMapBackend<'a>,
    paper: Paper,
    /// Bitmap pixels per logical pixel, before averaging.
    scale: f64,
}

impl Bitmap<'_> {
    fn fill_shown(&mut self, polygon: &[Point], color: RGBColor) -> Result<(), DrawError> {
        let scale = self.scale;
        self.backend.fill_polygon(polygon.iter().map(|&p| scaled(p, scale)), &color).map_err(DrawError::Bitmap)
    }

    fn disc_shown(&mut self, centre: Point, radius: f64, color: RGBColor) -> Result<(), DrawError> {
        let radius = (radius * self.scale).round() as u32;
        self.backend.draw_circle(scaled(centre, self.scale), radius, &color, true).map_err(DrawError::Bitmap)
    }
}

impl Canvas for Bitmap<'_> {
    fn family(&self) -> Family {
        self.paper.family
    }

    fn stroke(&mut self, path: &[Point], width: f64, color: RGBColor) -> Result<(), DrawError> {
        let color = self.paper.theme.shown(color);
        // Segment by segment with round joints: the backend's outline of a whole path tears where points are dense.
        for pair in path.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let length = (b.0 - a.0).hypot(b.1 - a.1);
            if length > 0.0 {
                let (nx, ny) = ((a.1 - b.1) / length * width / 2.0, (b.0 - a.0) / length * width / 2.0);
                let corners = [(a.0 + nx, a.1 + ny), (b.0 + nx, b.1 + ny), (b.0 - nx, b.1 - ny), (a.0 - nx, a.1 - ny)];
                self.fill_shown(&corners, color)?;
            }
        }
        for &joint in path.iter().skip(1).take(path.len().saturating_sub(2)) {
            self.disc_shown(joint, width / 2.0, color)?;
        }
        Ok(())
    }

    fn fill(&mut self, polygon: &[Point], color: RGBColor) -> Result<(), DrawError> {
        self.fill_shown(polygon, self.paper.theme.shown(color))
    }

    fn shade(&mut self, pairs: &[[Point; 2]], color: RGBColor) -> Result<(), DrawError> {
        let RGBColor(red, green, blue) = self.paper.theme.shown(color);
        let color = BackendColor { alpha: SHADE, rgb: (red, green, blue) };
        let scale = self.scale;
        // Column by column, so that every pixel is shaded once: polygons side by side would both shade those on the edge between them.
        for pair in pairs.windows(2) {
            let (from, to) = (scale * pair[0][0].0, scale * pair[1][0].0);
            for x in from.round() as i32..to.round() as i32 {
                let share = (f64::from(x) + 0.5 - from) / (to - from);
                let edge = |k: usize| (scale * (pair[0][k].1 + share * (pair[1][k].1 - pair[0][k].1))).round() as i32;
                for y in edge(0).min(edge(1))..edge(0).max(edge(1)) {
                    self.backend.draw_pixel((x, y), color).map_err(DrawError::Bitmap)?;
                }
            }
        }
        Ok(())
    }

    fn disc(&mut self, centre: Point, radius: f64, color: RGBColor) -> Result<(), DrawError> {
        self.disc_shown(centre, radius, self.paper.theme.shown(color))
    }

    fn text(&mut self, text: &str, at: Point, style: TextStyle) -> Result<(), DrawError> {
        // Glyph by glyph: the backend drops the space to the left of each, which makes the letters uneven.
        let at = scaled(at, self.scale);
        let BackendColor { alpha, rgb } = self.paper.theme.shown(style.color).color();
        let em = style.font.em * self.scale;
        let mut along = -style.anchor.offset(style.font.width(text) * self.scale);
        for c in text.chars() {
            let (face, glyph) = style.font.glyph(c);
            let face = face.face();
            let placed = glyph.with_scale_and_position(face.scale(em), point(along as f32, 0.0));
            along += em * face.advance(glyph);
            let Some(outline) = face.font().outline_glyph(placed) else { continue };
            let corner = outline.px_bounds().min;
            let mut dots = Vec::new();
            outline.draw(|x, y, coverage| dots.push((corner.x as i32 + x as i32, corner.y as i32 + y as i32, coverage)));
            for (along, down, coverage) in dots {
                let place = if style.upwards { (at.0 + down, at.1 - along) } else { (at.0 + along, at.1 + down) };
                let color = BackendColor { alpha: alpha * f64::from(coverage).min(1.0), rgb };
                self.backend.draw_pixel(place, color).map_err(DrawError::Bitmap)?;
            }
        }
        Ok(())
    }
}

thread_local! {
    /// The fine pixels of the picture before, 14 to 20 MB, of which each new one takes the place: fresh memory costs more than drawing in it.
    static FINE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The PNG of what `draw` draws.
pub(in super::super) fn png(
    paper: Paper,
    draw: impl FnOnce(&mut dyn Canvas) -> Result<(), DrawError>,
) -> Result<Vec<u8>, DrawError> {
    let pixels_per_logical = paper.dpi * paper.points() / 72.0;
    let size = [paper.width, paper.height].map(|length| (length * pixels_per_logical).round().max(1.0) as u32);
    let fine = size.map(|length| 2 * length);
    let RGBColor(red, green, blue) = paper.theme.shown(WHITE);
    let (background, row) = ([red, green, blue], 3 * fine[0] as usize);
    let mut pixels = FINE.take();
    pixels.resize(row * fine[1] as usize, 0);
    let blank = background.repeat(fine[0] as usize);
    pixels.chunks_exact_mut(row).for_each(|pixels| pixels.copy_from_slice(&blank));
    {
        let backend = BitMapBackend::with_buffer(&mut pixels, (fine[0], fine[1]));
        let mut canvas = Bitmap { backend, paper, scale: 2.0 * pixels_per_logical };
        draw(&mut canvas)?;
        canvas.backend.present().map_err(DrawError::Bitmap)?;
    }
    let image = halved(&pixels, fine[0] as usize, background);
    FINE.set(pixels);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, size[0], size[1]);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    let per_metre = (paper.dpi / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(PixelDimensions { xppu: per_metre, yppu: per_metre, unit: Unit::Meter }));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&image)?;
    writer.finish()?;
    Ok(bytes)
}

/// Bytes of a row that are averaged together, or left as they are where they show the background alone, as most do: 64 pixels.
const STRETCH: usize = 192;

/// The RGB image of half the size, each pixel the mean of 2 × 2.
fn halved(pixels: &[u8], width: usize, background: [u8; 3]) -> Vec<u8> {
    let row = 3 * width;
    let blank = background.repeat(STRETCH / 3);
    let mut image = background.repeat(pixels.len() / 12);
    for (rows, half) in pixels.chunks_exact(2 * row).zip(image.chunks_exact_mut(row / 2)) {
        let (above, below) = rows.split_at(row);
        let stretches = above.chunks(STRETCH).zip(below.chunks(STRETCH)).zip(half.chunks_mut(STRETCH / 2));
        for ((above, below), half) in stretches {
            if above == &blank[..above.len()] && below == &blank[..below.len()] {
                continue;
            }
            let blocks = above.as_chunks::<6>().0.iter().zip(below.as_chunks::<6>().0);
            for ((above, below), pixel) in blocks.zip(half.as_chunks_mut::<3>().0) {
                let sum =
                    |channel: usize| [above[channel], above[channel + 3], below[channel], below[channel + 3]].map(u16::from);
                *pixel = [0, 1, 2].map(|channel| ((sum(channel).iter().sum::<u16>() + 2) / 4) as u8);
            }
        }
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_averages_each_channel() {
        let pixels = [0, 0, 0, 255, 4, 0, 255, 0, 0, 255, 0, 8];
        for background in [[191, 1, 2], [255; 3]] {
            assert_eq!(halved(&pixels, 2, background), [191, 1, 2]);
        }
    }

    /// Long rows with one pixel that differs, in any stretch or in the last, which is shorter.
    #[test]
    fn what_is_not_background_is_averaged_wherever_it_is() {
        let (width, background) = (202, [9, 99, 199]);
        for at in [0, 63, 64, 150, 201, width, 2 * width - 1] {
            let mut pixels = background.repeat(2 * width);
            pixels[3 * at] = 49;
            let mut expected = background.repeat(width / 2);
            expected[3 * (at % width / 2)] = 19;
            assert_eq!(halved(&pixels, width, background), expected, "{at}");
        }
    }
}
