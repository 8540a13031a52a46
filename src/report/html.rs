//! The page itself: elements one after another, all text escaped. Its style sheet and its scripts are files beside this one.

use std::fmt::Write;

/// The style sheet, in the colours and the typeface of the pictures.
const STYLE: &str = include_str!("page.css");
/// The curves, and what starts them.
const SCRIPTS: [&str; 2] = [include_str!("chart.js"), include_str!("page.js")];

/// Marks a page as written by gramflow.
pub(super) const GENERATOR: &str = "<meta name=\"generator\" content=\"gramflow\">";

/// Even if some text were not escaped, the browser would load nothing.
const POLICY: &str = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
                      script-src 'unsafe-inline'\">";

/// Text, escaped to stand between tags or in an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // No HTML has these characters, escaped or not.
            c if c.is_control() && !c.is_whitespace() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// JSON, escaped to stand in a script element, where `&lt;` means nothing: no tag can begin or end in it.
fn escape_json(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// What stands for a value that is not defined.
pub(super) const NONE: &str = "–";

/// A cell of a table.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    text: String,
    class: &'static str,
    /// The number that the text rounds, by which tables are sorted.
    value: Option<f64>,
}

impl Cell {
    /// Words.
    pub fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), class: "", value: None }
    }

    /// A number, aligned to the right.
    pub fn number(text: impl Into<String>) -> Self {
        Self { text: text.into(), class: "n", value: None }
    }

    /// Words of a class of [`STYLE`].
    pub fn of_class(text: impl Into<String>, class: &'static str) -> Self {
        Self { text: text.into(), class, value: None }
    }

    /// The same, sorted as this number if it is one.
    pub fn sorted_as(self, value: impl Into<Option<f64>>) -> Self {
        Self { value: value.into().filter(|value| value.is_finite()), ..self }
    }

    /// Whether it holds no value.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() || self.text == NONE
    }

    /// Writes the cell; where the table is a list of cards, the head `label` stands before it.
    fn write(&self, page: &mut String, label: &str) {
        let _ = write!(page, "<td data-label=\"{}\"{}", escape(label), class(self.class));
        if let Some(value) = self.value {
            let _ = write!(page, " data-v=\"{value:e}\"");
        }
        let _ = write!(page, ">{}</td>", escape(&self.text));
    }
}

fn class(class: &str) -> String {
    if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") }
}

/// A page that is being written. Writing to a string cannot fail, so results of `write!` are ignored.
pub(super) struct Page {
    text: String,
}

