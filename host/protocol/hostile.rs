//! JSON from captured children: the host reads or refuses it, and can use everything that it has read.

use proptest::collection::vec;
use proptest::prelude::*;
use serde::de::DeserializeOwned;

use crate::model::convention::{Convention, Fit};
use crate::model::entries::{CoreEntries, CoreFunction, Shape};
use crate::model::grants::{DirGrant, Grants};
use crate::model::outcome::ErrorDetail;
use crate::model::report::{Draft, Function, Kind, Resources};
use crate::model::spot::Spot;
use crate::model::touched::{Access, Denial};
use crate::model::typed::{Case, Field, Signature, Type};
use crate::protocol::contents::{Contents, Span};
use crate::protocol::footprint::Footprint;
use crate::protocol::setup::{
    AnswerDetail, ChildError, CompileSetup, Compiled, Goal, Hello, ImageSettings, Notice, Proposals, WorkerSetup,
};

/// Tokens of JSON, and numbers and names with a meaning for some reader.
const TOKENS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "null",
    "true",
    "-1",
    "1e999",
    "18446744073709551616",
    "\"\"",
    "\"\\ud800\"",
    "\"Ok\"",
    "\"Err\"",
    "\"list\"",
    "\"error\"",
    "\"functions\"",
    "\"command\"",
    "[[[[[[[[",
    "\u{0}",
    "\u{ff}",
    " ",
];

/// Changes of a text: for each a place, the number of bytes to remove, and a text to insert.
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, usize, &'static str)>> {
    vec((any::<prop::sample::Index>(), 0..12usize, prop::sample::select(&TOKENS[..])), 0..4)
}

