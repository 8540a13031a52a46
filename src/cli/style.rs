//! Options of `plot` and `figures` for how pictures look: each sets the key of `style:` of the same name.

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Command, Error};

use crate::scenario::style::{Formats, Given, Style, StyleChange};
use crate::scenario::{Picture, ScenarioError};

/// Options for the keys of a scenario's `style:`, over which they take precedence.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "How pictures look (each option sets a key of the scenario's `style:`)")]
pub(super) struct StyleOptions {
    /// File formats, separated by commas: svg, png, pdf [default: svg,png]
    #[arg(long, value_name = "FORMATS", value_delimiter = ',')]
    format: Vec<String>,
    /// Width of the picture, such as 5.5in, 396pt or 14cm: text keeps its size, and panels that do not fit go to the next row
    #[arg(long, value_name = "LENGTH")]
    width: Option<String>,
    /// Size of the text at the axes, such as 9pt
    #[arg(long, value_name = "LENGTH")]
    font_size: Option<String>,
    /// Font: sans or serif [default: sans]
    #[arg(long, value_name = "FAMILY")]
    font: Option<String>,
    /// Dots per inch of PNGs [default: 192, with a width 300]
    #[arg(long, value_name = "N")]
    dpi: Option<f64>,
    /// Draw the title and the line below it
    #[arg(long, overrides_with = "no_title")]
    title: bool,
    /// Leave out the title and the line below it
    #[arg(long)]
    no_title: bool,
    /// Draw the notes below the panels
    #[arg(long, overrides_with = "no_notes")]
    notes: bool,
    /// Leave out the notes below the panels
    #[arg(long)]
    no_notes: bool,
    /// Colours: light or dark [default: light]
    #[arg(long, value_name = "THEME")]
    theme: Option<String>,
    /// Place of the legend: top, bottom, right or none [default: top]
    #[arg(long, value_name = "PLACE")]
    legend: Option<String>,
    /// Colour of a curve, by its name in the legend: `--color gd=#d55e00`; may be repeated
    #[arg(long = "color", value_name = "CURVE=#RRGGBB", value_parser = curve_and_color)]
    colors: Vec<String>,
    /// Limits, scales and labels of axes: `--axis '{picture: loss, panel: a, y: {limits: [1.0e-6, 1], scale: log, label: loss}}'`; may be
    /// repeated
    #[arg(long = "axis", value_name = "AXES")]
    axes: Vec<String>,
}

/// `gd=#d55e00` as it is; the colour itself is checked with the others of the style.
fn curve_and_color(text: &str) -> Result<String, String> {
    let named = text.rsplit_once('=').is_some_and(|(curve, _)| !curve.trim().is_empty());
    if named {
        Ok(text.to_string())
    } else {
        Err("must be a curve of the legend and its colour, such as gd=#d55e00".to_string())
    }
}

/// Where one of these options is refused by a `command` that does not have it, replaces the tip by where it belongs.
pub(super) fn point_to_plot(error: &mut Error, command: &Command) {
    let Some(ContextValue::String(option)) =
        error.get(ContextKind::InvalidArg).filter(|_| error.kind() == ErrorKind::UnknownArgument)
    else {
        return;
    };
    let Some(name) = option.strip_prefix("--").map(|option| option.split('=').next().unwrap_or(option)) else { return };
    let has = |command: &Command, name: &str| command.get_arguments().any(|argument| argument.get_long() == Some(name));
    if !has(&StyleOptions::augment_args(Command::new("plot")), name) {
        return;
    }
    let tip = if has(command, "set") {
        format!("draw again with `gramflow plot DIR --{name}`, or add `--set style.{}=…`", key(name))
    } else {
        format!("draw with `gramflow plot DIR --{name}`")
    };
    error.remove(ContextKind::SuggestedArg);
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![StyledStr::from(tip)]));
}

/// The key of `style:` that an option sets.
fn key(option: &str) -> String {
    match option {
        "axis" => "axes".to_string(),
        "color" => "colors".to_string(),
        option => option.strip_prefix("no-").unwrap_or(option).replace('-', "_"),
    }
}

impl StyleOptions {
    /// `style` with these options applied. `pictures`: the names of the pictures that they may refer to.
    pub(super) fn over(&self, style: &Style, pictures: &[&str]) -> Result<Style, ScenarioError> {
        style.changed(&self.changes(), pictures)
    }

    /// The same for the pictures of a sweep. `names`: those of all pictures.
    pub(super) fn over_pictures(&self, pictures: &mut [Picture], names: &[&str]) -> Result<(), ScenarioError> {
        for picture in pictures {
            picture.style = self.over(&picture.style, names)?;
        }
        Ok(())
    }

    /// Adds the formats of earlier pictures, which are among `files`, so that none is lost and none is left as it was; unless formats are asked
    /// for here.
    pub(super) fn keep_formats<'f>(&self, style: &mut Style, files: impl IntoIterator<Item = &'f String>) {
        if self.format.is_empty() {
            let drawn: Vec<&String> = files.into_iter().filter(|file| file.starts_with("figures/")).collect();
            style.format.add(|format| drawn.iter().any(|file| Formats(vec![format]).contain_file(file)));
        }
    }

    /// The formats whose earlier files are replaced: those asked for here, or else all.
    pub(super) fn replaced(&self, style: &Style) -> Formats {
        if self.format.is_empty() { Formats::all() } else { style.format.clone() }
    }

    fn changes(&self) -> Vec<StyleChange> {
        let mut changes = Vec::new();
        let mut set = |option: String, key: &'static str, value: Given| changes.push(StyleChange { option, key, value });
        if !self.format.is_empty() {
            let formats = self.format.iter().map(|format| format.trim().to_string()).collect();
            set(format!("--format {}", self.format.join(",")), "format", Given::Words(formats));
        }
        let words = [
            ("--width", "width", &self.width),
            ("--font-size", "font_size", &self.font_size),
            ("--font", "font", &self.font),
            ("--theme", "theme", &self.theme),
            ("--legend", "legend", &self.legend),
        ];
        for (option, key, word) in words {
            if let Some(word) = word {
                set(format!("{option} {word}"), key, Given::Word(word.clone()));
            }
        }
        if let Some(dpi) = self.dpi {
            set(format!("--dpi {dpi}"), "dpi", Given::Number(dpi));
        }
        let flags = [
            ("--title", "title", self.title, true),
            ("--no-title", "title", self.no_title && !self.title, false),
            ("--notes", "notes", self.notes, true),
            ("--no-notes", "notes", self.no_notes && !self.notes, false),
        ];
        for (option, key, _, value) in flags.into_iter().filter(|flag| flag.2) {
            set(option.to_string(), key, Given::Flag(value));
        }
        for given in &self.colors {
            // Names of curves may contain an equals sign: `λ = 0.001`.
            let (curve, color) = given.rsplit_once('=').unwrap_or((given, ""));
            set(format!("--color {given}"), "colors", Given::Color(curve.trim().to_string(), color.trim().to_string()));
        }
        for given in &self.axes {
            set(format!("--axis {given}"), "axes", Given::Item(given.clone()));
        }
        changes
    }
}
