//! Messages about a journal that is torn or damaged.

use wpool::place::{Dir, Place};

use crate::cli::journal::{Error, Gaps, Resume, Torn};
use crate::cli::plan::JournalPlan;
use crate::cli::say;

/// Reports what of an earlier run is not there any more, and that its rows run again.
pub fn report(resume: &Resume, plan: &JournalPlan) {
    let (file, folder) = (&plan.file, &plan.folder);
    let (word, end, middle) = match resume.is_damaged() {
        true => ("damaged", "are not what was written", "are not what was written"),
        false => ("torn", "were cut short", "did not reach the disk"),
    };
    let Torn { journal: journal_end, file: file_end, gaps } = resume.torn();
    if let Some(Gaps { count, first, file: bytes, lost, kept }) = gaps {
        let places = if count == 1 { "1 place".into() } else { format!("{count} places") };
        // Nobody knows how many records the lost groups of the journal had.
        let lost = if lost == 0 { String::new() } else { format!(" (at least {lost} records)") };
        say(format_args!(
            "{word}: {bytes} bytes of {file} in {places} from byte {} on{lost}, or \
             their entries in {folder}/journal, {middle}; their rows run again, and {kept} records behind stay",
            first.file
        ));
    }
    if journal_end > 0 || file_end > 0 {
        say(format_args!(
            "{word}: the last {file_end} bytes of {file} and {journal_end} of {folder}/journal {end}; their rows run again"
        ));
    }
}

/// Reports that nothing of an earlier run can be kept.
pub fn report_lost(error: Error) {
    let error = anyhow::Error::from(error);
    say(format_args!("damaged: {error:#}; no record can be checked, and all rows run again"));
}

/// Reports where copies are.
pub fn report_aside(file: &Place, aside: &Dir) {
    let aside = aside.path().display();
    say(format_args!("damaged: copies of {file} and its journal as they were are in {aside}"));
}

/// Says what to do about a journal on which nothing can be built. `right` is how many records are right.
pub fn advise(error: Error, right: u64, plan: &JournalPlan) -> anyhow::Error {
    let file = &plan.file;
    let salvage = match right {
        _ if !error.is_damage() => String::new(),
        0 => " --resume-damaged runs all rows again and keeps copies of what is there;".into(),
        _ => format!(
            " --resume-damaged keeps the {right} records that are right and copies of what is there, and runs the other \
             rows again;"
        ),
    };
    let what = format!("nothing was changed;{salvage} --overwrite starts {file} anew. The run cannot be resumed");
    anyhow::Error::from(error).context(what)
}
