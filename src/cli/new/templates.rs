//! What `gramflow new` can write.

/// A scenario to start from, whose name is to be replaced.
pub(super) struct Template {
    pub name: &'static str,
    text: &'static str,
}

macro_rules! own {
    ($($name:literal),*) => {
        [$(Template { name: $name, text: include_str!(concat!($name, ".yaml")) }),*]
    };
}

macro_rules! bundled {
    ($folder:literal: $($name:literal),*) => {
        [$(Template { name: $name, text: include_str!(concat!("../../../scenarios/", $folder, $name, ".yaml")) }),*]
    };
}

/// Each shows one kind of scenario.
const KINDS: [Template; 5] = own!["full", "linear", "classifier", "own-data", "sweep"];

/// How far optimizers are from the flow at each learning rate.
const STUDIES: [Template; 1] = bundled!["": "learning-rates"];

/// The figures of the paper.
const FIGURES: [Template; 14] = bundled![
    "paper/": "balance", "boundary", "counterexample", "decay", "depth", "generalization", "ladder", "links", "optimizers", "rank", "rate", "spectra", "steps", "width"
];

/// The name of the template that is written where none is asked for.
pub(super) const DEFAULT: &str = "full";

pub(super) fn templates() -> impl Iterator<Item = &'static Template> {
    KINDS.iter().chain(&STUDIES).chain(&FIGURES)
}

impl Template {
    /// What the template shows, in a few words.
    pub fn about(&self) -> String {
        if self.name == DEFAULT {
            return "every choice there is, commented (the default)".to_string();
        }
        let description = self.text.lines().find_map(|line| line.strip_prefix("description: ")).unwrap_or_default();
        let among = |templates: &[Self]| templates.iter().any(|template| template.name == self.name);
        let kind = match () {
            () if among(&FIGURES) => "a figure of the paper: ",
            () if among(&STUDIES) => "for `gramflow study lr`: ",
            () => "",
        };
        format!("{kind}{description}")
    }

    /// The text with another name, under a line that says where its schema is.
    pub fn called(&self, name: &str, schema: &str) -> String {
        let line = |line: &str| if line.starts_with("name: ") { self.renamed(line, name) } else { line.to_string() };
        let lines: String = self.text.lines().map(|text| format!("{}\n", line(text))).collect();
        format!("# yaml-language-server: $schema={schema}\n{lines}")
    }

    /// The line of the name with `name` in it, its comment in the same column.
    fn renamed(&self, line: &str, name: &str) -> String {
        match line.split_once('#') {
            Some((before, comment)) => {
                format!("{:<width$}#{comment}", format!("name: {name} "), width = before.chars().count())
            }
            None => format!("name: {name}"),
        }
    }
}
