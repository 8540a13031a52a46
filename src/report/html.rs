//! The page itself: elements one after another, all text escaped.

use std::fmt::Write;

/// Light, in the colours and the type of the pictures; tables scroll rather than break, and pictures are not cut by a page's end.
const STYLE: &str = "\
body{margin:0 auto;max-width:62rem;padding:1.5rem;color:#1a1a1a;background:#fff;font:15px/1.5 'DejaVu Sans',Verdana,sans-serif}
h1{font-size:1.5rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid #ccc}
.caption,figcaption{color:#5f5f5f;font-size:.9rem}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem}
th,td{padding:.25rem .6rem;text-align:left;vertical-align:top;border-bottom:1px solid #ddd}
th{border-bottom:1px solid #555}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.holds{color:#00543c}td.fails{color:#a03000;font-weight:bold}td.integrator-limited,td.grid-limited{color:#00518a;font-style:italic}
pre{background:#f5f5f5;padding:.7rem;overflow-x:auto;font-size:.8rem}code{font-size:.9em}
figure{margin:1.2rem 0}figure svg{max-width:100%;height:auto}
@media print{body{max-width:none;padding:0;font-size:10pt}figure,tr{break-inside:avoid}.wide{overflow:visible}}
";

/// What tells a page that gramflow wrote from any other.
pub(super) const GENERATOR: &str = "<meta name=\"generator\" content=\"gramflow\">";

/// Text as it stands between tags or in an attribute.
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

/// A cell of a table.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    text: String,
    class: &'static str,
}

impl Cell {
    /// Words.
    pub fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), class: "" }
    }

    /// A number, aligned to the right.
    pub fn number(text: impl Into<String>) -> Self {
        Self { text: text.into(), class: "n" }
    }

    /// Words of a class of [`STYLE`].
    pub fn of_class(text: impl Into<String>, class: &'static str) -> Self {
        Self { text: text.into(), class }
    }
}

/// A page that is being written. Writing to a string cannot fail, so that results of `write!` are let go.
pub(super) struct Page {
    text: String,
}

impl Page {
    pub fn new(title: &str) -> Self {
        let title = escape(title);
        let head = format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             {GENERATOR}\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        );
        Self { text: head }
    }

    /// The page.
    pub fn end(mut self) -> String {
        self.text.push_str("</body>\n</html>\n");
        self.text
    }

    pub fn heading(&mut self, text: &str) {
        let _ = writeln!(self.text, "<h2>{}</h2>", escape(text));
    }

    pub fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.text, "<p>{}</p>", escape(text));
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

    /// Rows of as many cells as the head has; heads of numbers stand to the right as these do.
    pub fn table(&mut self, head: &[&str], rows: &[Vec<Cell>]) {
        let class = |class: &str| if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        self.text.push_str("<div class=\"wide\">\n<table>\n<thead>\n<tr>");
        for (column, name) in head.iter().enumerate() {
            let numeric = rows.first().and_then(|row| row.get(column)).is_some_and(|cell| cell.class == "n");
            let _ = write!(self.text, "<th{}>{}</th>", class(if numeric { "n" } else { "" }), escape(name));
        }
        self.text.push_str("</tr>\n</thead>\n<tbody>\n");
        for row in rows {
            self.text.push_str("<tr>");
            for cell in row {
                let _ = write!(self.text, "<td{}>{}</td>", class(cell.class), escape(&cell.text));
            }
            self.text.push_str("</tr>\n");
        }
        self.text.push_str("</tbody>\n</table>\n</div>\n");
    }

    /// Text in its own lines.
    pub fn preformatted(&mut self, text: &str) {
        let _ = writeln!(self.text, "<pre>{}</pre>", escape(text));
    }

    /// The same, to be unfolded.
    pub fn folded(&mut self, summary: &str, text: &str) {
        let _ = write!(self.text, "<details>\n<summary>{}</summary>\n", escape(summary));
        self.preformatted(text);
        self.text.push_str("</details>\n");
    }

    /// A picture, its SVG as an element of the page, with words under it.
    pub fn picture(&mut self, svg: &str, caption: &str) {
        let _ = write!(self.text, "<figure>\n{}\n<figcaption>{}</figcaption>\n</figure>\n", svg.trim_end(), escape(caption));
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
        let text = page.end();
        for markup in ["<b>", "<script>", "<i>", "</details></summary>", "</pre></pre>", "\u{7}"] {
            assert!(!text.contains(markup), "{markup}");
        }
        assert!(text.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
    }
}
