//! Text: widths, line breaks, and sub- and superscripts (`‖D_l‖_F`, `e^{−2λt}`).

use super::canvas::{Canvas, DrawError, Point};
use super::font::{Anchor, Font, TextStyle};
use super::style::SCRIPT_SIZE;

/// A piece of a label on one baseline.
#[derive(Debug, PartialEq)]
struct Piece {
    text: String,
    /// In em of the label, upwards.
    raised: f64,
}

impl Piece {
    /// Scripts are smaller than the label that they are part of, down to a size that is still legible.
    fn font(&self, label: Font) -> Font {
        if self.raised == 0.0 { label } else { label.sized((0.72 * label.em).max(SCRIPT_SIZE.min(label.em))) }
    }
}

/// `text` as a label that shows it as it is: `_`, `^` and `\` are escaped, so that they are not read as markup.
pub(super) fn verbatim(text: &str) -> String {
    text.chars().flat_map(|c| matches!(c, '_' | '^' | '\\').then_some('\\').into_iter().chain([c])).collect()
}

/// A label as its user types it: undoes what [`verbatim`] escaped.
pub(super) fn unmarked(label: &str) -> String {
    let mut text = String::new();
    let mut characters = label.chars();
    while let Some(c) = characters.next() {
        text.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    text
}

/// The pieces of a label: `_x` and `_{…}` are subscripts, `^x` and `^{…}` superscripts, `\_` an underscore.
fn pieces(label: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut push = |text: &str, raised: f64| match pieces.last_mut() {
        Some(last) if last.raised == raised => last.text.push_str(text),
        _ => pieces.push(Piece { text: text.to_string(), raised }),
    };
    let mut chars = label.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => push(&chars.next().map(String::from).unwrap_or_default(), 0.0),
            '_' | '^' => {
                let script = match chars.next() {
                    Some('{') => chars.by_ref().take_while(|&c| c != '}').collect(),
                    other => other.map(String::from).unwrap_or_default(),
                };
                push(&script, if c == '_' { -0.22 } else { 0.36 });
            }
            c => push(c.encode_utf8(&mut [0; 4]), 0.0),
        }
    }
    pieces
}

/// Width of a label with markup.
pub(super) fn label_width(label: &str, font: Font) -> f64 {
    pieces(label).iter().map(|piece| piece.font(font).width(&piece.text)).sum()
}

/// Draws a label with markup, its baseline through `at`.
pub(super) fn draw_label(canvas: &mut dyn Canvas, label: &str, at: Point, style: TextStyle) -> Result<(), DrawError> {
    let pieces = pieces(label);
    // A single piece leaves its alignment to the viewer, whose font may be another.
    if let [Piece { text, raised: 0.0 }] = pieces.as_slice() {
        return canvas.text(text, at, style);
    }
    let mut along = -style.anchor.offset(label_width(label, style.font));
    for piece in &pieces {
        let font = piece.font(style.font);
        let up = piece.raised * style.font.em;
        // SVG drops the spaces at the ends of a text.
        let words = piece.text.trim_start();
        let skipped = along + font.width(&piece.text) - font.width(words);
        let start = if style.upwards { (at.0 - up, at.1 - skipped) } else { (at.0 + skipped, at.1 - up) };
        if !words.is_empty() {
            canvas.text(words.trim_end(), start, TextStyle { font, anchor: Anchor::Start, ..style })?;
        }
        along += font.width(&piece.text);
    }
    Ok(())
}

/// Where a label may be broken, the best places first.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Breaks {
    /// At spaces outside of norms, parentheses, fractions and equations.
    OutsideFormulas,
    /// Also before the line of a fraction.
    Fractions,
    /// At any space outside of scripts.
    Anywhere,
}

/// A label with markup in lines of at most `width`, broken outside of its formulas if it can be; longer where there are no spaces.
pub(super) fn wrap_label(label: &str, font: Font, width: f64) -> Vec<String> {
    let fits = |lines: &Vec<String>| lines.iter().all(|line| label_width(line, font) <= width);
    let gentle = [Breaks::OutsideFormulas, Breaks::Fractions].map(|breaks| lines(words(label, breaks), font, width));
    gentle.into_iter().find(fits).unwrap_or_else(|| lines(words(label, Breaks::Anywhere), font, width))
}

