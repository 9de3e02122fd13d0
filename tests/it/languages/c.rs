//! C and C++.

use super::*;

const SOURCE: &str = "#include <assert.h>\n#include <stdio.h>\n\nint main(void)\n{\n    int n;\n    \
    if (scanf(\"%d\", &n) != 1)\n        return 1;\n    assert(n != 13);\n    printf(\"%d\\n\", n);\n}\n";

#[test]
fn an_assertion_fires_and_names_its_place_and_no_compiler_warns() {
    for (language, file) in [("c", "task.c"), ("cpp", "task.cpp")] {
        if !is_ready(language) {
            continue;
        }
        let (_folder, dir) = project(language);
        fs::write(dir.join(file), SOURCE).expect("a source");
        let built = wpool_with_tools().arg("build").arg(&dir).stdin(Stdio::null()).output().expect("wpool starts");
        let stderr = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success() && !stderr.contains("warning"), "{stderr}");
        let ran = run(wpool().arg("run").arg(dir.join("task.wasm")), "12\n13\n");
        assert_eq!(ran.each("status"), ["ok", "trap"], "{}", ran.stdout);
        let error = &ran.records()[1]["error"];
        let said = error["stderr"].as_str().unwrap_or_default();
        assert!(said.contains("n != 13") && said.contains(&format!("{file}: main: 9")), "{said}");
        assert!(error["backtrace"].to_string().contains("main"), "{error}");
    }
}
