//! The folder of a finished study, of either kind.

use std::path::Path;

use serde_json::Value;

use crate::scenario::Scenario;

use super::run::STUDY;
use super::{FolderError, RateStudy, Study, read_manifest, read_scenario};

/// A finished study with all that its folder holds besides pictures.
#[derive(Debug, Clone)]
pub struct FinishedStudyFolder {
    /// The scenario that was studied.
    pub scenario: Scenario,
    /// `manifest.json`.
    pub manifest: Value,
    /// The results.
    pub study: AnyStudy,
}

/// The results of a study.
#[derive(Debug, Clone)]
pub enum AnyStudy {
    /// Of integrators.
    Integrators(Study),
    /// Of learning rates.
    Rates(RateStudy),
}

impl FinishedStudyFolder {
    /// Whether `folder` is that of a study.
    pub fn is_at(folder: &Path) -> bool {
        folder.join(STUDY).is_file()
    }

    /// Reads the folder of a finished study.
    ///
    /// # Errors
    /// If the scenario, the manifest or a table cannot be read.
    pub fn read(folder: &Path) -> Result<Self, FolderError> {
        let (scenario, manifest) = (read_scenario(folder)?, read_manifest(folder)?);
        let study = if manifest["study"] == "lr" {
            AnyStudy::Rates(RateStudy::read(folder, &scenario, &manifest)?)
        } else {
            AnyStudy::Integrators(Study::read(folder, &scenario, &manifest)?)
        };
        Ok(Self { scenario, manifest, study })
    }
}
