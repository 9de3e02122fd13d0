//! Neither files nor folders of the host import each other in a circle: each can be read with only the ones below it.
//!
//! A path of a file leads to the file that defines the name at its end. The `mod.rs` of a folder is a facade: a name
//! that it re-exports belongs to the file behind it, so its children may use that name. Only items that it defines
//! itself are its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::layers::shipped;
use crate::tidy::{Source, words};

/// The folders whose files are looked at, each for itself.
const ROOTS: [&str; 1] = ["host/"];

/// Segments of a path, from the root of the crate on.
type Names = Vec<String>;
/// Which files each names, with the names.
type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Everything about a file that decides where paths lead.
struct File {
    name: String,
    module: Names,
    children: BTreeSet<String>,
    defines: BTreeSet<String>,
    /// Each with the name that it has here.
    imports: Vec<(Names, String)>,
    paths: Vec<Names>,
}

impl File {
    fn of(source: &Source) -> File {
        let lines: Vec<_> = source.text.lines().collect();
        let is_inner = |number: usize| lines[number - 1].starts_with(' ');
        let (mut code, mut outer, mut is_in_module) = (String::new(), String::new(), false);
        for (number, line) in source.code() {
            is_in_module = if is_inner(number) { is_in_module } else { line.contains("mod ") && line.ends_with('{') };
            // A module in a file is a level more, and a part of the file here.
            code += &if is_in_module { line.replacen("super::", "self::", 1) } else { line.clone() };
            code.push('\n');
            outer += if is_inner(number) { "" } else { &line };
            outer.push('\n');
        }
        let defined = outer.lines().filter_map(defined);
        let (children, defines) = defined.partition::<Vec<_>, _>(|(kind, _)| *kind == "mod");
        let names = |found: Vec<(&str, &str)>| found.into_iter().map(|(_, name)| name.to_owned()).collect();
        let (imports, rest) = imports(&code);
        let (name, module) = (source.name.clone(), module(&source.name));
        File { name, module, children: names(children), defines: names(defines), imports, paths: paths(&rest) }
    }

    /// A path as it is written here, from the root on; `None` for one that leads out of the crate.
    fn absolute(&self, path: &[String]) -> Option<Names> {
        let (first, rest) = path.split_first()?;
        let mut base = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.module.clone(),
            "super" => self.module[..self.module.len().checked_sub(1)?].to_vec(),
            child if self.children.contains(child) => [&self.module[..], &[child.to_owned()]].concat(),
            alias => {
                let (path, _) = self.imports.iter().find(|(path, name)| name == alias && path[0] != *alias)?;
                self.absolute(path)?
            }
        };
        for name in rest {
            if name == "super" { base.pop().map(drop)? } else { base.push(name.clone()) }
        }
        Some(base)
    }
}

/// The kind and the name of a declaration in this line of formatted code.
fn defined(line: &str) -> Option<(&str, &str)> {
    let mut words = words(line).skip_while(|word| ["pub", "crate", "super", "async", "unsafe"].contains(word));
    let kinds = ["mod", "struct", "enum", "union", "trait", "type", "fn", "const", "static", "macro_rules!"];
    let kind = words.next().filter(|word| kinds.contains(word))?;
    Some((kind, words.find(|word| !["fn", "mut"].contains(word))?))
}

/// The module of a file.
fn module(name: &str) -> Names {
    let path = name.strip_prefix("host/").unwrap_or(name).trim_end_matches(".rs").trim_end_matches("/mod");
    path.split('/').filter(|part| !["lib", "main"].contains(part)).map(str::to_owned).collect()
}

/// What is imported, and the code without it.
fn imports(code: &str) -> (Vec<(Names, String)>, String) {
    let (mut imports, mut rest, mut statement) = (Vec::new(), String::new(), None::<String>);
    for line in code.lines() {
        let is_use = line
            .split("use ")
            .next()
            .is_some_and(|before| ["", "pub ", "pub(crate) ", "pub(super) "].contains(&before));
        if statement.is_none() && !(line.contains("use ") && is_use) {
            rest += line;
            rest.push('\n');
            continue;
        }
        let text = statement.get_or_insert_default();
        *text += line;
        if text.ends_with(';') {
            let tree = text.split_once("use ").map(|(_, tree)| tree.trim_end_matches(';').to_owned());
            expand(&tree.unwrap_or_default(), &[], &mut imports);
            statement = None;
        }
    }
    (imports, rest)
}

