//! PDF: shapes as vectors, text as text, and of each font only the glyphs that are used.

use std::collections::BTreeMap;
use std::io::Write as _;

use ab_glyph::{Font as _, GlyphId};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{CidFontType, FontFlags, LineJoinStyle, SystemInfo, UnicodeCmap};
use pdf_writer::writers::ExtGraphicsState;
use pdf_writer::{Content, Filter, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};
use plotters::style::RGBColor;
use subsetter::GlyphRemapper;

use crate::scenario::style::Family;

use super::super::font::{Face, FaceId, TextStyle};
use super::super::style::{SHADE, WHITE};
use super::{Canvas, DrawError, Paper, Point, around};

/// The glyphs of one face that are used: their numbers in the PDF, and the characters they stand for.
#[derive(Default)]
struct Used {
    glyphs: GlyphRemapper,
    /// By the glyph's number in the PDF.
    letters: BTreeMap<u16, (char, GlyphId)>,
}

/// The graphics state in which areas are shaded.
const SHADED: Name = Name(b"Shaded");

struct Page {
    content: Content,
    paper: Paper,
    used: BTreeMap<FaceId, Used>,
}

impl Page {
    /// In points from the lower left corner.
    fn place(&self, (x, y): Point) -> (f32, f32) {
        let points = self.paper.points();
        ((x * points) as f32, ((self.paper.height - y) * points) as f32)
    }

    fn length(&self, length: f64) -> f32 {
        (length * self.paper.points()) as f32
    }

    fn trace(&mut self, path: &[Point]) {
        for (i, &point) in path.iter().enumerate() {
            let (x, y) = self.place(point);
            if i == 0 {
                self.content.move_to(x, y);
            } else {
                self.content.line_to(x, y);
            }
        }
    }

    fn ink(&self, color: RGBColor) -> [f32; 3] {
        let RGBColor(red, green, blue) = self.paper.theme.shown(color);
        [red, green, blue].map(|channel| f32::from(channel) / 255.0)
    }

    fn fill_with(&mut self, color: RGBColor) {
        let [red, green, blue] = self.ink(color);
        self.content.set_fill_rgb(red, green, blue);
    }
}

impl Canvas for Page {
    fn family(&self) -> Family {
        self.paper.family
    }

    fn stroke(&mut self, path: &[Point], width: f64, color: RGBColor) -> Result<(), DrawError> {
        let [red, green, blue] = self.ink(color);
        self.content.set_stroke_rgb(red, green, blue);
        let width = self.length(width);
        self.content.set_line_width(width).set_line_join(LineJoinStyle::RoundJoin);
        self.trace(path);
        self.content.stroke();
        Ok(())
    }

    fn fill(&mut self, polygon: &[Point], color: RGBColor) -> Result<(), DrawError> {
        self.fill_with(color);
        self.trace(polygon);
        self.content.close_path().fill_nonzero();
        Ok(())
    }

    fn shade(&mut self, pairs: &[[Point; 2]], color: RGBColor) -> Result<(), DrawError> {
        self.content.save_state().set_parameters(SHADED);
        self.fill(&around(pairs), color)?;
        self.content.restore_state();
        Ok(())
    }

    fn disc(&mut self, centre: Point, radius: f64, color: RGBColor) -> Result<(), DrawError> {
        // Four cubic Bézier curves, each a quarter of the circle; their handles are 4(√2 − 1)/3 of the radius long.
        const HANDLE: f32 = 0.552_284_8;
        self.fill_with(color);
        let ((x, y), r) = (self.place(centre), self.length(radius));
        let h = HANDLE * r;
        self.content
            .move_to(x + r, y)
            .cubic_to(x + r, y + h, x + h, y + r, x, y + r)
            .cubic_to(x - h, y + r, x - r, y + h, x - r, y)
            .cubic_to(x - r, y - h, x - h, y - r, x, y - r)
            .cubic_to(x + h, y - r, x + r, y - h, x + r, y)
            .close_path()
            .fill_nonzero();
        Ok(())
    }

    fn text(&mut self, text: &str, at: Point, style: TextStyle) -> Result<(), DrawError> {
        self.fill_with(style.color);
        self.content.begin_text();
        let mut along = -style.anchor.offset(style.font.width(text));
        let letters: Vec<(char, FaceId, GlyphId)> =
            text.chars().map(|c| (c, style.font.glyph(c))).map(|(c, (face, glyph))| (c, face, glyph)).collect();
        for run in letters.chunk_by(|a, b| a.1 == b.1) {
            let face = run[0].1;
            let used = self.used.entry(face).or_default();
            let mut codes = Vec::new();
            let mut width = 0.0;
            for &(letter, _, glyph) in run {
                let code = used.glyphs.remap(glyph.0);
                used.letters.insert(code, (letter, glyph));
                codes.extend(code.to_be_bytes());
                width += style.font.em * face.face().advance(glyph);
            }
            let (x, y) = self.place(if style.upwards { (at.0, at.1 - along) } else { (at.0 + along, at.1) });
            let turn = if style.upwards { [0.0, 1.0, -1.0, 0.0] } else { [1.0, 0.0, 0.0, 1.0] };
            let size = self.length(style.font.em);
            self.content
                .set_font(Name(face.face().name.as_bytes()), size)
                .set_text_matrix([turn[0], turn[1], turn[2], turn[3], x, y])
                .show(Str(&codes));
            along += width;
        }
        self.content.end_text();
        Ok(())
    }
}

