//! The report in Markdown, which is also the summary of a job of GitHub: whole, or shortened to its limit.
//!
//! Texts of others stand in `<pre>` or in `<code>`, with every character of a structure as a reference: nothing in them is
//! Markdown, HTML, a link or the name of a user.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use wpool::{Status, inert};

use crate::cli::groups::{Group, Groups};
use crate::cli::journal::Note;
use crate::cli::reports::account::Account;
use crate::cli::reports::ending::ending;
use crate::cli::reports::places;
use crate::cli::texts::{head, tail};
use crate::cli::units::{plural, show_time};

/// Bytes that GitHub shows of the summaries of a step. With one more it shows none.
pub const LIMIT: usize = 1 << 20;
/// Bytes of the messages and of the last words of an example.
const MESSAGE: usize = 1_000;
const WORDS: usize = 600;
/// Bytes that are kept for the line that counts what is left out.
const LEFT: usize = 100;
/// Rows that took longest.
const SLOWEST: usize = 10;
/// Rows that are ok after a retry.
const FLAKY: u64 = 10;

/// Writes the report.
pub fn write(account: &Account, out: &mut dyn Write) -> Result<()> {
    out.write_all(text(account, &account.groups(), LIMIT)?.as_bytes())?;
    Ok(())
}

/// The report in at most so many bytes. Empty if there is no room for its first line.
pub fn text(account: &Account, groups: &Groups<Note>, limit: usize) -> Result<String> {
    let title = format!("### {}\n", verdict(account));
    let mut text = format!("{title}{}{}", end(account), table(account));
    if text.len() > limit {
        return Ok(if title.len() <= limit { title } else { String::new() });
    }
    let slowest = flaky(account) + &slowest(account)?;
    let tail = if text.len() + slowest.len() + LEFT <= limit { slowest } else { String::new() };
    let mut left = groups.others();
    let mut full = false;
    for group in groups.by_size() {
        let part = part(account, group);
        full |= text.len() + part.len() + tail.len() + LEFT > limit;
        if full {
            left += group.count;
        } else {
            text += &part;
        }
    }
    left += account.not_ok().saturating_sub(groups.tasks());
    if left > 0 && text.len() + tail.len() + LEFT <= limit {
        let verb = if left == 1 { "is" } else { "are" };
        let _ = write!(text, "\n{} that {verb} not ok {verb} not shown here.\n", plural(left, "row"));
    }
    Ok(text + &tail)
}

/// What came of the run, in a line.
fn verdict(account: &Account) -> String {
    let (program, total, not_ok) = (code(&account.program()), account.total(), account.not_ok());
    let rows = match (total, not_ok) {
        (0, _) => "no rows".to_owned(),
        (_, 0) => format!("{} ok", plural(total, "row")),
        _ => format!("{not_ok} of {} not ok", plural(total, "row")),
    };
    let exit = account.exit_code().map(|code| format!(", exit code {code}")).unwrap_or_default();
    // Where rows were kept from before, that is the time of the others.
    let summary = account.summary.as_ref().filter(|summary| summary["kept"].as_u64() == Some(0));
    let wall = summary.and_then(|summary| summary.get("wall_us")?.as_u64());
    let wall = wall.map(|wall| format!(" in {}", show_time(Duration::from_micros(wall)))).unwrap_or_default();
    format!("wpool: {program}: {rows}{wall}{exit}")
}

fn end(account: &Account) -> String {
    let Some(ending) = ending(account) else { return String::new() };
    format!("\n{}\n", pre(&ending.words, MESSAGE))
}

fn table(account: &Account) -> String {
    let mut table = "\n| status | rows |\n|---|---:|\n".to_owned();
    for (status, count) in account.present() {
        let _ = writeln!(table, "| {status} | {count} |");
    }
    if account.total() == 0 { String::new() } else { table }
}

/// A group with its first rows.
fn part(account: &Account, group: &Group<Note>) -> String {
    let kind = &group.kind;
    let mut part = format!("\n#### {} {}", plural(group.count, "row"), kind.status);
    if !kind.code.is_empty() && kind.code != kind.status.as_str() {
        let _ = write!(part, " {}", code(&kind.code));
    }
    if let Some(frame) = kind.frame() {
        let _ = write!(part, " in {}", code(frame));
    }
    part.push('\n');
    for note in &group.examples {
        let _ = write!(part, "\n{}\n\n{}\n", code(&places::name(note)), pre(&example(account, note), 3 * MESSAGE));
    }
    part
}

