//! Templates of projects.

use std::collections::BTreeMap;

use super::*;

/// What a folder of the guests holds, without what tools put there.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if ["target", "node_modules", "task.wasm", "package-lock.json", "__pycache__"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).expect("it is inside").to_owned();
                files.insert(name, fs::read(&path).expect("a file"));
            }
        }
    }
    files
}

#[test]
fn new_writes_exactly_the_files_of_the_guests() {
    for language in LANGUAGES {
        let (_folder, dir) = project_in(elsewhere(), language);
        let folder = if language == "wat" { "text" } else { language };
        let (ours, written) = (files(&root().join("guest-tasks").join(folder)), files(&dir));
        assert!(ours.keys().eq(written.keys()), "{language}: {:?} and {:?}", ours.keys(), written.keys());
        assert!(ours == written, "{language}");
        assert!(written.contains_key(Path::new("inputs.jsonl")), "{language}");
    }
}

#[test]
fn new_refuses_a_folder_that_is_not_empty() {
    let folder = elsewhere();
    fs::write(folder.path().join("notes"), "mine").expect("a file");
    let ran = run(wpool().args(["new", "--lang", "c"]).arg(folder.path()), "");
    assert_eq!(ran.code, USAGE, "{}", ran.stderr);
    assert!(ran.stderr.contains("not an empty folder"), "{}", ran.stderr);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);

    let empty = elsewhere();
    assert_built(&run(wpool().args(["new", "--lang", "c"]).arg(empty.path()), ""));
    assert_eq!(run(wpool().args(["new", "--lang", "cobol", "x"]), "").code, USAGE);
}
