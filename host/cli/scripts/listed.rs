//! Which runtimes there are.

use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;

use crate::cli::scripts::error::Error;
use crate::cli::scripts::given::END;
use crate::cli::scripts::language::{Recipe, SCRIPT_LANGUAGES, ScriptLanguage};
use crate::cli::scripts::runtime::{Runtime, Runtimes, hash};

/// A runtime that is there.
#[derive(Debug, Serialize)]
pub struct Listed {
    pub name: String,
    pub language: &'static str,
    pub bytes: u64,
    /// Whether this wpool would use it with the tools that are here.
    pub current: bool,
    /// Whether it is not what was written. It is not used, and made again.
    pub damaged: bool,
    /// Whether it is a part of wpool.
    pub inside: bool,
    /// Whether another package brings it.
    pub given: bool,
    #[serde(skip)]
    used: SystemTime,
}

impl Runtimes {
    /// All runtimes, those that were used last first.
    pub fn list(&self, dir: &Path) -> Result<Vec<Listed>, Error> {
        let mut listed = Vec::new();
        for language in &SCRIPT_LANGUAGES {
            match Runtime::inside(language) {
                Ok(Runtime { name, program, .. }) => {
                    let it = Listed::of(language, name, program.bytes().len() as u64, SystemTime::UNIX_EPOCH);
                    listed.push(Listed { current: true, inside: true, ..it });
                }
                Err(recipe) => self.list_made(language, recipe, dir, &mut listed)?,
            }
        }
        listed.sort_by_key(|it| std::cmp::Reverse(it.used));
        Ok(listed)
    }

    fn list_made(
        &self,
        language: &'static ScriptLanguage,
        recipe: &Recipe,
        dir: &Path,
        listed: &mut Vec<Listed>,
    ) -> Result<(), Error> {
        let given = self.given(language);
        if let Some(given) = given {
            let it = Listed::of(language, given.name.clone(), given.bytes(), SystemTime::UNIX_EPOCH);
            listed.push(Listed { current: true, given: true, ..it });
        }
        let wanted = if given.is_some() { Vec::new() } else { self.wanted(language, recipe, dir) };
        let all = self.of(language, "")?;
        // Those of another wpool are used by it alone, which knows them.
        let own = format!("-{}", hash(recipe));
        let is_damaged = |name: &str| name.ends_with(&own) && matches!(self.look(name), Err(Error::Damaged { .. }));
        let damaged: Vec<_> = all.iter().map(|(name, ..)| is_damaged(name)).collect();
        let is_whole = |name: &&String| all.iter().zip(&damaged).any(|((it, ..), damaged)| it == *name && !damaged);
        let current = wanted.iter().find(is_whole);
        for ((name, bytes, used), damaged) in all.iter().zip(&damaged) {
            let it = Listed::of(language, name.clone(), *bytes, *used);
            listed.push(Listed { current: current == Some(name), damaged: *damaged, ..it });
        }
        Ok(())
    }

    /// Removes a runtime.
    pub fn remove(&self, runtime: &Listed) -> Result<(), Error> {
        let Some(dir) = &self.dir else { return Ok(()) };
        let place = dir.at(format!("{}{END}", runtime.name));
        place.remove().map_err(Error::io("remove", &place.path()))
    }
}

impl Listed {
    fn of(language: &ScriptLanguage, name: String, bytes: u64, used: SystemTime) -> Listed {
        Listed {
            name,
            language: language.name,
            bytes,
            current: false,
            damaged: false,
            inside: false,
            given: false,
            used,
        }
    }

    /// Whether it is in the folder of the user's runtimes.
    pub fn is_own(&self) -> bool {
        !self.inside && !self.given
    }
}