/// Adds the paths of a tree of imports.
fn expand(tree: &str, prefix: &[String], into: &mut Vec<(Names, String)>) {
    let tree = tree.trim();
    if let Some((head, group)) = tree.split_once('{') {
        let head = head.split("::").map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
        let prefix: Names = prefix.iter().cloned().chain(head).collect();
        members(group).into_iter().for_each(|member| expand(member, &prefix, into));
        return;
    }
    let (path, name) = tree.split_once(" as ").unwrap_or((tree, ""));
    let path = path.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned);
    let mut path: Names = prefix.iter().cloned().chain(path).collect();
    // `{self, …}` is the module itself.
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let Some(last) = path.last().filter(|_| !tree.is_empty()) else { return };
    let name = if name.is_empty() { last.clone() } else { name.trim().to_owned() };
    into.push((path, name));
}

/// The members of a group, up to the brace that closes it.
fn members(group: &str) -> Vec<&str> {
    crate::layers::members(group).into_iter().map(|member| member.trim_start_matches(',')).collect()
}

/// The paths of several segments in code.
fn paths(code: &str) -> Vec<Names> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let texts = code.split(|c| !is_part(c)).map(|text| text.trim_end_matches(':')).filter(|text| text.contains("::"));
    texts.map(|text| text.split("::").map(str::to_owned).collect()).collect()
}

/// All files with their modules.
struct Tree {
    files: Vec<File>,
}

impl Tree {
    fn of(sources: &[Source]) -> Tree {
        Tree { files: sources.iter().map(File::of).collect() }
    }

    fn file(&self, module: &[String]) -> Option<&File> {
        self.files.iter().find(|file| file.module == module)
    }

    /// The file that defines what a path from the root leads to, and the name there; `None` for a whole module.
    fn end(&self, path: &[String], depth: usize) -> Option<(&File, String)> {
        let (length, file) = (0..=path.len()).rev().find_map(|length| Some((length, self.file(&path[..length])?)))?;
        let name = path.get(length)?;
        let further = |path: &[String]| {
            let path = file.absolute(path)?;
            (depth < 9).then(|| self.end(&path, depth + 1))?
        };
        if file.defines.contains(name) || name == "*" {
            return Some((file, name.clone()));
        }
        let handed_on = file.imports.iter().filter(|(_, known)| known == name).find_map(|(path, _)| further(path));
        let globs = file.imports.iter().filter(|(_, known)| known == "*");
        let behind = || {
            let behind = |path: &Names| further(&[&path[..path.len() - 1], std::slice::from_ref(name)].concat());
            let mut ends = globs.filter_map(|(path, _)| behind(path));
            ends.find(|(file, name)| file.defines.contains(name))
        };
        handed_on.or_else(behind).or_else(|| Some((file, name.clone())))
    }

    fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for file in &self.files {
            let imported = file.imports.iter().map(|(path, _)| path);
            for path in imported.chain(&file.paths).filter_map(|path| file.absolute(path)) {
                if let Some((to, name)) = self.end(&path, 0).filter(|(to, _)| to.name != file.name) {
                    arrows.entry(file.name.clone()).or_default().entry(to.name.clone()).or_default().insert(name);
                }
            }
        }
        arrows
    }
}

fn ties(arrows: &Arrows) -> impl Iterator<Item = (&String, &String, &BTreeSet<String>)> {
    arrows.iter().flat_map(|(from, all)| all.iter().map(move |(to, names)| (from, to, names)))
}

/// The arrows between the parts of a folder: its files, and its folders with all that is in them. Its `mod.rs` is above
/// all of them.
fn between_parts(arrows: &Arrows, folder: &str) -> Arrows {
    let part = |name: &str| {
        let part = name.strip_prefix(folder)?.split_inclusive('/').next()?;
        (part != "mod.rs").then(|| folder.to_owned() + part)
    };
    let mut found = Arrows::new();
    for (from, to, names) in ties(arrows) {
        if let (Some(a), Some(b)) = (part(from), part(to))
            && a != b
        {
            let is_inside = (&a, &b) != (from, to);
            let tie = |name: &String| if is_inside { format!("{name} of {to}, named by {from}") } else { name.clone() };
            found.entry(a).or_default().entry(b).or_default().extend(names.iter().map(tie));
        }
    }
    found
}

/// Everything that can be reached from a node, and the node itself only by a way that leads back.
fn reached(arrows: &Arrows, start: &str) -> BTreeSet<String> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![start.to_owned()]);
    while let Some(at) = next.pop() {
        for to in arrows.get(&at).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(to.clone()) {
                next.push(to.clone());
            }
        }
    }
    reached
}

