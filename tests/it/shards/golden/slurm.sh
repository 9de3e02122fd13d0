#!/bin/sh
# Submits 8 shards as one array, and a job that merges them once all have ended. Arguments go to sbatch for the
# shards, such as --cpus-per-task=8 --mem=16G --time=4:00:00. To run some shards again: --array=3,7
set -eu
# A shard that is requeued, or submitted again, resumes. SIGTERM comes a minute before the time limit; wpool has it, and
# not a shell, because of exec.
array=$(sbatch --parsable --job-name=wpool --array=1-8 --requeue --open-mode=append \
    --signal=B:TERM@60 --output=wpool-%a.log "$@" <<'SHARD'
#!/bin/sh
exec wpool run --shard auto --shard-count 8 --resume task.wasm rows.jsonl -o 'out/all.{shard}.jsonl' --failed 'out/failed.{shard}.jsonl' --timeout 10s
SHARD
)
# afterany: exit code 107 of the merge names the shards that are missing, and the commands that run them.
sbatch --parsable --job-name=wpool-merge --dependency="afterany:${array%%;*}" --requeue --open-mode=append \
    --output=wpool-merge.log <<'MERGE'
#!/bin/sh
exec wpool merge --overwrite -o out/all.jsonl --failed failed.jsonl 'out/all.{shard}.jsonl'
MERGE
