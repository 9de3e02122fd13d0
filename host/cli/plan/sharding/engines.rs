//! The variables by which engines that start many copies of a command number them. Pure: variables come in by a function.

/// Reads a variable.
pub type Variables<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// How an engine names a copy.
enum Names {
    /// The index and the count, with the number of the first index.
    Counted { index: &'static str, count: &'static str, first: u64 },
    /// The index alone: who submitted the copies knows the count. The first index is 0 or 1.
    Index { index: &'static str, first: u64 },
    /// The index with the first, the last and the step, and the count if the engine says it.
    Array {
        index: &'static str,
        first: Option<&'static str>,
        last: &'static str,
        step: &'static str,
        count: Option<&'static str>,
    },
}

/// An engine, and the fix where its copies have no order that a shard can be read from.
struct Engine {
    name: &'static str,
    names: Names,
}

const fn counted(name: &'static str, index: &'static str, count: &'static str, first: u64) -> Engine {
    Engine { name, names: Names::Counted { index, count, first } }
}

const fn index(name: &'static str, index: &'static str, first: u64) -> Engine {
    Engine { name, names: Names::Index { index, first } }
}

const ENGINES: [Engine; 13] = [
    Engine {
        name: "Slurm",
        names: Names::Array {
            index: "SLURM_ARRAY_TASK_ID",
            first: Some("SLURM_ARRAY_TASK_MIN"),
            last: "SLURM_ARRAY_TASK_MAX",
            step: "SLURM_ARRAY_TASK_STEP",
            count: Some("SLURM_ARRAY_TASK_COUNT"),
        },
    },
    counted("AWS Batch", "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE", 0),
    index("Kubernetes", "JOB_COMPLETION_INDEX", 0),
    counted("Cloud Run", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT", 0),
    counted("Google Batch", "BATCH_TASK_INDEX", "BATCH_TASK_COUNT", 0),
    Engine {
        name: "LSF",
        // Its arrays may begin anywhere, and it does not say where.
        names: Names::Array {
            index: "LSB_JOBINDEX",
            first: None,
            last: "LSB_JOBINDEX_END",
            step: "LSB_JOBINDEX_STEP",
            count: None,
        },
    },
    index("PBS", "PBS_ARRAY_INDEX", 1),
    index("Torque", "PBS_ARRAYID", 1),
    Engine {
        name: "Grid Engine",
        names: Names::Array {
            index: "SGE_TASK_ID",
            first: Some("SGE_TASK_FIRST"),
            last: "SGE_TASK_LAST",
            step: "SGE_TASK_STEPSIZE",
            count: None,
        },
    },
    // Its index counts from 1, as no other CI's does.
    counted("GitLab", "CI_NODE_INDEX", "CI_NODE_TOTAL", 1),
    counted("CircleCI", "CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0),
    counted("Buildkite", "BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0),
    // Tasks of a sweep are called 1, 2, 3, …
    index("Azure Batch", "AZ_BATCH_TASK_ID", 1),
];

/// Variables that name a copy although there is no array, with the value that says so.
const NO_ARRAY: [(&str, &str); 2] = [("LSB_JOBINDEX", "0"), ("SGE_TASK_ID", "undefined")];

/// A shard that an engine names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub engine: &'static str,
    pub number: u32,
    pub of: u32,
    /// The variables with their values, as they were read.
    pub read: String,
}

/// The shards that the engines name here; several where one runs inside of another. `count` is the number of shards that
/// was typed. An error is a sentence.
pub fn named(variables: &Variables, count: Option<u32>) -> Result<Vec<Named>, String> {
    ENGINES.iter().filter_map(|engine| engine.named(variables, count).transpose()).collect()
}

impl Engine {
    fn named(&self, variables: &Variables, count: Option<u32>) -> Result<Option<Named>, String> {
        let index = match &self.names {
            Names::Counted { index, .. } | Names::Index { index, .. } | Names::Array { index, .. } => *index,
        };
        let read = Read { engine: self.name, variables, count, text: String::new() };
        let Some(value) = variables(index).filter(|value| !value.is_empty()) else { return Ok(None) };
        // Tasks of Azure Batch have any names, of which only those of a sweep are numbers.
        let is_other = self.name == "Azure Batch" && value.parse::<u64>().is_err();
        if NO_ARRAY.contains(&(index, &value)) || is_other {
            return Ok(None);
        }
        match &self.names {
            Names::Counted { index, count, first } => read.counted(index, count, *first).map(Some),
            Names::Index { index, first } => read.index(index, *first).map(Some),
            Names::Array { index, first, last, step, count } => read.array(index, *first, last, step, *count).map(Some),
        }
    }
}

/// Reads the variables of one engine.
struct Read<'a> {
    engine: &'static str,
    variables: &'a Variables<'a>,
    count: Option<u32>,
    text: String,
}

impl Read<'_> {
    fn optional(&mut self, name: &str) -> Result<Option<u64>, String> {
        let Some(value) = (self.variables)(name).filter(|value| !value.is_empty()) else { return Ok(None) };
        let space = if self.text.is_empty() { "" } else { " " };
        self.text += &format!("{space}{name}={value}");
        let wrong = || format!("{name}={value} of {} is not a whole number", self.engine);
        value.parse().map(Some).map_err(|_| wrong())
    }

    fn number(&mut self, name: &str) -> Result<u64, String> {
        let number = self.optional(name)?;
        number.ok_or_else(|| format!("{} sets no {name}", self.engine))
    }

    fn counted(mut self, index: &str, count: &str, first: u64) -> Result<Named, String> {
        let index = self.number(index)?;
        let of = match (self.optional(count)?, self.count) {
            (Some(told), Some(typed)) if told != u64::from(typed) => {
                return Err(format!("--shard-count is {typed}, and {} says {}", self.engine, self.text));
            }
            (Some(told), _) => told,
            (None, Some(typed)) => typed.into(),
            (None, None) => return Err(format!("{} sets no {count}; give the number with --shard-count", self.engine)),
        };
        self.shard(index, first, of)
    }

    fn index(mut self, index: &str, first: u64) -> Result<Named, String> {
        let index = self.number(index)?;
        match self.count {
            Some(of) => self.shard(index, first, of.into()),
            None => Err(format!(
                "{} says {}, and nothing says of how many; give the number with --shard-count",
                self.engine, self.text
            )),
        }
    }

    fn array(
        mut self,
        index: &str,
        first: Option<&str>,
        last: &str,
        step: &str,
        count: Option<&str>,
    ) -> Result<Named, String> {
        let index = self.number(index)?;
        // Some of the copies may run again, as an array of their own: their indexes are the numbers.
        if let Some(of) = self.count {
            return self.shard(index, 1, of.into());
        }
        let begin = first.map_or(Ok(Some(1)), |name| self.optional(name))?;
        let (end, step) = (self.optional(last)?, self.optional(step)?);
        let count = count.map_or(Ok(None), |name| self.optional(name))?;
        let regular = begin.zip(end).and_then(|(begin, end)| {
            let step = step.unwrap_or(1);
            let steps = end.checked_sub(begin)?.checked_div(step)?;
            let own = index.checked_sub(begin)?;
            let of = steps.checked_add(1)?;
            let fits = own % step == 0 && own / step < of && count.is_none_or(|count| count == of);
            fits.then_some((own / step, of))
        });
        let Some((own, of)) = regular else {
            return Err(format!(
                "the array of {} has no regular step ({}): submit it as 1-N, as with --array=1-8, or give N with \
                 --shard-count, where the index is the number of the shard",
                self.engine, self.text
            ));
        };
        self.shard(own, 0, of)
    }

    fn shard(self, index: u64, first: u64, of: u64) -> Result<Named, String> {
        let number = index.checked_sub(first).filter(|own| *own < of).and_then(|own| u32::try_from(own + 1).ok());
        match (number, u32::try_from(of)) {
            (Some(number), Ok(of)) => Ok(Named { engine: self.engine, number, of, read: self.text }),
            _ => {
                Err(format!("{} says {}, which is not one of {of} shards counted from {first}", self.engine, self.text))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shards that are read from variables as `A=1 B=2`.
    fn read(text: &str, count: Option<u32>) -> Result<Vec<(u32, u32)>, String> {
        let value = |name: &str| {
            let pairs = text.split_whitespace().filter_map(|pair| pair.split_once('='));
            pairs.filter(|(own, _)| *own == name).map(|(_, value)| value.to_owned()).next()
        };
        Ok(named(&value, count)?.into_iter().map(|named| (named.number, named.of)).collect())
    }

    #[test]
    fn every_engine_is_read_as_it_counts() {
        let slurm = "SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=9 SLURM_ARRAY_TASK_STEP=2 SLURM_ARRAY_TASK_COUNT=4";
        for (text, count, shard) in [
            (format!("SLURM_ARRAY_TASK_ID=3 {slurm}"), None, (1, 4)),
            (format!("SLURM_ARRAY_TASK_ID=9 {slurm}"), None, (4, 4)),
            (format!("SLURM_ARRAY_TASK_ID=9 {slurm}"), Some(12), (9, 12)),
            ("AWS_BATCH_JOB_ARRAY_INDEX=0 AWS_BATCH_JOB_ARRAY_SIZE=3".into(), None, (1, 3)),
            ("JOB_COMPLETION_INDEX=4".into(), Some(5), (5, 5)),
            ("CLOUD_RUN_TASK_INDEX=1 CLOUD_RUN_TASK_COUNT=2".into(), None, (2, 2)),
            ("BATCH_TASK_INDEX=1 BATCH_TASK_COUNT=4".into(), None, (2, 4)),
            ("LSB_JOBINDEX=2 LSB_JOBINDEX_END=5 LSB_JOBINDEX_STEP=1".into(), None, (2, 5)),
            ("PBS_ARRAY_INDEX=1".into(), Some(2), (1, 2)),
            ("PBS_ARRAYID=2".into(), Some(2), (2, 2)),
            ("SGE_TASK_ID=4 SGE_TASK_FIRST=2 SGE_TASK_LAST=6 SGE_TASK_STEPSIZE=2".into(), None, (2, 3)),
            ("CI_NODE_INDEX=1 CI_NODE_TOTAL=2".into(), None, (1, 2)),
            ("CIRCLE_NODE_INDEX=1 CIRCLE_NODE_TOTAL=2".into(), None, (2, 2)),
            ("BUILDKITE_PARALLEL_JOB=0 BUILDKITE_PARALLEL_JOB_COUNT=2".into(), None, (1, 2)),
            ("AZ_BATCH_TASK_ID=7".into(), Some(8), (7, 8)),
        ] {
            assert_eq!(read(&text, count), Ok(vec![shard]), "{text}");
        }
    }

    #[test]
    fn a_job_that_is_no_array_names_no_shard() {
        for text in [
            "",
            "LSB_JOBINDEX=0",
            "SGE_TASK_ID=undefined",
            "CI_NODE_TOTAL=1",
            "AZ_BATCH_TASK_ID=prepare",
            "CI_NODE_INDEX=",
        ] {
            assert_eq!(read(text, None), Ok(vec![]), "{text}");
        }
    }

    #[test]
    fn what_names_no_shard_for_certain_is_refused_with_the_variables() {
        let sparse = "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_COUNT=3";
        for (text, count, needle) in [
            (sparse, None, "--array=1-8"),
            ("SLURM_ARRAY_TASK_ID=0", Some(8), "SLURM_ARRAY_TASK_ID=0"),
            ("SLURM_ARRAY_TASK_ID=3", None, "SLURM_ARRAY_TASK_ID=3"),
            ("SGE_TASK_ID=3 SGE_TASK_FIRST=1 SGE_TASK_LAST=6 SGE_TASK_STEPSIZE=0", None, "SGE_TASK_STEPSIZE=0"),
            ("SGE_TASK_ID=4 SGE_TASK_FIRST=1 SGE_TASK_LAST=6 SGE_TASK_STEPSIZE=2", None, "no regular step"),
            ("JOB_COMPLETION_INDEX=4", None, "--shard-count"),
            ("JOB_COMPLETION_INDEX=4", Some(4), "JOB_COMPLETION_INDEX=4"),
            ("CI_NODE_INDEX=1 CI_NODE_TOTAL=2", Some(3), "--shard-count is 3"),
            ("CI_NODE_INDEX=3 CI_NODE_TOTAL=2", None, "CI_NODE_TOTAL=2"),
            ("CI_NODE_INDEX=0 CI_NODE_TOTAL=2", None, "CI_NODE_INDEX=0"),
            ("CI_NODE_INDEX=x CI_NODE_TOTAL=2", None, "whole number"),
            ("AWS_BATCH_JOB_ARRAY_INDEX=18446744073709551615 AWS_BATCH_JOB_ARRAY_SIZE=3", None, "AWS"),
        ] {
            let why = read(text, count).expect_err(text);
            assert!(why.contains(needle), "{text}: {why}");
        }
    }

    #[test]
    fn engines_inside_of_each_other_are_all_read() {
        let both = "CI_NODE_INDEX=1 CI_NODE_TOTAL=2 AWS_BATCH_JOB_ARRAY_INDEX=1 AWS_BATCH_JOB_ARRAY_SIZE=2";
        assert_eq!(read(both, None), Ok(vec![(2, 2), (1, 2)]));
    }
}