/// Circles, each once, with all that ties them.
fn circles(arrows: &Arrows) -> BTreeSet<String> {
    let reached: BTreeMap<_, _> = arrows.keys().map(|from| (from, reached(arrows, from))).collect();
    let reaches = |from: &String, to: &String| reached.get(from).is_some_and(|all| all.contains(to));
    let mut found = BTreeSet::new();
    for start in arrows.keys().filter(|start| reaches(start, start)) {
        let is_of_it = |name: &String| reaches(start, name) && reaches(name, start);
        let inside = ties(arrows).filter(|(from, to, _)| is_of_it(from) && is_of_it(to));
        let line = |names: &BTreeSet<String>| Vec::from_iter(names.iter().map(String::as_str)).join(", ");
        found.insert(inside.map(|(from, to, names)| format!("  {from} -> {to}: {}\n", line(names))).collect());
    }
    found
}

/// All circles between files of a tree, and between parts of each of its folders.
fn all_circles(sources: &[Source], root: &str) -> BTreeSet<String> {
    let mut arrows = Tree::of(sources).arrows();
    arrows.retain(|from, _| from.starts_with(root));
    arrows.values_mut().for_each(|all| all.retain(|to, _| to.starts_with(root)));
    let above = |name: &str| name.match_indices('/').map(|(at, _)| name[..=at].to_owned()).collect::<Vec<_>>();
    let folders = sources.iter().flat_map(|it| above(&it.name));
    let folders: BTreeSet<_> = folders.filter(|folder| folder.starts_with(root)).collect();
    let between_parts = folders.iter().flat_map(|folder| circles(&between_parts(&arrows, folder)));
    between_parts.chain(circles(&arrows)).collect()
}

#[test]
fn no_files_and_no_folders_import_each_other_in_a_circle() {
    let sources = shipped();
    let found: BTreeSet<_> = ROOTS.iter().flat_map(|root| all_circles(&sources, root)).collect();
    assert!(found.is_empty(), "{} circles:\n{}", found.len(), Vec::from_iter(found).join("\n"));
}

/// The circles of files with these names and texts.
fn circles_of(files: &[(&str, &str)]) -> BTreeSet<String> {
    let source = |(name, text): &(&str, &str)| Source { name: format!("host/{name}"), text: (*text).to_owned() };
    all_circles(&files.iter().map(source).collect::<Vec<_>>(), "host/")
}

#[test]
fn a_circle_is_found_with_all_that_ties_it() {
    let a = ("x/a.rs", "use crate::x::b::{B, other};\npub struct A;\n");
    for b in [
        "use crate::x::a::A;\npub struct B;\n",
        "use super::a::A;\npub struct B;\n",
        "pub struct B(crate::x::a::A);\n",
        "use crate::x::A;\npub struct B;\n",
        "use crate::x::{\n    a::{self},\n};\npub struct B(a::A);\n",
    ] {
        let found = circles_of(&[("x/mod.rs", "mod a;\nmod b;\npub use a::A;\n"), a, ("x/b.rs", b)]);
        let ties = "  host/x/a.rs -> host/x/b.rs: B, other\n  host/x/b.rs -> host/x/a.rs: A\n";
        assert_eq!(Vec::from_iter(found), [ties], "{b}");
    }
}

#[test]
fn a_child_may_use_what_its_folder_hands_on_and_nothing_that_it_defines() {
    let folder = "mod a;\nmod b;\npub use a::*;\nuse b::B;\npub struct Own;\n";
    let with = |b: &str| circles_of(&[("x/mod.rs", folder), ("x/a.rs", "pub struct A;\n"), ("x/b.rs", b)]);
    assert_eq!(with("use crate::x::A;\npub struct B;\n"), BTreeSet::new());
    assert_eq!(with("#[cfg(test)]\nmod tests {\n    use crate::x::Own;\n}\npub struct B;\n"), BTreeSet::new());
    assert_eq!(with("// crate::x::Own\npub struct B;\n"), BTreeSet::new());
    for b in [
        "use crate::x::Own;\npub struct B;\n",
        "pub struct B(super::Own);\n",
        "mod b {\n    use super::super::Own;\n}\npub struct B;\n",
    ] {
        let ties = "  host/x/b.rs -> host/x/mod.rs: Own\n  host/x/mod.rs -> host/x/b.rs: B\n";
        assert_eq!(Vec::from_iter(with(b)), [ties], "{b}");
    }
}

#[test]
fn folders_that_import_each_other_are_a_circle_though_their_files_are_not() {
    let found = circles_of(&[
        ("x/a.rs", "use crate::y::a::Y;\n"),
        ("x/b.rs", "pub struct X;\n"),
        ("y/a.rs", "pub struct Y;\n"),
        ("y/b.rs", "use crate::x::b::X;\n"),
    ]);
    let ties = "  host/x/ -> host/y/: Y of host/y/a.rs, named by host/x/a.rs\n  \
                host/y/ -> host/x/: X of host/x/b.rs, named by host/y/b.rs\n";
    assert_eq!(Vec::from_iter(found), [ties]);
}
