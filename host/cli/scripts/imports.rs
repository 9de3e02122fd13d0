//! The modules that a Python source may import, found without Python: every line that looks like an import counts, also
//! in a text or behind a condition. A module too many does no harm.

use std::collections::BTreeSet;

/// The outermost names of the modules, such as `a` of `import a.b`. Relative imports stay in their package and do not count.
pub fn imported(source: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let joined = source.replace("\\\r\n", " ").replace("\\\n", " ");
    for line in joined.lines() {
        for statement in statements(line) {
            if let Some(modules) = keyword(statement, "import") {
                names.extend(modules.split(',').filter_map(outermost));
            } else if let Some(module) = keyword(statement, "from") {
                names.extend(outermost(module));
            }
        }
        names.extend(called(line));
    }
    names
}

/// The parts of a line at which a statement may begin.
fn statements(line: &str) -> impl Iterator<Item = &str> {
    let ends = line.match_indices([';', ':']).map(|(at, _)| at + 1);
    [0].into_iter().chain(ends).map(|at| line[at..].trim_start())
}

/// What stands behind a word at the beginning.
fn keyword<'a>(statement: &'a str, word: &str) -> Option<&'a str> {
    statement.strip_prefix(word).filter(|rest| rest.starts_with([' ', '\t']))
}

/// `a` of ` a.b as c`.
fn outermost(module: &str) -> Option<String> {
    let name: String = module.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// The module of a call such as `import_module("a.b")`.
fn called(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("import_module(").or_else(|| line.split_once("__import__("))?;
    outermost(rest.trim_start().strip_prefix(['"', '\''])?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_import_is_found() {
        let source = r#"
import json, a.b as c,d
from e.f import (
    g,
)
from . import own
from .h import i
try: import j; from k import l
except ImportError: m = importlib.import_module("n.o")
    import \
        p
important = 1
fromage = import_ = 2
__import__('q')
"#;
        let found: Vec<_> = imported(source).into_iter().collect();
        assert_eq!(found, ["a", "d", "e", "j", "json", "k", "n", "p", "q"]);
    }
}
