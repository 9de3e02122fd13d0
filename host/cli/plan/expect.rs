//! The outputs that are expected.

use anyhow::Result;
use wpool::outcome::ErrorDetail;
use wpool::template::{Row, Template};
use wpool::{Input, Rejected};

use crate::cli::args::Expecting;
use crate::cli::compare::Compare;
use crate::cli::plan::grants::template;
use crate::cli::plan::source::Source;

/// The expected output of each row.
#[derive(Clone, Debug)]
pub struct Expect {
    template: Template,
    compare: Compare,
    /// The rows are JSON.
    json: bool,
}

impl Expect {
    /// The options, for rows of a source.
    pub fn new(typed: &Expecting, source: &Source, json: bool) -> Result<Option<Expect>> {
        let files = matches!(source, Source::Files(_));
        let template = typed.expect.as_deref().map(|text| template(text, files, false)).transpose()?;
        Ok(template.map(|template| Expect { template, compare: typed.expect_by, json }))
    }

    /// Whether the same is expected of all rows.
    pub fn is_fixed(&self) -> bool {
        self.template.is_fixed()
    }

    /// Rejects a row that does not tell what is expected of it, before it runs.
    pub fn admit(&self, row: Input) -> Input {
        match self.template.expand(Row::of(&row, self.json)) {
            Err(why) if !row.is_rejected() => row.reject(Rejected::because("no-expected", unknown(&why))),
            _ => row,
        }
    }

    /// The reason why the output of a row is not what was expected.
    pub fn flaw(&self, row: &Input, output: &[u8]) -> Option<ErrorDetail> {
        let message = match self.template.expand(Row::of(row, self.json)) {
            Ok(expected) => self.compare.difference(&expected, output)?,
            Err(why) => unknown(&why),
        };
        Some(ErrorDetail { code: WRONG_OUTPUT.to_owned(), message, ..ErrorDetail::default() })
    }
}

/// The code of a task whose output is not the expected one.
pub const WRONG_OUTPUT: &str = "wrong-output";

fn unknown(why: &str) -> String {
    format!("its expected output is not known: {why}")
}