impl Page {
    pub fn new(title: &str) -> Self {
        let title = escape(title);
        let head = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n{GENERATOR}\n{POLICY}\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        );
        Self { text: head }
    }

    /// Ends the page and returns its text.
    pub fn end(mut self) -> String {
        let _ = write!(self.text, "<script>\n{}</script>\n</body>\n</html>\n", SCRIPTS.concat());
        self.text
    }

    pub fn heading(&mut self, text: &str) {
        let _ = writeln!(self.text, "<h2>{}</h2>", escape(text));
    }

    pub fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.text, "<p>{}</p>", escape(text));
    }

    /// The sentence that one reads first, of a class of [`STYLE`].
    pub fn status(&mut self, text: &str, outcome: &str) {
        let _ = writeln!(self.text, "<p class=\"status {outcome}\">{}</p>", escape(text));
    }

    /// Small and grey.
    pub fn caption(&mut self, text: &str) {
        let _ = writeln!(self.text, "<p class=\"caption\">{}</p>", escape(text));
    }

    pub fn list(&mut self, items: &[String]) {
        self.text.push_str("<ul>\n");
        for item in items {
            let _ = writeln!(self.text, "<li>{}</li>", escape(item));
        }
        self.text.push_str("</ul>\n");
    }

    /// What must not be overlooked.
    pub fn warnings(&mut self, items: &[String]) {
        self.text.push_str("<section class=\"warnings\">\n");
        self.heading("Warnings");
        self.list(items);
        self.text.push_str("</section>\n");
    }

    /// A table whose rows have as many cells as the head; heads of number columns are right-aligned, as the numbers are.
    pub fn table(&mut self, head: &[&str], rows: &[Vec<Cell>]) {
        self.write_table("wide", "cards", head, rows.iter().map(|row| (None, row)));
    }

    /// Names and what they stand for, without a head.
    pub fn pairs(&mut self, rows: &[(&str, String)]) {
        self.text.push_str("<table class=\"pairs\">\n<tbody>\n");
        for (name, text) in rows {
            let _ = writeln!(self.text, "<tr><td>{}</td><td>{}</td></tr>", escape(name), escape(text));
        }
        self.text.push_str("</tbody>\n</table>\n");
    }

    /// Rows of the units of a sweep, in their order, to be sorted and picked.
    pub fn units(&mut self, head: &[&str], rows: &[Vec<Cell>]) {
        self.write_table("tall", "cards sortable", head, rows.iter().enumerate().map(|(unit, row)| (Some(unit), row)));
    }

    fn write_table<'r>(
        &mut self,
        around: &str,
        kind: &str,
        head: &[&str],
        rows: impl Iterator<Item = (Option<usize>, &'r Vec<Cell>)> + Clone,
    ) {
        let _ = write!(self.text, "<div class=\"{around}\">\n<table class=\"{kind}\">\n<thead>\n<tr>");
        for (column, name) in head.iter().enumerate() {
            let numeric = rows.clone().next().and_then(|(_, row)| row.get(column)).is_some_and(|cell| cell.class == "n");
            let _ = write!(self.text, "<th scope=\"col\"{}>{}</th>", class(if numeric { "n" } else { "" }), escape(name));
        }
        self.text.push_str("</tr>\n</thead>\n<tbody>\n");
        for (unit, row) in rows {
            let unit = unit.map_or(String::new(), |unit| format!(" data-unit=\"{unit}\""));
            let _ = write!(self.text, "<tr{unit}>");
            for (cell, label) in row.iter().zip(head) {
                cell.write(&mut self.text, label);
            }
            self.text.push_str("</tr>\n");
        }
        self.text.push_str("</tbody>\n</table>\n</div>\n");
    }

    /// Room for the curves, and the JSON that they are drawn from.
    pub fn curves(&mut self, json: &str) {
        let _ = write!(
            self.text,
            "<div id=\"curves\"><noscript><p class=\"caption\">The curves are drawn by this page's script.</p></noscript></div>\n\
             <script type=\"application/json\" id=\"curves-data\">{}</script>\n",
            escape_json(json)
        );
    }

    /// Text with its line breaks.
    pub fn preformatted(&mut self, text: &str) {
        let _ = writeln!(self.text, "<pre>{}</pre>", escape(text));
    }

    /// The same, folded under a summary.
    pub fn folded(&mut self, summary: &str, text: &str) {
        let _ = write!(self.text, "<details>\n<summary>{}</summary>\n", escape(summary));
        self.preformatted(text);
        self.text.push_str("</details>\n");
    }

    /// A picture, its SVG as an element of the page, with words under it.
    pub fn picture(&mut self, svg: &str, caption: &str) {
        let caption = escape(caption);
        let named = svg.trim_end().replacen("<svg", &format!("<svg role=\"img\" aria-label=\"{caption}\""), 1);
        let _ = write!(
            self.text,
            "<figure>\n<div class=\"picture\">\n{named}\n</div>\n<figcaption>{caption}</figcaption>\n</figure>\n"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_said_is_markup() {
        let mut page = Page::new("a<b>&\"c\"");
        page.paragraph("<script>alert('x')</script>");
        page.table(&["<i>"], &[vec![Cell::words("1 < 2\u{7}")]]);
        page.folded("</details>", "</pre>");
        page.curves("[\"</script><em>&amp;\"]");
        let text = page.end();
        for markup in ["<b>", "<script>alert", "<i>", "</details></summary>", "</pre></pre>", "\u{7}", "<em>", "]</script><"] {
            assert!(!text.contains(markup), "{markup}");
        }
        assert!(text.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
        assert!(text.contains("[\"\\u003c/script\\u003e\\u003cem\\u003e\\u0026amp;\"]</script>"));
    }

    /// If a script or a style sheet ended early, the rest of it would be text on the page.
    #[test]
    fn scripts_and_style_are_whole_and_ask_for_nothing() {
        for text in SCRIPTS.into_iter().chain([STYLE]) {
            for end in ["</", "<!--", "<script", "src=", "href=", "url(", "@import", "fetch(", "import("] {
                assert!(!text.contains(end), "{end}");
            }
        }
        assert_eq!(SCRIPTS.concat().matches("http").count(), 1, "the name of SVG alone");
    }
}
