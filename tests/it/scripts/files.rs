//! Which files belong to a script.

use std::os::unix::fs::symlink;

use serde_json::json;

use super::*;

#[test]
fn modules_beside_a_script_come_as_far_as_imports_reach() {
    let desk = Desk::new();
    desk.write("jobs/app.py", &format!("import helper, json\nfrom tools.text import clean\n{SCRIPT}"));
    desk.write("jobs/helper.py", "def f():\n    import late\n");
    desk.write("jobs/late.py", "");
    desk.write("jobs/other.py", "import nothing\n");
    desk.write("jobs/tools/__init__.py", "");
    desk.write("jobs/tools/text.py", "from . import more\n");
    desk.write("jobs/tools/more.py", "import app\n");
    desk.write("jobs/tools/__pycache__/text.pyc", "x");
    desk.write("jobs/tools/words.txt", "a b");
    let names =
        ["app.py", "helper.py", "late.py", "tools/__init__.py", "tools/more.py", "tools/text.py", "tools/words.txt"];
    assert_eq!(desk.names("jobs/app.py"), names);
    let (header, contents) = desk.bundle("jobs/app.py");
    assert_eq!((&header["main"], &header["files"][1]["path"]), (&json!("app.py"), &json!("jobs/helper.py")));
    assert!(contents.starts_with("import helper, json\n"), "{contents}");
}

#[test]
fn packages_of_python_path_come_whole_and_those_of_machine_code_by_name() {
    let desk = Desk::new();
    desk.write("jobs/app.py", &format!("import slug, numpy, speedy\n{SCRIPT}"));
    for root in ["libs", "env/lib/python3.12/site-packages"] {
        desk.write(&format!("{root}/slug/__init__.py"), "import six\n");
        desk.write(&format!("{root}/slug/special.py"), "");
        desk.write(&format!("{root}/slug/_fast.cpython-312-x86_64-linux-gnu.so"), "\u{7f}ELF");
        desk.write(&format!("{root}/slug/tests/test_it.py"), "");
        desk.write(&format!("{root}/six.py"), "");
        desk.write(&format!("{root}/unused.py"), "");
        desk.write(&format!("{root}/numpy/__init__.py"), "");
        desk.write(&format!("{root}/speedy.abi3.so"), "\u{7f}ELF");
    }
    assert_eq!(desk.names("jobs/app.py"), ["app.py"], "no other folder is looked at");
    let whole = ["app.py", "six.py", "slug/__init__.py", "slug/special.py"];
    assert_eq!(desk.names("jobs/app.py --python-path libs"), whole);
    let (header, _) = desk.bundle("jobs/app.py --python-path libs");
    assert_eq!(header["native"], json!(["numpy", "slug._fast", "speedy"]));
    assert_eq!(header["files"][1]["path"], "six.py", "the folder of packages is not shown");

    let ran = desk.wpool("run jobs/app.py --python-path venv", "1\n");
    assert_eq!(ran.code, USAGE, "{}", ran.stderr);
    assert!(ran.stderr.contains("no virtual environment is active"), "{}", ran.stderr);
    let args = ["run", "jobs/app.py", "--python-path", "venv", "-q"];
    let ran = run(desk.command().env("VIRTUAL_ENV", desk.path("env")).args(args), "\"b\"\n");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
}

#[test]
fn a_module_beside_the_script_comes_before_an_installed_one() {
    let desk = Desk::new();
    desk.write("jobs/app.py", &format!("import same\n{SCRIPT}"));
    desk.write("jobs/same.py", "beside = 1\n");
    desk.write("libs/same.py", "installed = 1\n");
    let (_, contents) = desk.bundle("jobs/app.py --python-path libs");
    assert!(contents.ends_with("beside = 1\n"), "{contents}");
}

#[test]
fn a_link_that_leads_out_of_the_folder_is_refused() {
    let desk = Desk::new();
    desk.write("jobs/app.py", &format!("import secret\n{SCRIPT}"));
    desk.write("secret", "the user's own\n");
    symlink("../secret", desk.path("jobs/secret.py")).expect("a link");
    let ran = desk.wpool("run jobs/app.py", "1\n");
    assert_eq!(ran.code, SET_UP, "{}", ran.stderr);
    assert!(ran.stderr.contains("jobs/secret.py leads out of jobs"), "{}", ran.stderr);
}

#[test]
fn a_script_with_too_much_is_refused_by_name() {
    let desk = Desk::new();
    desk.write("jobs/app.py", &format!("import big\n{SCRIPT}"));
    let line = format!("x = '{}'\n", "x".repeat(1 << 20));
    (0..33).for_each(|at| desk.write(&format!("jobs/big/part{at}.py"), &line));
    desk.write("jobs/big/__init__.py", "");
    let ran = desk.wpool("run jobs/app.py", "1\n");
    assert_eq!(ran.code, SET_UP, "{}", ran.stderr);
    assert!(ran.stderr.contains("the largest part is big"), "{}", ran.stderr);
}