/// The PDF of what `draw` draws: one page of the size of `paper`, entitled `title`.
pub(in super::super) fn pdf(
    paper: Paper,
    title: &str,
    draw: impl FnOnce(&mut dyn Canvas) -> Result<(), DrawError>,
) -> Result<Vec<u8>, DrawError> {
    let mut page = Page { content: Content::new(), paper, used: BTreeMap::new() };
    page.fill(&[(0.0, 0.0), (paper.width, 0.0), (paper.width, paper.height), (0.0, paper.height)], WHITE)?;
    draw(&mut page)?;

    let [catalog, pages, sheet, content, info] = [1, 2, 3, 4, 5].map(Ref::new);
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(pages);
    pdf.pages(pages).kids([sheet]).count(1);
    pdf.document_info(info).title(TextStr(title)).creator(TextStr("gramflow"));
    let bytes = compressed(&page.content.finish())?;
    pdf.stream(content, &bytes).filter(Filter::FlateDecode);
    let mut next = info;
    let mut fonts = Vec::new();
    for (face, used) in &page.used {
        let refs: [Ref; 5] = std::array::from_fn(|_| next.bump_after());
        write_font(&mut pdf, face.face(), used, refs)?;
        fonts.push((face.face().name, refs[0]));
    }
    let mut sheet = pdf.page(sheet);
    // To a thousandth of a point: 5.5in are 396 and not 396.00003.
    let length = |logical: f64| ((1e3 * logical * paper.points()).round() / 1e3) as f32;
    sheet.parent(pages).contents(content).media_box(Rect::new(0.0, 0.0, length(paper.width), length(paper.height)));
    let mut resources = sheet.resources();
    let mut named = resources.fonts();
    for (name, font) in fonts {
        named.pair(Name(name.as_bytes()), font);
    }
    named.finish();
    resources.ext_g_states().insert(SHADED).start::<ExtGraphicsState>().non_stroking_alpha(SHADE as f32);
    resources.finish();
    sheet.finish();
    Ok(pdf.finish())
}

/// Hands out object numbers in sequence.
trait Bump {
    fn bump_after(&mut self) -> Ref;
}

impl Bump for Ref {
    fn bump_after(&mut self) -> Ref {
        *self = Ref::new(self.get() + 1);
        *self
    }
}

fn write_font(pdf: &mut Pdf, face: &'static Face, used: &Used, refs: [Ref; 5]) -> Result<(), DrawError> {
    let [font, cid, descriptor, file, unicode] = refs;
    let subset =
        subsetter::subset(face.bytes, 0, &used.glyphs).map_err(|source| DrawError::Font { font: face.name, source })?;
    let name = format!("{}+{}", tag(used), face.name);
    let name = Name(name.as_bytes());
    let system_info = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

    pdf.type0_font(font).base_font(name).encoding_predefined(Name(b"Identity-H")).descendant_font(cid).to_unicode(unicode);
    let mut cid = pdf.cid_font(cid);
    cid.subtype(CidFontType::Type2).base_font(name).system_info(system_info).font_descriptor(descriptor);
    cid.default_width(0.0).cid_to_gid_map_predefined(Name(b"Identity"));
    let mut widths = cid.widths();
    for (code, (_, glyph)) in &used.letters {
        widths.consecutive(*code, [(1000.0 * face.advance(*glyph)) as f32]);
    }
    widths.finish();
    cid.finish();

    let em = |units: f32| (1000.0 * f64::from(units) / face.units_per_em()) as f32;
    let (ascent, descent) = (em(face.font().ascent_unscaled()), em(face.font().descent_unscaled()));
    pdf.font_descriptor(descriptor)
        .name(name)
        .flags(FontFlags::SYMBOLIC)
        .bbox(Rect::new(-500.0, descent, 1500.0, ascent))
        .italic_angle(0.0)
        .ascent(ascent)
        .descent(descent)
        .cap_height(730.0)
        .stem_v(if face.name.ends_with("Bold") { 150.0 } else { 80.0 })
        .font_file2(file);
    let length = subset.len() as i32;
    let bytes = compressed(&subset)?;
    pdf.stream(file, &bytes).filter(Filter::FlateDecode).pair(Name(b"Length1"), length);

    let mut cmap = UnicodeCmap::new(Name(b"Custom"), system_info);
    for (code, (letter, _)) in &used.letters {
        cmap.pair(*code, *letter);
    }
    let bytes = compressed(&cmap.finish())?;
    pdf.stream(unicode, &bytes).filter(Filter::FlateDecode);
    Ok(())
}

/// The six-letter tag of a subset font: an FNV-1a hash of its characters.
fn tag(used: &Used) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for (letter, _) in used.letters.values() {
        hash = (hash ^ u64::from(u32::from(*letter))).wrapping_mul(0x0100_0000_01b3);
    }
    (0..6).map(|k| char::from(b'A' + (hash >> (8 * k)) as u8 % 26)).collect()
}

fn compressed(bytes: &[u8]) -> Result<Vec<u8>, DrawError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
