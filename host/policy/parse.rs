//! The text of a policy. Whatever is not known is an error: a limit must not be lost to a typing mistake.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::pattern::{NamePattern, PathPattern, absolute};
use super::rules::{CEILINGS, Ceiling, DirRule, ProgramRule, Ruled, Rules};
use crate::model::fence::SandboxMode;
use crate::model::hash;
use crate::model::isolation::Isolation;
use crate::model::policy::PolicyError;

/// Reads the text of a policy. `folder` is where its relative paths begin.
pub(super) fn parse(path: &Path, folder: Option<&Path>, text: &str) -> Result<Rules, PolicyError> {
    let reader = Reader { path, folder, text };
    let parsed = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or_default();
        reader.wrong(&span, error.message().replace('\n', ", "))
    })?;
    let hash = hash::of_bytes(text.as_bytes()).to_hex().to_string();
    let mut rules = Rules { path: path.to_owned(), hash, ..Rules::default() };
    for (key, value) in parsed.get_ref() {
        match (&**key.get_ref(), value.get_ref()) {
            ("on-excess", given) => rules.cuts = reader.word(value, given, &[("refuse", false), ("cap", true)])?,
            ("max", DeValue::Table(table)) => reader.max(table, &mut rules)?,
            ("allow", DeValue::Table(table)) => reader.allow(table, &mut rules)?,
            ("require", DeValue::Table(table)) => reader.require(table, &mut rules)?,
            (table @ ("max" | "allow" | "require"), _) => {
                return Err(reader.wrong(&value.span(), format!("{table} is a table: write [{table}]")));
            }
            (other, _) => {
                return Err(reader.unknown(&key.span(), other, &["max", "allow", "require", "on-excess"]));
            }
        }
    }
    Ok(rules)
}

struct Reader<'a> {
    path: &'a Path,
    folder: Option<&'a Path>,
    text: &'a str,
}

type Value<'i> = Spanned<DeValue<'i>>;

impl Reader<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..span.start).unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|byte| **byte == b'\n').count()
    }

    fn wrong(&self, span: &Range<usize>, why: String) -> PolicyError {
        PolicyError::Malformed { path: self.path.to_owned(), line: self.line(span), why }
    }

    fn unknown(&self, span: &Range<usize>, key: &str, known: &[&str]) -> PolicyError {
        self.wrong(span, format!("there is no {key:?} in a policy; here it may have {}", known.join(", ")))
    }

    fn max(&self, table: &DeTable<'_>, rules: &mut Rules) -> Result<(), PolicyError> {
        for (key, value) in table {
            let Some((key, setting, unit)) = CEILINGS.into_iter().find(|(name, ..)| *name == key.get_ref()) else {
                return Err(self.unknown(&key.span(), key.get_ref(), &CEILINGS.map(|(name, ..)| name)));
            };
            let read = unit.read(value.get_ref());
            let most = read.map_err(|why| self.wrong(&value.span(), format!("{key}: {why}")))?;
            rules.max.push(Ceiling { setting, unit, most, line: self.line(&value.span()) });
        }
        Ok(())
    }

    fn allow(&self, table: &DeTable<'_>, rules: &mut Rules) -> Result<(), PolicyError> {
        for (key, value) in table {
            match &**key.get_ref() {
                "dirs" => rules.dirs = Some(self.list(value, |text| directory(text, self.folder))?),
                "env" => rules.env = Some(self.list(value, NamePattern::parse)?),
                "programs" => rules.programs = Some(self.list(value, |text| program(text, self.folder))?),
                "state" => rules.state = Some(self.flag(value)?),
                "scratch" => rules.scratch = Some(self.flag(value)?),
                other => {
                    let known = ["dirs", "env", "programs", "state", "scratch"];
                    return Err(self.unknown(&key.span(), other, &known));
                }
            }
        }
        Ok(())
    }

    fn require(&self, table: &DeTable<'_>, rules: &mut Rules) -> Result<(), PolicyError> {
        for (key, value) in table {
            let line = self.line(&value.span());
            match &**key.get_ref() {
                "sandbox" => {
                    let modes = [("strict", SandboxMode::Strict), ("auto", SandboxMode::Auto)];
                    rules.sandbox = Some(Ruled { value: self.word(value, value.get_ref(), &modes)?, line });
                }
                "isolation" => rules.isolation = Some(Ruled { value: self.isolation(value)?, line }),
                "deterministic" => rules.deterministic = Some(self.flag(value)?),
                other => return Err(self.unknown(&key.span(), other, &["sandbox", "isolation", "deterministic"])),
            }
        }
        Ok(())
    }

    fn isolation(&self, value: &Value<'_>) -> Result<Vec<Isolation>, PolicyError> {
        let known = [("fresh", Isolation::Fresh), ("reset", Isolation::Reset)];
        let DeValue::Array(array) = value.get_ref() else {
            return Ok(vec![self.word(value, value.get_ref(), &known)?]);
        };
        if array.is_empty() {
            return Err(self.wrong(&value.span(), "isolation has to be one of fresh, reset".to_owned()));
        }
        array.iter().map(|item| self.word(item, item.get_ref(), &known)).collect()
    }

    fn flag(&self, value: &Value<'_>) -> Result<Ruled<bool>, PolicyError> {
        match value.get_ref() {
            DeValue::Boolean(value_of) => Ok(Ruled { value: *value_of, line: self.line(&value.span()) }),
            _ => Err(self.wrong(&value.span(), "expected true or false".to_owned())),
        }
    }

    fn word<T: Copy>(&self, at: &Value<'_>, value: &DeValue<'_>, known: &[(&str, T)]) -> Result<T, PolicyError> {
        let found = match value {
            DeValue::String(text) => known.iter().find(|(word, _)| *word == *text),
            _ => None,
        };
        let words = || known.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(" or ");
        found.map(|(_, value)| *value).ok_or_else(|| self.wrong(&at.span(), format!("expected {}", words())))
    }

    fn list<T>(
        &self,
        value: &Value<'_>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Ruled<Vec<T>>, PolicyError> {
        let DeValue::Array(array) = value.get_ref() else {
            return Err(self.wrong(&value.span(), "expected a list of texts in [ ]".to_owned()));
        };
        let read = |item: &Value<'_>| {
            let read = match item.get_ref() {
                DeValue::String(text) => read(text),
                _ => Err("expected a text".to_owned()),
            };
            read.map_err(|why| self.wrong(&item.span(), why))
        };
        Ok(Ruled { value: array.iter().map(read).collect::<Result<_, _>>()?, line: self.line(&value.span()) })
    }
}

