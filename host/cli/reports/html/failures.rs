//! Tasks that are not ok, grouped by what went wrong, and listed.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::time::Duration;

use wpool::Status;

use crate::cli::groups::{Group, Groups};
use crate::cli::journal::{Fault, Note};
use crate::cli::reports::account::Account;
use crate::cli::reports::html::text::{Block, Inline, count, number, put};
use crate::cli::texts::cut;
use crate::cli::units::show_time;

/// Tasks that are listed.
const MOST_LISTED: usize = 500;
/// Bytes of a text in the list, and in a group.
const LISTED_TEXT: usize = 2 << 10;
const GROUP_TEXT: usize = 8 << 10;
/// Bytes of a message within a line.
const LINE: usize = 200;
/// Flaky tasks that are named.
const MOST_FLAKY: usize = 20;

/// What the notes of a run say.
#[derive(Debug, Default)]
pub struct Failures {
    groups: Groups<Note>,
    listed: Vec<Note>,
    flaky: Vec<Note>,
    flaky_count: u64,
    /// Where some rows stand.
    places: HashMap<u64, String>,
}

impl Failures {
    /// Reads the notes. The places of `wanted` rows are kept.
    pub fn of(account: &Account, wanted: &BTreeSet<u64>) -> Failures {
        let mut failures = Failures::default();
        for note in account.notes() {
            if let Some(place) = note.place.as_ref().filter(|_| wanted.contains(&note.id)) {
                failures.places.insert(note.id, place.text());
            }
            if note.status != Status::Ok {
                failures.add(note);
            } else if !note.retried.is_empty() {
                failures.flaky_count += 1;
                if failures.flaky.len() < MOST_FLAKY {
                    failures.flaky.push(note);
                }
            }
        }
        failures
    }

    fn add(&mut self, note: Note) {
        if self.listed.len() < MOST_LISTED {
            self.listed.push(note.clone());
        }
        self.groups.add(note.kind(), || note);
    }

    /// Where a row stands, if it was wanted and is known.
    pub fn place(&self, id: u64) -> Option<&str> {
        self.places.get(&id).map(String::as_str)
    }

    /// The section of the groups, in at most so many bytes.
    pub fn groups(&self, account: &Account, most: usize) -> String {
        let mut page = String::new();
        let not_ok = account.not_ok();
        if not_ok == 0 {
            return page;
        }
        let (groups, noted) = (self.groups.by_size(), self.groups.tasks());
        let kinds = groups.len() as u64 + u64::from(self.groups.others() > 0);
        put!(page, "<section id=failures><h2>What went wrong</h2>\n<p class=lead>");
        match noted {
            0 => put!(page, "The run has kept no notes of the tasks that are not ok."),
            noted => put!(page, "{} in {}.", count(noted, "task"), count(kinds, "group")),
        }
        if (1..not_ok).contains(&noted) {
            put!(page, " {} not ok; notes of the others were too many to be kept.", are(not_ok));
        }
        put!(page, "</p>\n");
        let mut left = self.groups.others();
        for (at, group) in groups.into_iter().enumerate() {
            let mut part = of_group(account, group, at == 0, GROUP_TEXT);
            if page.len() + part.len() > most {
                part = of_group(account, group, false, 0);
            }
            if page.len() + part.len() > most {
                left += group.count;
            } else {
                page += &part;
            }
        }
        if left > 0 {
            put!(page, "<p class=note>{} in further groups.</p>\n", count(left, "task"));
        }
        page + "</section>\n"
    }

    /// The section of the list, in at most so many bytes.
    pub fn list(&self, account: &Account, most: usize) -> String {
        let mut page = String::new();
        if self.listed.is_empty() {
            return page;
        }
        let replay = account.kept.is_some();
        put!(page, "<section id=list><h2>Tasks that are not ok</h2>\n");
        put!(page, "<p class=filter hidden><label for=filter>Filter</label> <input id=filter type=search ");
        put!(page, "placeholder=\"place, status or message\" autocomplete=off> <kbd>/</kbd> <output></output></p>\n");
        put!(
            page,
            "<div class=\"scroll tall\" tabindex=0 role=region aria-label=\"Tasks that are not ok\"><table id=tasks><caption class=sr>In the order of the rows</caption>\n"
        );
        put!(page, "<thead><tr><th scope=col>Row<th scope=col>Status<th scope=col>Message<th scope=col class=n>Took");
        put!(page, "{}</thead>\n<tbody>\n", if replay { "<th scope=col>Look again" } else { "" });
        let (mut shown, mut short) = (0, 0);
        for note in &self.listed {
            let mut row = listed(account, note, LISTED_TEXT);
            if page.len() + row.len() > most {
                row = listed(account, note, 0);
                short += 1;
            }
            if page.len() + row.len() > most {
                break;
            }
            shown += 1;
            page += &row;
        }
        put!(page, "</tbody></table></div>\n");
        let left = account.not_ok().saturating_sub(shown);
        if left > 0 {
            put!(page, "<p class=note>The first {}; {} more stand in the records.</p>\n", number(shown), number(left));
        }
        if short > 0 {
            put!(page, "<p class=note>Texts of some tasks are left out, for this page would be too large.</p>\n");
        }
        page + "</section>\n"
    }

