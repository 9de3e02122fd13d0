//! AWS Batch.

use anyhow::Result;
use serde_json::json;

use crate::cli::args::Engines;
use crate::cli::commands::engines::texts::{command, with};
use crate::cli::commands::engines::words::Words;
use crate::cli::errors::usage;
use crate::cli::shell;

/// Sizes of an array job.
const SIZES: std::ops::RangeInclusive<u32> = 2..=10_000;

/// A script that registers a job definition and submits an array job.
pub fn script(args: &Engines, words: &Words) -> Result<String> {
    let (name, shards) = (&args.name, args.shards);
    if !SIZES.contains(&shards.get()) {
        return usage(format!("an array job of AWS Batch has 2 to 10000 children, and this is {shards}"));
    }
    let run = with(&words.run, &["--shard", "auto"]);
    // At most five conditions, in their order; a star may stand at the end of a code.
    let last = |code: &str| json!({"onExitCode": code, "action": "EXIT"});
    let retry = json!({
        "attempts": 5,
        "evaluateOnExit": [last("2"), last("4"), last("10*"), {"onReason": "*", "action": "RETRY"}],
    });
    let container = json!({
        "image": args.image,
        "command": run,
        "resourceRequirements": [{"type": "VCPU", "value": "4"}, {"type": "MEMORY", "value": "8192"}],
        "volumes": [{"name": "work", "efsVolumeConfiguration": {"fileSystemId": "FILE-SYSTEM"}}],
        "mountPoints": [{"sourceVolume": "work", "containerPath": "/work"}],
    });
    let [retry, container] = [retry, container].map(|value| shell::path(&value.to_string()));
    let merge = command(&words.merge);
    Ok(format!(
        r#"#!/bin/sh
# {shards} shards as an array job over a file system that all of them mount; the image has /work as its working directory.
# Give the queue as the first argument, and replace FILE-SYSTEM and the resources below.
set -eu
# Exit codes 2, 4 and 10x come again in every attempt; a shard that ended otherwise resumes.
aws batch register-job-definition --job-definition-name {name} --type container \
    --retry-strategy {retry} \
    --container-properties {container}
aws batch submit-job --job-name {name} --job-queue "$1" --job-definition {name} --array-properties size={shards}
# An array in which a task was not ok has failed for AWS Batch, so no job can wait for it. When it has ended, merge what
# the shards have written, in /work:
#   {merge}
"#
    ))
}