fn changed(text: &str, changes: &[(prop::sample::Index, usize, &str)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (at, gone, new) in changes {
        let at = at.index(bytes.len() + 1);
        let end = (at + gone).min(bytes.len());
        bytes.splice(at..end, new.bytes());
    }
    bytes
}

fn draft() -> Draft {
    let point = Type::Record(vec![Field { name: "x".into(), ty: Type::Option(Box::new(Type::F64)) }]);
    let shape = Type::Variant(vec![Case { name: "dot".into(), payload: Some(Type::List(Box::new(point.clone()))) }]);
    let result = Some(Type::Result { ok: Some(Box::new(shape)), err: None });
    let params = vec![Field { name: "p".into(), ty: point }];
    let functions = vec![
        Function { path: vec!["a:b/c@1.0.0".into(), "f".into()], signature: Ok(Signature { params, result }) },
        Function { path: vec!["g".into()], signature: Err("it takes a resource".into()) },
    ];
    let fit = Fit::of(&functions[0], Convention::Function, "the only one".into());
    Draft {
        kind: Kind::Component,
        fit: Ok(fit),
        initialize: false,
        init: Some(vec!["init".into()]),
        wasi: true,
        exports: vec!["f: func()".into()],
        imports: vec![],
        functions,
        core: CoreEntries {
            functions: vec![
                CoreFunction { name: "go".into(), shape: Shape::Raw },
                CoreFunction { name: "alloc".into(), shape: Shape::Allocator },
            ],
            memory: true,
        },
        resources: Resources { memories: 1, initial_memory: 65_536, tables: 0, initial_table: 0 },
        resettable: Err("a component".into()),
        copying_fuel: Some(3),
    }
}

fn grants() -> Grants {
    let dir = DirGrant { host: "/srv/in".into(), guest: "/in".into(), writable: false, row: None };
    Grants { dirs: vec![dir], ..Grants::default() }
}

fn footprint() -> Footprint {
    let denied = vec![Denial { access: Access::Open, name: "/etc/passwd".into() }];
    let interfaces = vec!["wasi:random/random".to_owned()];
    Footprint { denied, denied_more: 1, dirs: vec![(0, true)], env: true, interfaces }
}

fn compiled() -> Compiled {
    Compiled {
        draft: draft(),
        proposals: Proposals::default(),
        start: Some(Span { at: 4096, length: 100 }),
        code: Some(vec![8]),
    }
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("it serializes")
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

/// Does everything with a report that the host does.
fn use_draft(draft: &Draft) {
    for call in [None, Some("f"), Some("c.f"), Some("a:b/c.f"), Some("")] {
        let Ok(report) = draft.clone().choose(call, None) else { continue };
        let _ = report.is_deaf();
        report.functions.iter().for_each(|function| drop(function.to_string()));
        drop((report.input_schema().to_string(), report.output_schema().to_string()));
        let check = report.row_check(&Default::default());
        for row in ["{\"x\":1}", "{}", "null", "[[1]]", "?"] {
            let _ = check.flaw(&row.into());
        }
    }
}

proptest! {
    #![proptest_config(crate::cases::many())]

    #[test]
    fn a_report_is_read_or_refused_and_can_be_used(changes in changes()) {
        thread_local!(static SAMPLE: String = json(&compiled()));
        if let Some(Compiled { draft, start, .. }) = SAMPLE.with(|text| read(&changed(text, &changes))) {
            use_draft(&draft);
            let file = tempfile::tempfile().expect("a file");
            prop_assert!(start.is_none_or(|start| Contents::read(&file, start).is_err()), "the file is empty");
        }
    }

    #[test]
    fn what_children_say_is_read_or_refused(changes in changes(), which in 0..7usize) {
        let error = ErrorDetail { signal: Some("SIGKILL".into()), ..ErrorDetail::new("trap", "it \"broke\"\n") };
        let spots = vec![Spot { function: 1, body: 2, at: u32::MAX }];
        let detail = AnswerDetail { error: Some(error), spots, peak_memory: Some(1 << 40), cpu_us: Some(7), ..AnswerDetail::default() };
        let refusal = crate::model::error::Refusal::new(crate::model::error::RefusalCode::BadModule, "offset 7");
        let compile = CompileSetup {
            settings: ImageSettings::of(&Default::default(), false, false),
            limits: Default::default(),
            goal: Goal::Init,
            sandbox: Default::default(),
            threads: 2,
        };
        let text = match which {
            0 => json(&detail),
            1 => json(&ChildError::Program(refusal)),
            2 => json(&ChildError::Build("9.9.9/wire-9".into())),
            3 => json(&Notice::Impure),
            4 => json(&AnswerDetail { footprint: Some(footprint()), ..AnswerDetail::default() }),
            5 => json(&Hello { build: "1".into(), setup: compile }),
            _ => json(&AnswerDetail { stderr: Some("\u{1b}[2J".into()), ..AnswerDetail::default() }),
        };
        let bytes = changed(&text, &changes);
        if let Some(detail) = read::<AnswerDetail>(&bytes) {
            prop_assert!(read::<AnswerDetail>(json(&detail).as_bytes()).is_some(), "what was read can be told");
            let touched = detail.footprint.and_then(|footprint| footprint.of(&grants()));
            prop_assert!(touched.is_none_or(|touched| touched.dirs.iter().all(|dir| dir.guest == "/in")));
        }
        drop((read::<ChildError>(&bytes), read::<Notice>(&bytes), read::<Draft>(&bytes)));
        drop((read::<Hello<CompileSetup>>(&bytes), read::<Hello<WorkerSetup>>(&bytes)));
    }
}

#[test]
fn the_samples_are_what_children_really_say() {
    let text = json(&draft());
    assert_eq!(read::<Draft>(text.as_bytes()), Some(draft()));
    use_draft(&draft());
    assert!(draft().choose(None, None).is_ok() && draft().choose(Some("c.f"), None).is_ok());
}

#[test]
fn types_nested_without_end_are_refused_without_a_deep_stack() {
    let nested = |depth: usize| format!("{}\"bool\"{}", "{\"list\":".repeat(depth), "}".repeat(depth));
    assert!(read::<Type>(nested(50).as_bytes()).is_some());
    assert!(read::<Type>(nested(1 << 16).as_bytes()).is_none());
}
