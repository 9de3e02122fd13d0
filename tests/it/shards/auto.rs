//! `--shard auto`: the variables of engines.

use super::*;
use crate::cli::{OK, USAGE, assert_refused};

/// Every variable that is read, so that those of the machine that runs the tests have no effect.
const READ: [&str; 24] = [
    "WPOOL_SHARD",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_ARRAY_TASK_MIN",
    "SLURM_ARRAY_TASK_MAX",
    "SLURM_ARRAY_TASK_STEP",
    "SLURM_ARRAY_TASK_COUNT",
    "AWS_BATCH_JOB_ARRAY_INDEX",
    "JOB_COMPLETION_INDEX",
    "CLOUD_RUN_TASK_INDEX",
    "BATCH_TASK_INDEX",
    "LSB_JOBINDEX",
    "LSB_JOBINDEX_END",
    "LSB_JOBINDEX_STEP",
    "PBS_ARRAY_INDEX",
    "PBS_ARRAYID",
    "SGE_TASK_ID",
    "SGE_TASK_FIRST",
    "SGE_TASK_LAST",
    "SGE_TASK_STEPSIZE",
    "CI_NODE_INDEX",
    "CI_NODE_TOTAL",
    "CIRCLE_NODE_INDEX",
    "BUILDKITE_PARALLEL_JOB",
    "AZ_BATCH_TASK_ID",
];

/// A dry run with variables as `A=1 B=2`.
fn auto(place: &Place, variables: &str, args: &str) -> Ran {
    let mut command = place.wpool("run --dry-run --sandbox off --shard auto");
    command.arg(&place.guest).arg("rows").args(args.split_whitespace());
    for name in READ {
        command.env_remove(name);
    }
    let pairs = variables.split_whitespace().filter_map(|pair| pair.split_once('='));
    run(command.envs(pairs), "")
}

#[test]
fn every_engine_says_which_shard_this_is() {
    let place = Place::new("echo", "", numbers(10));
    let array = "SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=9 SLURM_ARRAY_TASK_STEP=2 SLURM_ARRAY_TASK_COUNT=4";
    for (variables, args, shard, engine) in [
        ("WPOOL_SHARD=2/5", "", "2/5", "WPOOL_SHARD=2/5"),
        ("WPOOL_SHARD=2/5 CI_NODE_INDEX=1 CI_NODE_TOTAL=2", "", "2/5", "WPOOL_SHARD=2/5"),
        (&format!("SLURM_ARRAY_TASK_ID=7 {array}"), "", "3/4", "Slurm: SLURM_ARRAY_TASK_ID=7"),
        ("SLURM_ARRAY_TASK_ID=7", "--shard-count 8", "7/8", "Slurm: SLURM_ARRAY_TASK_ID=7"),
        ("AWS_BATCH_JOB_ARRAY_INDEX=0 AWS_BATCH_JOB_ARRAY_SIZE=3", "", "1/3", "AWS Batch"),
        ("JOB_COMPLETION_INDEX=4", "--shard-count 5", "5/5", "Kubernetes: JOB_COMPLETION_INDEX=4"),
        ("CLOUD_RUN_TASK_INDEX=1 CLOUD_RUN_TASK_COUNT=2", "", "2/2", "Cloud Run"),
        ("BATCH_TASK_INDEX=1 BATCH_TASK_COUNT=4", "", "2/4", "Google Batch"),
        ("LSB_JOBINDEX=2 LSB_JOBINDEX_END=5 LSB_JOBINDEX_STEP=1", "", "2/5", "LSF"),
        ("PBS_ARRAY_INDEX=1", "--shard-count 2", "1/2", "PBS"),
        ("PBS_ARRAYID=2", "--shard-count 2", "2/2", "Torque"),
        ("SGE_TASK_ID=4 SGE_TASK_FIRST=2 SGE_TASK_LAST=6 SGE_TASK_STEPSIZE=2", "", "2/3", "Grid Engine"),
        ("CI_NODE_INDEX=1 CI_NODE_TOTAL=2", "", "1/2", "GitLab: CI_NODE_INDEX=1 CI_NODE_TOTAL=2"),
        ("CIRCLE_NODE_INDEX=1 CIRCLE_NODE_TOTAL=2", "", "2/2", "CircleCI"),
        ("BUILDKITE_PARALLEL_JOB=0 BUILDKITE_PARALLEL_JOB_COUNT=2", "", "1/2", "Buildkite"),
        ("AZ_BATCH_TASK_ID=7", "--shard-count 8", "7/8", "Azure Batch"),
        // Two that agree.
        ("CI_NODE_INDEX=2 CI_NODE_TOTAL=2 CIRCLE_NODE_INDEX=1 CIRCLE_NODE_TOTAL=2", "", "2/2", "CircleCI"),
    ] {
        let ran = auto(&place, variables, args);
        assert_eq!(ran.code, OK, "{variables}: {}", ran.stderr);
        assert!(ran.stdout.contains(&format!("{shard} by slice")), "{variables}: {}", ran.stdout);
        assert!(ran.stderr.contains(engine), "{variables}: it prints what it read: {}", ran.stderr);
    }
}

#[test]
fn a_shard_that_is_not_certain_is_refused_with_what_was_read() {
    let place = Place::new("echo", "", numbers(10));
    for (variables, args, needles) in [
        ("", "", &["no variable of an engine", "WPOOL_SHARD"][..]),
        ("WPOOL_SHARD=3/2", "", &["WPOOL_SHARD=3/2"]),
        ("WPOOL_SHARD=1/2", "--shard-count 3", &["WPOOL_SHARD=1/2"]),
        (
            "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_COUNT=3",
            "",
            &["no regular step", "--array=1-8"],
        ),
        ("JOB_COMPLETION_INDEX=4", "", &["JOB_COMPLETION_INDEX=4", "--shard-count"]),
        ("CI_NODE_INDEX=1 CI_NODE_TOTAL=2", "--shard-count 3", &["--shard-count is 3", "CI_NODE_TOTAL=2"]),
        (
            "CI_NODE_INDEX=1 CI_NODE_TOTAL=2 SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=2 \
             SLURM_ARRAY_TASK_COUNT=2",
            "",
            &["Slurm says shard 2 of 2", "GitLab says shard 1 of 2"],
        ),
    ] {
        assert_refused(&auto(&place, variables, args), USAGE, needles, variables);
    }
}