/// A directory with its mode: `PATH[:ro|:rw]`.
fn directory(text: &str, folder: Option<&Path>) -> Result<DirRule, String> {
    let (path, writable) = match (text.strip_suffix(":rw"), text.strip_suffix(":ro")) {
        (Some(path), _) => (path, true),
        (_, Some(path)) => (path, false),
        _ => (text, false),
    };
    if path.contains(['*', '?', '[', '{']) {
        return Err("a directory is allowed with everything in it, so its path has no patterns".to_owned());
    }
    if path.ends_with(":ro") || path.ends_with(":rw") {
        return Err("a directory has one mode, :ro or :rw".to_owned());
    }
    Ok(DirRule { path: absolute(path, folder)?, writable })
}

/// A program by its content, as `blake3:…`, or by its place.
fn program(text: &str, folder: Option<&Path>) -> Result<ProgramRule, String> {
    match text.strip_prefix("blake3:") {
        Some(hex) => blake3::Hash::from_hex(hex.to_ascii_lowercase())
            .map(ProgramRule::Content)
            .map_err(|_| "expected 64 hex digits behind blake3:".to_owned()),
        None => PathPattern::parse(text, folder).map(ProgramRule::Place),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::settings::Setting;

    fn parsed(text: &str) -> Result<Rules, String> {
        parse(Path::new("p.toml"), Some(Path::new("/etc/wpool")), text).map_err(|error| error.to_string())
    }

    #[test]
    fn each_rule_has_its_line() {
        let rules = parsed(
            "on-excess = 'cap'\n[max]\nmemory = '1GiB'\n\n[allow]\ndirs = [\n  '/data',\n  'out:rw',\n]\nstate = false\n",
        )
        .expect("it is right");
        assert!(rules.cuts);
        assert_eq!(rules.ceiling(Setting::Memory).map(|it| (it.most, it.line)), Some((1 << 30, 3)));
        let dirs = rules.dirs.expect("directories");
        assert_eq!(dirs.line, 6);
        assert_eq!(dirs.value[1], DirRule { path: "/etc/wpool/out".into(), writable: true });
        assert_eq!(rules.state, Some(Ruled { value: false, line: 10 }));
    }

    #[test]
    fn a_mistake_is_refused_with_its_line() {
        for (text, line, said) in [
            ("[max]\nmemroy = '1GiB'", 2, "there is no \"memroy\""),
            ("[maximum]\n", 1, "there is no \"maximum\""),
            ("max = 1", 1, "write [max]"),
            ("[max]\nmemory = 1\nmemory = 2", 3, "duplicate"),
            ("[max]\nmemory = 'none'", 2, "memory: expected a size"),
            ("[max]\ntimeout = 0", 2, "timeout: expected a time"),
            ("[max]\n\nfuel = -1", 3, "fuel: expected a whole number"),
            ("[max", 1, ""),
            ("[allow]\ndirs = '/a'", 2, "expected a list"),
            ("[allow]\ndirs = [1]", 2, "expected a text"),
            ("[allow]\ndirs = [\n'/a/*']", 3, "no patterns"),
            ("[allow]\ndirs = ['../a']", 2, "no `..`"),
            ("[allow]\ndirs = ['$HOME']", 2, "no variables"),
            ("[allow]\ndirs = ['/a:rw:ro']", 2, "one mode"),
            ("[allow]\nprograms = ['blake3:12']", 2, "64 hex digits"),
            ("[allow]\nenv = ['A=B']", 2, "the name of a variable"),
            ("[allow]\nnet = true", 2, "there is no \"net\""),
            ("[require]\nsandbox = 'off'", 2, "expected \"strict\" or \"auto\""),
            ("[require]\nisolation = []", 2, "one of fresh, reset"),
            ("[require]\nisolation = ['reuse']", 2, "expected \"fresh\" or \"reset\""),
            ("[require]\ndeterministic = 1", 2, "true or false"),
            ("on-excess = 'warn'", 1, "expected \"refuse\" or \"cap\""),
        ] {
            let error = parsed(text).expect_err(text);
            assert!(error.starts_with(&format!("p.toml:{line}: ")) && error.contains(said), "{text}: {error}");
        }
    }
}
