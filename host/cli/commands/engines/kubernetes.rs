//! Kubernetes.

use crate::cli::args::Engines;
use crate::cli::commands::engines::texts::{FINAL, codes, command, list, string, with};
use crate::cli::commands::engines::words::Words;

/// An Indexed Job. It waits for nothing but its own pods, so merging is a command for later.
pub fn manifest(args: &Engines, words: &Words) -> String {
    let (name, shards, image) = (&args.name, args.shards, string(&args.image));
    let run = with(&words.run, &["--shard", "auto", "--shard-count", &shards.to_string()]);
    // Kubernetes fills `$(NAME)` in.
    let run = list(&run.iter().map(|word| word.replace("$(", "$$(")).collect::<Vec<_>>());
    let (merge, codes) = (command(&words.merge), codes(&FINAL));
    format!(
        r#"# {shards} shards as an Indexed Job, over a volume that all pods can read and write: the claim `{name}`, at /work.
# When the job has ended, merge what the shards have written, in /work:
#   {merge}
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
spec:
  completions: {shards}
  parallelism: {shards}
  completionMode: Indexed
  backoffLimitPerIndex: 5
  podFailurePolicy:
    rules:
      # A pod that is evicted has done nothing wrong, and its shard resumes.
      - action: Ignore
        onPodConditions:
          - type: DisruptionTarget
      # These ends come again in every attempt. 100: some task is not ok, and all records are there.
      - action: FailIndex
        onExitCodes:
          containerName: {name}
          operator: In
          values: {codes}
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 60
      containers:
        - name: {name}
          image: {image}
          workingDir: /work
          command: {run}
          volumeMounts:
            - name: work
              mountPath: /work
      volumes:
        - name: work
          persistentVolumeClaim:
            claimName: {name}
"#
    )
}
