//! `wpool diff`: the records of two runs, row by row.
//!
//! Both files are walked side by side as long as their rows are the same, in memory that does not grow. From the first row
//! on that differs, the rest of A becomes an index of 40 bytes a row, and each row of B is looked up in it. Lines are read
//! at their places when they are compared, so their lengths do not matter.

mod index;
mod rows;
mod same;
mod side;
mod told;
mod verdict;

use anyhow::Result;

use crate::cli::args::Diff;
use crate::cli::commands::diff::index::Index;
use crate::cli::commands::diff::rows::{Row, Rows};
use crate::cli::commands::diff::side::Side;
use crate::cli::commands::diff::told::Told;
use crate::cli::commands::diff::verdict::Judge;
use crate::cli::exit::Exit;
use crate::cli::say;

/// Compares the records of two runs.
pub fn diff(args: &Diff) -> Result<Exit> {
    let judge = Judge::new(args)?;
    let (mut a, mut b) = (Side::open(&args.a)?, Side::open(&args.b)?);
    if args.slower.is_some() {
        a.load_times()?;
        b.load_times()?;
    }
    let by = side::common(args.by, &a, &b)?;
    let (rows_a, rows_b) = (a.rows(by)?, b.rows(by)?);
    let mut pairs = Pairs { told: Told::new(args, by), judge, a: &mut a, b: &mut b };
    pairs.walk(rows_a, rows_b)?;
    let Pairs { told, judge, .. } = pairs;
    if args.slower.is_some() && judge.timed == 0 {
        say(format_args!(
            "--slower: nothing is known of the times: only kept runs and records with receipts have them"
        ));
    }
    told.end(&a, &b)
}

/// The two sides, and what becomes of each pair of records.
struct Pairs<'a> {
    told: Told,
    judge: Judge,
    a: &'a mut Side,
    b: &'a mut Side,
}

impl Pairs<'_> {
    fn walk(&mut self, mut rows_a: Rows, mut rows_b: Rows) -> Result<()> {
        loop {
            match (rows_a.next()?, rows_b.next()?) {
                (None, None) => return self.finish(&rows_a, &rows_b),
                (Some(a), Some(b)) if a.key == b.key => self.pair(Some(a), Some(b))?,
                (a, b) => {
                    let mut index = Index::default();
                    index.add(a);
                    while let Some(row) = rows_a.next()? {
                        index.add(Some(row));
                    }
                    index.sort();
                    let mut next = b;
                    while let Some(row) = next {
                        self.pair(index.take(row.key), Some(row))?;
                        next = rows_b.next()?;
                    }
                    index.left().try_for_each(|row| self.pair(Some(row), None))?;
                    return self.finish(&rows_a, &rows_b);
                }
            }
        }
    }

    /// Compares the records of a row, of which one may be missing.
    fn pair(&mut self, a: Option<Row>, b: Option<Row>) -> Result<()> {
        let a = a.map(|row| self.a.record(row)).transpose()?;
        let b = b.map(|row| self.b.record(row)).transpose()?;
        let class = self.judge.judge(a.as_ref(), b.as_ref());
        self.told.tell(class, a.as_ref(), b.as_ref())
    }

    fn finish(&mut self, rows_a: &Rows, rows_b: &Rows) -> Result<()> {
        (self.a.read, self.b.read) = (rows_a.count(), rows_b.count());
        self.told.torn = [rows_a.is_torn(), rows_b.is_torn()];
        Ok(())
    }
}
