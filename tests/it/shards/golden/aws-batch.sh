#!/bin/sh
# 8 shards as an array job over a file system that all of them mount; the image has /work as its working directory.
# Give the queue as the first argument, and replace FILE-SYSTEM and the resources below.
set -eu
# Exit codes 2, 4 and 10x come again in every attempt; a shard that ended otherwise resumes.
aws batch register-job-definition --job-definition-name wpool --type container \
    --retry-strategy '{"attempts":5,"evaluateOnExit":[{"action":"EXIT","onExitCode":"2"},{"action":"EXIT","onExitCode":"4"},{"action":"EXIT","onExitCode":"10*"},{"action":"RETRY","onReason":"*"}]}' \
    --container-properties '{"command":["wpool","run","--shard","auto","--resume","task.wasm","rows.jsonl","-o","out/all.{shard}.jsonl","--failed","out/failed.{shard}.jsonl","--timeout","10s"],"image":"registry/wpool:1","mountPoints":[{"containerPath":"/work","sourceVolume":"work"}],"resourceRequirements":[{"type":"VCPU","value":"4"},{"type":"MEMORY","value":"8192"}],"volumes":[{"efsVolumeConfiguration":{"fileSystemId":"FILE-SYSTEM"},"name":"work"}]}'
aws batch submit-job --job-name wpool --job-queue "$1" --job-definition wpool --array-properties size=8
# An array in which a task was not ok has failed for AWS Batch, so no job can wait for it. When it has ended, merge what
# the shards have written, in /work:
#   wpool merge --overwrite -o out/all.jsonl --failed failed.jsonl 'out/all.{shard}.jsonl'
