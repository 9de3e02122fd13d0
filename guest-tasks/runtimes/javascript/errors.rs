//! The end of a task in the words of JavaScript: what was thrown, the line of the script that threw it, and the calls of
//! the script that led there.

use rquickjs::{Array, Ctx, Error, Function, Persistent, Value};

use crate::Failure;
use crate::bundle::Bundle;
use crate::map::{Map, Place};
use crate::texts;

/// The longest part of a source line that is shown.
const MOST_OF_A_LINE: usize = 160;
const NOT_AWAITED: &str = "in a promise that nothing waits for: is `await` missing?";

/// An end without a result.
pub enum Stop<'js> {
    Thrown(Value<'js>),
    /// The script could not be read or linked.
    Unread(Value<'js>),
    /// A promise was rejected with this, and nothing handled it.
    Unhandled(Value<'js>),
    Failure(Failure),
}

impl<'js> Stop<'js> {
    /// An error of the engine, which is most often that the script threw.
    pub fn of(ctx: &Ctx<'js>, error: Error) -> Stop<'js> {
        match error {
            Error::Exception => Stop::Thrown(ctx.catch()),
            Error::Allocation => Stop::Failure(Failure::plain("out-of-memory", "out of memory")),
            _ if ctx.has_exception() => Stop::Thrown(ctx.catch()),
            other => Stop::Failure(Failure::plain("exception", &other.to_string())),
        }
    }

    /// An error before the first line of the script ran.
    pub fn of_start(ctx: &Ctx<'js>, error: Error) -> Stop<'js> {
        match Stop::of(ctx, error) {
            Stop::Thrown(value) => Stop::Unread(value),
            other => other,
        }
    }

    pub fn refused(message: String) -> Stop<'js> {
        Stop::Failure(Failure::plain("exception", &message))
    }
}

impl From<Error> for Stop<'_> {
    fn from(error: Error) -> Self {
        Stop::Failure(Failure::plain("out-of-memory", &error.to_string()))
    }
}

impl Failure {
    pub fn plain(code: &str, message: &str) -> Failure {
        Failure { code: code.into(), message: message.into(), traceback: String::new(), exit_code: None }
    }
}

/// The sources of a script, for the lines of its errors.
pub struct Sources(Vec<Source>);

struct Source {
    path: String,
    text: String,
    map: Option<Map>,
}

impl Sources {
    pub fn new(bundle: &Bundle) -> Sources {
        let sources = bundle.files.iter().filter(|file| !file.path.ends_with(".map"));
        let source = |text: &[u8]| String::from_utf8_lossy(text).into_owned();
        Sources(sources.map(|it| Source { path: it.path.clone(), text: source(&it.content), map: None }).collect())
    }

    /// With the source maps that stand beside bundled files.
    pub fn with_maps(mut self, ctx: &Ctx, bundle: &Bundle) -> Sources {
        for source in &mut self.0 {
            let file = bundle.files.iter().find(|file| file.path.strip_suffix(".map") == Some(&source.path));
            source.map = file.and_then(|file| Map::read(ctx, &file.path, &file.content));
        }
        self
    }

    /// Where a place of the code is in what the user wrote, and that line.
    fn place(&self, path: &str, line: u32, column: u32) -> Option<(Place, String)> {
        let source = self.0.iter().find(|source| source.path == path)?;
        match &source.map {
            Some(map) => map.place(line, column),
            None => {
                let text = source.text.lines().nth(line.checked_sub(1)? as usize).unwrap_or_default();
                Some((Place { path: path.to_owned(), line, column }, text.to_owned()))
            }
        }
    }
}

/// A call in a stack.
struct Frame<'a> {
    function: &'a str,
    place: Place,
    text: String,
}

/// The frames of the script in QuickJS' text of a stack: `    at name (path:line:column)`, or without a name.
fn frames<'a>(stack: &'a str, sources: &Sources) -> Vec<Frame<'a>> {
    let read = |line: &'a str| {
        let line = line.trim().strip_prefix("at ")?;
        let (function, place) = match line.rsplit_once(" (") {
            Some((function, place)) => (function, place.strip_suffix(')')?),
            None => ("", line),
        };
        let mut parts = place.rsplitn(3, ':');
        let (column, line, path) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
        let (place, text) = sources.place(path, line, column)?;
        Some(Frame { function: if function == "<anonymous>" { "" } else { function }, place, text })
    };
    stack.lines().filter_map(read).collect()
}

/// The failure that a stop is.
pub fn failure<'js>(
    ctx: &Ctx<'js>,
    describe: &Persistent<Function<'static>>,
    sources: &Sources,
    stop: Stop<'js>,
) -> Failure {
    let (is_unread, is_unhandled) = (matches!(stop, Stop::Unread(_)), matches!(stop, Stop::Unhandled(_)));
    let thrown = match stop {
        Stop::Failure(failure) => return failure,
        Stop::Thrown(thrown) | Stop::Unread(thrown) | Stop::Unhandled(thrown) => thrown,
    };
    let parts = describe.clone().restore(ctx).and_then(|describe| describe.call::<_, Vec<Array>>((thrown,)));
    let Ok(parts) = parts else {
        ctx.catch();
        return Failure::plain("exception", "an error whose text raised an exception");
    };
    let parts: Vec<Vec<String>> = parts.iter().map(texts).collect();
    let Some([kind, message, _]) = parts.first().map(Vec::as_slice) else {
        return Failure::plain("exception", "an error without a text");
    };
    let traces = parts.iter().enumerate().filter_map(|(at, part)| trace(at, part, sources));
    let traceback: Vec<String> = traces.chain(is_unhandled.then(|| NOT_AWAITED.into())).collect();
    let code = match kind.as_str() {
        "exception" if is_unread && message.starts_with("SyntaxError") => "syntax",
        "exception" if is_unread => "import",
        kind => kind,
    };
    Failure { code: code.into(), message: message.clone(), traceback: traceback.join("\n"), exit_code: None }
}

/// The text about an error, or about a cause of it.
fn trace(at: usize, part: &[String], sources: &Sources) -> Option<String> {
    let [kind, message, stack] = part else { return None };
    if kind == "result-type" {
        return None;
    }
    let frames = frames(stack, sources);
    let mut lines = Vec::new();
    if let (0, Some(first)) = (at, frames.first()) {
        lines.push(format!("{}:{}", first.place.path, first.place.line));
        lines.extend(marked(&first.text, first.place.column));
    }
    lines.push(if at == 0 { message.clone() } else { format!("caused by: {message}") });
    for Frame { function, place, .. } in &frames {
        let Place { path, line, column } = place;
        lines.push(match *function {
            "" => format!("    at {path}:{line}:{column}"),
            function => format!("    at {function} ({path}:{line}:{column})"),
        });
    }
    Some(lines.join("\n"))
}

/// A source line with a mark under a column.
fn marked(text: &str, column: u32) -> [String; 2] {
    let letters: Vec<char> = text.trim_end().chars().collect();
    let at = (column as usize).saturating_sub(1).min(letters.len());
    let from = if letters.len() > MOST_OF_A_LINE { at.saturating_sub(MOST_OF_A_LINE / 2) } else { 0 };
    let shown = &letters[from..letters.len().min(from + MOST_OF_A_LINE)];
    let gap: String = shown[..at - from].iter().map(|it| if *it == '\t' { '\t' } else { ' ' }).collect();
    [format!("  {}", shown.iter().collect::<String>()), format!("  {gap}^")]
}