    /// The section of tasks that are ok after a retry.
    pub fn flaky(&self) -> String {
        let mut page = String::new();
        if self.flaky.is_empty() {
            return page;
        }
        put!(
            page,
            "<section id=flaky><h2>Flaky tasks</h2>\n<p class=lead>{} ok after a retry.</p>\n",
            are(self.flaky_count)
        );
        put!(page, "<div class=scroll><table><caption class=sr>Tasks that were retried</caption>\n");
        put!(
            page,
            "<thead><tr><th scope=col>Row<th scope=col>Earlier attempts<th scope=col class=n>Took</thead><tbody>\n"
        );
        for note in &self.flaky {
            let retried: Vec<_> = note.retried.iter().map(|status| status.as_str()).collect();
            put!(page, "<tr><td>{}<td>{}<td class=n>{}\n", name(note), retried.join(", "), took(note));
        }
        put!(page, "</tbody></table></div>\n");
        if self.flaky_count > self.flaky.len() as u64 {
            put!(page, "<p class=note>The first {}.</p>\n", self.flaky.len());
        }
        page + "</section>\n"
    }
}

/// A group with its examples, whose texts have at most so many bytes.
fn of_group(account: &Account, group: &Group<Note>, open: bool, text: usize) -> String {
    let mut page = String::new();
    let Some(first) = group.examples.first() else { return page };
    let fault = first.fault.clone().unwrap_or_default();
    let open = if open { " open" } else { "" };
    put!(page, "<details class=group{open}><summary><span class=bad>{}</span> ", first.status);
    if fault.code != first.status.as_str() {
        put!(page, "<span class=code>{}</span> ", Inline(&fault.code));
    }
    put!(page, "<span class=what>{}</span> ", Inline(line(&fault.message)));
    put!(page, "<span class=count>{}</span></summary>\n", count(group.count, "task"));
    if let Some(frame) = group.kind.frame() {
        put!(page, "<p class=at>in <code>{}</code></p>\n", Inline(cut(frame, LINE)));
    }
    let told = told(&fault, text);
    if !told.is_empty() {
        put!(page, "<pre tabindex=0>{told}</pre>\n");
    }
    put!(page, "<ul class=examples>\n");
    for note in &group.examples {
        put!(page, "<li>{}, {}{}\n", name(note), took(note), command(account, note.id));
    }
    if group.count > group.examples.len() as u64 {
        put!(page, "<li>{} more\n", number(group.count - group.examples.len() as u64));
    }
    page + "</ul></details>\n"
}
/// A row of the list.
fn listed(account: &Account, note: &Note, text: usize) -> String {
    let mut page = String::new();
    let fault = note.fault.clone().unwrap_or_default();
    put!(page, "<tr><td>{}<td><span class=bad>{}</span><td>", name(note), note.status);
    let told = told(&fault, text);
    let line = line(&fault.message);
    if told.is_empty() || (told.len() <= LINE && fault.message == line && told.lines().count() == 1) {
        put!(page, "{}", Inline(&line));
    } else {
        put!(page, "<details><summary>{}</summary><pre tabindex=0>{told}</pre></details>", Inline(&line));
    }
    put!(page, "<td class=n>{}", took(note));
    if account.kept.is_some() {
        put!(page, "<td class=again>{}", command(account, note.id).trim_start_matches(": "));
    }
    page + "\n"
}

/// All that is known of a fault.
fn told(fault: &Fault, most: usize) -> String {
    let mut text = String::new();
    if most == 0 {
        return text;
    }
    let _ = write!(text, "{}", Block(cut(&fault.message, most)));
    for frame in &fault.backtrace {
        put!(text, "\n    at {}", Block(frame));
    }
    if let Some(traceback) = &fault.traceback {
        put!(text, "\n{}", Block(cut(traceback, most)));
    }
    if let Some(stderr) = fault.stderr.as_deref().filter(|stderr| !stderr.trim().is_empty()) {
        put!(text, "\n<b>standard error</b>\n{}", Block(cut(stderr.trim_end(), most)));
    }
    text
}

/// How a row is called.
fn name(note: &Note) -> String {
    match &note.place {
        Some(place) => {
            let text = cut(&place.text(), LINE);
            let class = if text.len() <= 40 { "nb" } else { "" };
            format!("<span class=\"{class}\">{}</span> <span class=id>row {}</span>", Inline(text), note.id)
        }
        None => format!("row {}", note.id),
    }
}

fn took(note: &Note) -> String {
    match note.wall_us {
        0 if note.worker.is_none() => "did not run".to_owned(),
        micros => show_time(Duration::from_micros(micros)),
    }
}

fn command(account: &Account, id: u64) -> String {
    account.replay(id).map_or_else(String::new, |command| format!(": <code class=cmd>{}</code>", Inline(command)))
}

fn are(count_of: u64) -> String {
    format!("{} {}", count(count_of, "task"), if count_of == 1 { "is" } else { "are" })
}

/// The first line of a message.
fn line(message: &str) -> String {
    cut(message.lines().next().unwrap_or_default(), LINE)
}
