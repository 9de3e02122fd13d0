//! Which runtimes there are.

use std::path::Path;
use std::time::SystemTime;

use serde::Serialize;

use crate::cli::scripts::error::Error;
use crate::cli::scripts::given::END;
use crate::cli::scripts::language::{Recipe, SCRIPT_LANGUAGES, ScriptLanguage};
use crate::cli::scripts::runtime::{Runtime, Runtimes, name};

/// A runtime that is there.
#[derive(Debug, Serialize)]
pub struct Listed {
    pub name: String,
    pub language: &'static str,
    pub bytes: u64,
    /// Whether this wpool would use it with the tools that are here.
    pub current: bool,
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
                Ok(Runtime { name, bytes, .. }) => {
                    let it = Listed::of(language, name, bytes.len() as u64, SystemTime::UNIX_EPOCH);
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
        let current = match recipe.tool.find_at_once(dir) {
            _ if given.is_some() => None,
            Some(found) => Some(name(language, recipe, &self.version(&found, dir))),
            None => self.latest(language, recipe),
        };
        for (name, bytes, used) in self.of(language, "")? {
            let is_current = current.as_ref() == Some(&name);
            listed.push(Listed { current: is_current, ..Listed::of(language, name, bytes, used) });
        }
        Ok(())
    }

    /// Removes a runtime.
    pub fn remove(&self, runtime: &Listed) -> Result<(), Error> {
        let place = self.dir.at(format!("{}{END}", runtime.name));
        place.remove().map_err(Error::io("remove", &place.path()))
    }
}

impl Listed {
    fn of(language: &ScriptLanguage, name: String, bytes: u64, used: SystemTime) -> Listed {
        Listed { name, language: language.name, bytes, current: false, inside: false, given: false, used }
    }

    /// Whether it is in the folder of the user's runtimes.
    pub fn is_own(&self) -> bool {
        !self.inside && !self.given
    }
}
