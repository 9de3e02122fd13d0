//! The languages that can be built on this machine.

use std::path::Path;

use serde::Serialize;

use crate::cli::projects::language::LANGUAGES;

/// The report on a language.
#[derive(Debug, Serialize)]
pub struct LanguageReport {
    pub name: &'static str,
    /// The calling convention of the template that `wpool new` writes.
    pub convention: &'static str,
    /// Whether every tool was found.
    pub found: bool,
    pub tools: Vec<ToolReport>,
}

/// The report on a tool.
#[derive(Debug, Serialize)]
pub struct ToolReport {
    pub name: &'static str,
    /// The tool's path, if it was found.
    pub path: Option<String>,
    pub version: Option<String>,
    /// The command that installs it.
    pub install: &'static str,
}

/// All languages, as a project in `dir` would find them.
pub fn languages(dir: &Path) -> Vec<LanguageReport> {
    let report = LANGUAGES.iter().map(|language| {
        let tool = |tool: &&'static crate::cli::projects::tool::Tool| {
            let found = tool.find(dir);
            let version = found.as_ref().and_then(|found| found.version(dir));
            ToolReport { name: tool.name, path: found.map(|found| found.path()), version, install: tool.install }
        };
        let tools: Vec<_> = language.tools.iter().map(tool).collect();
        let found = tools.iter().all(|tool| tool.path.is_some());
        LanguageReport { name: language.name, convention: language.convention, found, tools }
    });
    report.collect()
}
