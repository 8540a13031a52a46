//! Warnings of what a style asks for and no picture has, so that a misspelt curve or panel is noticed.

use crate::scenario::nearest;
use crate::scenario::style::{Axes, AxisStyle, CurveColor, Format, Style};

use super::page::{Picture, letter};
use super::plot::Plot;

/// The most curves that a warning names. Those of the processes come first.
const NAMED: usize = 8;

/// What pictures that are drawn together contain, and which requests of their styles had an effect.
#[derive(Debug, Default)]
pub(super) struct Ignored {
    /// Each colour that is asked for, and whether a curve has taken it.
    colors: Vec<(CurveColor, bool)>,
    /// Each item of `axes`, and the panels that it is about.
    axes: Vec<(Axes, Vec<Target>)>,
    /// Where a resolution of PNGs is asked for, whether there is one.
    dpi: Option<bool>,
    /// The curves of all legends.
    curves: Vec<String>,
    /// The pictures, and how many panels each has.
    pictures: Vec<(String, Vec<char>)>,
}

/// A panel that an item of `axes` is about.
#[derive(Debug, Clone)]
struct Target {
    picture: String,
    letter: char,
    /// Whether its x and y axes have limits and a scale.
    scaled: [bool; 2],
}

impl Ignored {
    /// Takes in one more picture, to be drawn in `style`.
    pub(super) fn look_at<P: Plot>(&mut self, picture: &Picture<P>, style: &Style) {
        let name = picture.name.as_str();
        let curves: Vec<String> = picture.curves().map(|(curve, _)| curve).collect();
        let panels: Vec<(char, [bool; 2])> =
            picture.panels.iter().enumerate().map(|(i, panel)| (letter(i), panel.scaled())).collect();
        for curve in &curves {
            if !self.curves.contains(curve) {
                self.curves.push(curve.clone());
            }
        }
        self.pictures.push((name.to_string(), panels.iter().map(|(letter, _)| *letter).collect()));
        if style.dpi.is_some() {
            self.dpi = Some(self.dpi == Some(true) || style.format.0.contains(&Format::Png));
        }
        for color in &style.colors {
            let taken = curves.contains(&color.curve);
            match self.colors.iter_mut().find(|(known, _)| known == color) {
                Some((_, before)) => *before |= taken,
                None => self.colors.push((color.clone(), taken)),
            }
        }
        for axes in &style.axes {
            let about = panels.iter().filter(|(letter, _)| axes.are_of(name, *letter));
            let targets = about.map(|&(letter, scaled)| Target { picture: name.to_string(), letter, scaled });
            match self.axes.iter_mut().find(|(known, _)| known == axes) {
                Some((_, before)) => before.extend(targets),
                None => self.axes.push((axes.clone(), targets.collect())),
            }
        }
    }

    /// A warning for each request without effect. `possible`: the pictures that could have been drawn; requests about others are for other
    /// commands.
    pub(super) fn told(self, possible: &[&str]) -> Vec<String> {
        if self.pictures.is_empty() {
            return Vec::new();
        }
        let dpi = (self.dpi == Some(false))
            .then(|| "style.dpi: changes nothing, as no PNG is drawn: add png to style.format, or remove it".to_string());
        let colors = self.colors.iter().filter(|(_, taken)| !taken).map(|(color, _)| self.color(color));
        let axes = self.axes.iter().flat_map(|(axes, targets)| self.axis(axes, targets, possible));
        dpi.into_iter().chain(colors).chain(axes).collect()
    }

    fn color(&self, CurveColor { curve, .. }: &CurveColor) -> String {
        let curves: Vec<&str> = self.curves.iter().map(String::as_str).collect();
        let guess = nearest(curve, &curves).map_or(String::new(), |near| format!(", did you mean `{near}`?"));
        let named: Vec<String> = curves.iter().take(NAMED).map(|curve| format!("`{curve}`")).collect();
        let more = if curves.len() > NAMED { format!(" and {} more", curves.len() - NAMED) } else { String::new() };
        let has = if curves.is_empty() { "none".to_string() } else { named.join(", ") + &more };
        format!("style.colors: no curve is called `{curve}`{guess} (curves in the legends: {has})")
    }

    fn axis(&self, axes: &Axes, targets: &[Target], possible: &[&str]) -> Vec<String> {
        if axes.picture.as_deref().is_some_and(|picture| !possible.contains(&picture)) {
            return Vec::new();
        }
        if targets.is_empty() {
            return vec![format!("style.axes: {}", self.no_panel(axes))];
        }
        let parts = [("x", &axes.x, 0), ("y", &axes.y, 1)].map(|(name, style, axis)| {
            // An item about many panels is for those that it can change.
            let nowhere = targets.iter().all(|target| !target.scaled[axis]);
            set(style).into_iter().filter(move |_| nowhere).map(move |key| format!("{name}.{key}"))
        });
        let ignored: Vec<String> = parts.into_iter().flatten().collect();
        let Target { picture, letter, .. } = &targets[0];
        let place =
            if targets.len() == 1 { format!("panel {letter} of `{picture}`") } else { "the panels it is about".to_string() };
        let verb = if ignored.len() == 1 { "changes" } else { "change" };
        let line = format!(
            "style.axes: {} {verb} nothing in {place}: an axis of names, a map or a matrix only takes a label",
            ignored.join(", ")
        );
        (!ignored.is_empty()).then_some(line).into_iter().collect()
    }

    /// Why an item matches no panel.
    fn no_panel(&self, axes: &Axes) -> String {
        let names: Vec<&str> = self.pictures.iter().map(|(name, _)| name.as_str()).collect();
        let drawn = names.join(", ");
        let panel = axes.panel.as_deref().unwrap_or_default();
        match &axes.picture {
            Some(picture) => match self.pictures.iter().find(|(name, _)| name == picture) {
                Some((_, letters)) => {
                    format!("`{picture}` has no panel {panel}: it has {}", listed(letters))
                }
                None => format!("`{picture}` is not drawn: the pictures are {drawn}"),
            },
            None => format!("no picture has a panel {panel}: the pictures are {drawn}"),
        }
    }
}

/// The keys in `style` that only an axis of numbers has.
fn set(style: &AxisStyle) -> Vec<&'static str> {
    let keys = [("limits", style.limits.is_some()), ("scale", style.scale.is_some())];
    keys.into_iter().filter(|(_, set)| *set).map(|(key, _)| key).collect()
}

fn listed(letters: &[char]) -> String {
    letters.iter().map(char::to_string).collect::<Vec<_>>().join(", ")
}
