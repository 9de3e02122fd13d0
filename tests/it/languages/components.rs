//! Core modules that become components.

use super::*;

/// A core module that answers with its input, and carries the metadata of the world `task`.
fn module_with_metadata(extra: &str) -> Vec<u8> {
    let text = format!(
        r#"(module {extra}
            (memory (export "memory") 1)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "run") (param i32 i32) (result i32)
                (i32.store (i32.const 4) (local.get 0))
                (i32.store (i32.const 8) (local.get 1))
                (i32.const 0)))"#
    );
    let mut module = wat::parse_str(text).expect("a module");
    let mut resolve = wit_parser::Resolve::default();
    let wit = root().join("wit/task.wit");
    let package = resolve.push_str(&wit, &fs::read_to_string(&wit).expect("it is there")).expect("it is WIT");
    let world = resolve.select_world(&[package], Some("task")).expect("it has that world");
    let utf8 = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut module, &resolve, world, utf8).expect("it fits");
    module
}

#[test]
fn a_core_module_with_wit_metadata_becomes_a_component() {
    let folder = elsewhere();
    let module = folder.path().join("echo.wasm");
    fs::write(&module, module_with_metadata("")).expect("a file");
    assert_built(&run(wpool().arg("build").arg(&module), ""));
    let component = folder.path().join("echo.component.wasm");
    assert_eq!(kind_of(&component), "component");
    let ran = run(wpool().arg("run").arg(&component), "[1, 2]\n");
    assert_eq!(ran.each("output"), [json!([1, 2])], "{}", ran.stderr);

    let ran = run(wpool().arg("build").arg(&component), "");
    assert_eq!(ran.code, USAGE, "{}", ran.stderr);
    assert!(ran.stderr.contains("no WIT metadata"), "{}", ran.stderr);
}

#[test]
fn a_module_of_standard_go_never_becomes_a_component() {
    let folder = elsewhere();
    let module = folder.path().join("task.wasm");
    fs::write(&module, module_with_metadata(r#"(@custom "go:buildid" "x")"#)).expect("a file");
    let ran = run(wpool().arg("build").arg(&module), "");
    assert_eq!(ran.code, USAGE, "{}", ran.stderr);
    assert!(ran.stderr.contains("Go"), "{}", ran.stderr);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
}

#[test]
fn a_target_that_cargo_is_configured_for_is_built_and_made_a_component() {
    if !is_ready("rust") {
        return;
    }
    let (_folder, dir) = project("rust");
    fs::create_dir(dir.join(".cargo")).expect("a folder");
    fs::write(dir.join(".cargo/config.toml"), "[build]\ntarget = \"wasm32-wasip1\"\n").expect("a file");
    build_with_tools(&dir);
    let ran = run(wpool().arg("run").arg(&dir), "1001\n1\n");
    assert_eq!(ran.each("status"), ["ok", "failed"], "{}", ran.stderr);
    assert_eq!(kind_of(&dir.join("task.wasm")), "component");
    assert!(toolchains().join("target/wasm32-wasip1/release/largest_prime_factor.wasm").exists());
}
