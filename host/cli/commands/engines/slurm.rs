//! Slurm.

use crate::cli::args::Engines;
use crate::cli::commands::engines::texts::{command, with};
use crate::cli::commands::engines::words::Words;

/// A script that submits the shards as an array, and a job that merges them.
pub fn script(args: &Engines, words: &Words) -> String {
    let (name, shards) = (&args.name, args.shards);
    // The index is the number of the shard, so that some of the array can run again: --array=3,7.
    let run = command(&with(&words.run, &["--shard", "auto", "--shard-count", &shards.to_string()]));
    let merge = command(&words.merge);
    format!(
        r#"#!/bin/sh
# Submits {shards} shards as one array, and a job that merges them once all have ended. Arguments go to sbatch for the
# shards, such as --cpus-per-task=8 --mem=16G --time=4:00:00. To run some shards again: --array=3,7
set -eu
# A shard that is requeued, or submitted again, resumes. SIGTERM comes a minute before the time limit; wpool has it, and
# not a shell, because of exec.
array=$(sbatch --parsable --job-name={name} --array=1-{shards} --requeue --open-mode=append \
    --signal=B:TERM@60 --output={name}-%a.log "$@" <<'SHARD'
#!/bin/sh
exec {run}
SHARD
)
# afterany: exit code 107 of the merge names the shards that are missing, and the commands that run them.
sbatch --parsable --job-name={name}-merge --dependency="afterany:${{array%%;*}}" --requeue --open-mode=append \
    --output={name}-merge.log <<'MERGE'
#!/bin/sh
exec {merge}
MERGE
"#
    )
}
