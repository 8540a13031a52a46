//! `gramflow plot`: draws the figures of a finished run, study or sweep again from records, without integrating.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::figure::{self, Drawn, FigureError};
use crate::folder::{self, AnyStudy, FinishedStudyFolder};
use crate::publish::Shelf;
use crate::scenario::style::{PICTURES, Style};
use crate::sweep;

use super::CliError;
use super::output::{complain, print};
use super::style::StyleOptions;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder of a run, of a study, of a sweep, or of a job array
    run_dir: PathBuf,
    #[command(flatten)]
    style: StyleOptions,
}

pub(super) fn plot(arguments: &Arguments, quiet: bool) -> Result<(), CliError> {
    let path = &arguments.run_dir;
    if FinishedStudyFolder::is_at(path) {
        let FinishedStudyFolder { scenario, study, .. } = FinishedStudyFolder::read(path)?;
        return draw_again(arguments, &scenario.style, quiet, |style, to| match &study {
            AnyStudy::Integrators(study) => figure::draw_study(study, style, to),
            AnyStudy::Rates(study) => figure::draw_rate_study(study, style, to),
        });
    }
    if sweep::is_sweep(path) {
        return plot_sweep(arguments, quiet);
    }
    let (scenario, run) = folder::read_with_scenario(path)?;
    draw_again(arguments, &scenario.style, quiet, |style, to| figure::draw_all(&run, style, to))
}

/// Replaces the pictures in the folder by those that `draw` draws. `style`: that of the scenario, over which the options take precedence.
fn draw_again(
    arguments: &Arguments,
    style: &Style,
    quiet: bool,
    draw: impl FnOnce(&Style, &Path) -> Result<Drawn, FigureError>,
) -> Result<(), CliError> {
    let mut style = arguments.style.over(style, &PICTURES)?;
    let shelf = Shelf::open(&arguments.run_dir)?;
    arguments.style.keep_formats(&mut style, shelf.list().files.keys());
    let replaced = arguments.style.replaced(&style);
    let stage = shelf.stage()?;
    let drawn = draw(&style, &stage.folder("figures")?)?;
    if !quiet {
        drawn.warnings.iter().for_each(|warning| complain(&format!("warning: {warning}")));
    }
    for file in shelf.publish(stage, |name| name.starts_with("figures/") && replaced.contain_file(name))? {
        print(&format!("{}\n", file.display()))?;
    }
    Ok(())
}

fn plot_sweep(arguments: &Arguments, quiet: bool) -> Result<(), CliError> {
    let path = &arguments.run_dir;
    let (plan, folders) = sweep::folders_at(path)?;
    // Shards have the pictures of one scenario.
    let pictures = folders.first().map(|folder| sweep::read_pictures(folder, &plan)).transpose()?;
    let mut pictures = pictures.unwrap_or_default();
    if pictures.is_empty() {
        return Err(CliError::NoPictures(path.into()));
    }
    let names: Vec<String> = pictures.iter().map(|picture| picture.name.clone().unwrap_or_else(|| plan.name.clone())).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    arguments.style.over_pictures(&mut pictures, &names)?;
    let list = Shelf::open(path)?.list();
    for picture in &mut pictures {
        arguments.style.keep_formats(&mut picture.style, list.files.keys());
    }
    let replaced = arguments.style.replaced(&pictures[0].style);
    let drawn = sweep::draw_pictures(&folders, &plan, &pictures, path, &replaced)?;
    if !quiet {
        drawn.warnings.iter().for_each(|warning| complain(&format!("warning: {warning}")));
    }
    drawn.files.iter().try_for_each(|file| print(&format!("{}\n", file.display())))?;
    Ok(())
}