/// What is known of a row that is not ok, shortened.
fn example(account: &Account, note: &Note) -> String {
    let mut text = String::new();
    if let Some(fault) = &note.fault {
        text += head(&fault.message, MESSAGE);
        if let Some(traceback) = &fault.traceback {
            let _ = write!(text, "\n{}", tail(traceback.trim_end(), WORDS));
        }
        if let Some(stderr) = &fault.stderr {
            let _ = write!(text, "\n{}", tail(stderr.trim_end(), WORDS));
        }
    }
    if let Some(replay) = account.replay(note.id) {
        let _ = write!(text, "\n$ {replay}");
    }
    text.trim_start().to_owned()
}

/// Rows that are ok after a retry, with the statuses before it.
fn flaky(account: &Account) -> String {
    let (mut lines, mut count) = (String::new(), 0);
    for note in account.notes().filter(|note| note.status == Status::Ok && !note.retried.is_empty()) {
        count += 1;
        if count <= FLAKY {
            let before: Vec<_> = note.retried.iter().map(|status| status.as_str()).collect();
            let _ = writeln!(lines, "| {} | {} |", code(&places::name(&note)), before.join(", "));
        }
    }
    if count == 0 {
        return lines;
    }
    let more = if count > FLAKY { format!("\nThe first {FLAKY}.\n") } else { String::new() };
    let title = plural(count, "row");
    format!("\n#### {title} ok after a retry\n\n| row | attempts before |\n|---|---|\n{lines}{more}")
}

/// The rows that took longest.
fn slowest(account: &Account) -> Result<String> {
    let mut longest: BinaryHeap<Reverse<(Duration, Reverse<u64>, u8)>> = BinaryHeap::new();
    for timed in account.timings()? {
        let Some(id) = timed.timing.id.filter(|_| timed.timing.attempts > 0) else { continue };
        longest.push(Reverse((timed.timing.wall, Reverse(id), timed.timing.status as u8)));
        if longest.len() > SLOWEST {
            longest.pop();
        }
    }
    if longest.is_empty() {
        return Ok(String::new());
    }
    let longest = longest.into_sorted_vec();
    let wanted = |id: u64| longest.iter().any(|Reverse((_, Reverse(other), _))| *other == id);
    let names = account.notes().filter(|note| wanted(note.id)).map(|note| (note.id, places::name(&note)));
    let names: HashMap<u64, String> = names.collect();
    let mut text = "\n#### Slowest rows\n\n| row | status | time |\n|---|---|---:|\n".to_owned();
    for Reverse((wall, Reverse(id), status)) in &longest {
        let name = names.get(id).cloned().unwrap_or_else(|| format!("row {id}"));
        let status = Status::ALL[usize::from(*status)];
        let _ = writeln!(text, "| {} | {status} | {} |", code(&name), show_time(*wall));
    }
    Ok(text)
}

/// A text of others in a line.
fn code(text: &str) -> String {
    let mut code = "<code>".to_owned();
    for c in inert::text(head(text, WORDS)).chars() {
        // A point makes a link of what begins with www.
        let is_harmless = "-/".contains(c) || c == '.' && !code.ends_with(['w', 'W']);
        if c.is_ascii_punctuation() && !is_harmless {
            let _ = write!(code, "&#{};", c as u32);
        } else {
            code.push(c);
        }
    }
    code + "</code>"
}

/// A text of others in lines.
fn pre(text: &str, most: usize) -> String {
    let mut pre = "<pre>".to_owned();
    let mut lines = head(text, most).lines().peekable();
    while let Some(line) = lines.next() {
        for c in inert::text(line).chars() {
            match c {
                '&' => pre += "&amp;",
                '<' => pre += "&lt;",
                '>' => pre += "&gt;",
                // For logs, which obey some lines with them.
                '#' | ':' => drop(write!(pre, "&#{};", c as u32)),
                c => pre.push(c),
            }
        }
        if lines.peek().is_some() {
            pre.push('\n');
        }
    }
    pre + "</pre>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_others_is_markdown_or_html() {
        let text = "a|b</pre>`x`[l](http://a.b)@me_\n::c ##[d] www.e";
        assert_eq!(
            code(text),
            "<code>a&#124;b&#60;/pre&#62;&#96;x&#96;&#91;l&#93;&#40;http&#58;//a.b&#41;&#64;me&#95;&#92;n&#58;&#58;c \
             &#35;&#35;&#91;d&#93; www&#46;e</code>"
        );
        assert_eq!(
            pre(text, 1_000),
            "<pre>a|b&lt;/pre&gt;`x`[l](http&#58;//a.b)@me_\n&#58;&#58;c &#35;&#35;[d] www.e</pre>"
        );
    }
}
