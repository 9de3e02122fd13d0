//! GitLab.

use crate::cli::args::Engines;
use crate::cli::commands::engines::texts::{command, list, string, with};
use crate::cli::commands::engines::words::Words;

/// The jobs of the shards and of the merge. The variables of `parallel` say which shard a job is.
pub fn jobs(args: &Engines, words: &Words) -> String {
    let (name, shards, image) = (&args.name, args.shards, string(&args.image));
    let run = string(&command(&with(&words.run, &["--shard", "auto"])));
    let merge = string(&command(&words.merge));
    let (written, merged) = (list(&words.written), list(&words.merged));
    // `parallel: 1` is not allowed, and sets no variables.
    let (parallel, run) = match shards.get() {
        1 => (String::new(), string(&command(&with(&words.run, &["--shard", "1/1"])))),
        _ => (format!("  parallel: {shards}\n"), run),
    };
    format!(
        r#"# {shards} shards, and a job that merges them. The artifacts of shards hold run.json, with the values of --env.
{name}:
  stage: test
  image: {image}
{parallel}  script:
    - {run}
  # Ends of the machine, not of the run. A retry begins with an empty folder, so all of the shard runs again.
  retry:
    max: 2
    exit_codes: [70, 96, 110, 137, 143]
  # Some task is not ok: the merge says so for all of them.
  allow_failure:
    exit_codes: [100]
  artifacts:
    when: always
    paths: {written}

{name}-merge:
  stage: test
  image: {image}
  needs: [{name}]
  when: always
  script:
    - {merge}
  artifacts:
    when: always
    paths: {merged}
"#
    )
}