/// The parts of a label that stay whole.
fn words(label: &str, breaks: Breaks) -> Vec<String> {
    let (mut words, mut script, mut inside, mut norm) = (vec![String::new()], 0, 0, false);
    // A denominator in words, `/ larger of the two norms`, goes on to the end.
    let in_words = label.find(" / ").filter(|at| label[at + 3..].starts_with(|c: char| c.is_ascii_lowercase()));
    for (i, c) in label.char_indices() {
        match c {
            '{' => script += 1,
            '}' => script -= 1,
            '(' => inside += 1,
            ')' => inside -= 1,
            '‖' => norm = !norm,
            _ => {}
        }
        let bar = label[i..].starts_with(" / ") || in_words.is_some_and(|at| i > at);
        let fraction = label[..i].ends_with('/') || breaks == Breaks::OutsideFormulas && bar;
        let relates = |c: Option<char>| c.is_some_and(|c| matches!(c, '=' | '≤' | '≥'));
        let equation = relates(label[..i].chars().next_back()) || relates(label[i + c.len_utf8()..].chars().next());
        let whole = breaks != Breaks::Anywhere && (inside > 0 || norm || fraction || equation);
        if c == ' ' && script <= 0 && !whole {
            words.push(String::new());
        } else if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words
}

/// Words in lines of at most `width`; the line of a fraction begins one, if the fraction is broken at all.
fn lines(words: Vec<String>, font: Font, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            Some(line) if !word.starts_with('/') && label_width(&format!("{line} {word}"), font) <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines
}

/// The words of a text; an equation, `t = 5`, is one.
fn unbroken(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut joins = false;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let relates = matches!(word, "=" | "≤" | "≥" | "<" | ">");
        match words.last_mut() {
            Some(last) if joins || relates => {
                last.push(' ');
                last.push_str(word);
            }
            _ => words.push(word.to_string()),
        }
        joins = relates;
    }
    words
}

/// Lines of at most `width`, broken at spaces outside of equations, and within a word only where it is wider than a line.
pub(super) fn wrap(text: &str, font: Font, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    // Control characters have no glyph and are not allowed in SVG.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    for word in unbroken(&text) {
        match lines.last_mut() {
            Some(line) if font.width(line) + font.width(" ") + font.width(&word) <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => {
                lines.push(String::new());
                for c in word.chars() {
                    let last = lines.len() - 1;
                    if !lines[last].is_empty() && font.width(&lines[last]) + font.width(&c.to_string()) > width {
                        lines.push(String::new());
                    }
                    let last = lines.len() - 1;
                    lines[last].push(c);
                }
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::style::Family;

    #[test]
    fn scripts_are_small_and_off_the_baseline() {
        let texts = |label: &str| pieces(label).into_iter().map(|p| (p.text, p.raised.signum())).collect::<Vec<_>>();
        let expected = [("‖D", 1.0), ("l", -1.0), ("‖", 1.0), ("F", -1.0)].map(|(t, s)| (t.to_string(), s));
        assert_eq!(texts("‖D_l‖_F"), expected);
        assert_eq!(texts("e^{−2λt}"), [("e".to_string(), 1.0), ("−2λt".to_string(), 1.0)]);
        assert!(pieces("e^{−2λt}")[1].raised > 0.0);
        assert_eq!(texts("dangling_"), [("dangling".to_string(), 1.0), (String::new(), -1.0)]);
    }

    #[test]
    fn names_are_drawn_as_they_are() {
        let name = r"sgd_1^\x";
        assert_eq!(pieces(&verbatim(name)), [Piece { text: name.to_string(), raised: 0.0 }]);
    }

    #[test]
    fn labels_break_outside_of_scripts() {
        let font = Family::Sans.regular(10.0);
        assert_eq!(wrap_label("A_f^{ 1/L} and W", font, 1.0), ["A_f^{ 1/L}", "and", "W"]);
        assert_eq!(wrap_label("max_{ℓ }‖D_ℓ‖ so", font, 1e3), ["max_{ℓ }‖D_ℓ‖ so"]);
    }

    #[test]
    fn equations_stay_on_one_line() {
        let font = Family::Sans.regular(10.0);
        let width = label_width("far off at λ =", font) + 0.1;
        assert_eq!(wrap_label("far off at λ = 0.1", font, width), ["far off at", "λ = 0.1"]);
        assert_eq!(wrap("far off at λ = 0.1", font, width), ["far off at", "λ = 0.1"]);
    }

    #[test]
    fn labels_break_outside_of_formulas_while_these_fit() {
        let font = Family::Sans.regular(10.0);
        let at = |label: &str, widest: &str| wrap_label(label, font, label_width(widest, font) + 0.1);
        let (residual, norm) = ("‖W_1 − cA_f‖_F", "‖W_1‖_F");
        let whole = format!("{residual} / {norm}");
        assert_eq!(at(&format!("residual {whole}"), &whole), ["residual", &whole]);
        // Where the fraction does not fit, its line begins the next line.
        assert_eq!(at(&whole, residual), [residual.to_string(), format!("/ {norm}")]);
        assert_eq!(at("‖A_f − W‖_F (dashed: relative)", "(dashed: relative)"), ["‖A_f − W‖_F", "(dashed: relative)"]);
        assert_eq!(at("‖A_f‖ / larger of the two", "/ larger of the two"), ["‖A_f‖", "/ larger of the two"]);
        // What cannot be kept whole is broken at any space.
        assert_eq!(at("(some words (and more", "some words"), ["(some", "words (and", "more"]);
    }

    #[test]
    fn lines_fit_and_lose_no_letter() {
        let font = Family::Sans.regular(10.0);
        let text = format!("L = 5, widths 20–20, {} λ = 1e-3\ttab", "x".repeat(200));
        let lines = wrap(&text, font, 150.0);
        assert!(lines.iter().all(|line| font.width(line) <= 150.0), "{lines:?}");
        let letters = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        assert_eq!(letters(&lines.concat()), letters(&text));
        assert!(wrap("", font, 150.0).is_empty());
    }
}
