#!/usr/bin/env bash
# Runs the script of `wpool plan slurm` on a real Slurm, of this machine alone: an array of four shards, one of which is
# requeued in the middle, and the merge behind them. The merged records must be those of one run, byte for byte.
#
#   tests/slurm.sh WPOOL
#
# It needs root, and slurm-wlm and munge, which it installs where apt-get can. Elsewhere it says that nothing was checked
# and succeeds, unless WPOOL_REQUIRE_SLURM is set. It takes half a minute.
set -euo pipefail
wpool=$(realpath "${1:?usage: tests/slurm.sh WPOOL}")
guests=$(realpath "$(dirname "$0")/../guest-tasks")

give_up() {
    echo "NOT CHECKED: shards on a real Slurm, because $1" >&2
    [[ -z ${WPOOL_REQUIRE_SLURM:-} ]] || exit 1
    exit 0
}
fail() {
    echo "shards on Slurm: $1" >&2
    tail -n 20 "$dir"/{slurmctld,slurmd}.log "$dir"/jobs/*.log >&2 || true
    exit 1
}

[[ $(id -u) == 0 ]] || give_up "only root can start it"
if ! command -v sbatch slurmctld slurmd munged >/dev/null; then
    timeout 120 apt-get install --yes --no-install-recommends slurm-wlm munge >/dev/null 2>&1 ||
        give_up "slurm-wlm and munge cannot be installed here"
fi

dir=$(mktemp -d)
daemons=()
finish() {
    [[ ${#daemons[@]} == 0 ]] || kill "${daemons[@]}" 2>/dev/null || true
    wait || true
    rm -rf "$dir"
}
trap finish EXIT
mkdir -m 0755 "$dir/munge" "$dir/state" "$dir/spool" "$dir/jobs"
chmod 0755 "$dir"
head -c 1024 /dev/urandom >"$dir/munge/key"
chmod 0400 "$dir/munge/key"
node=$(hostname -s)
# So that two of these can run on one machine.
port=$((20000 + $$ % 10000 * 2))
cat >"$dir/slurm.conf" <<CONF
ClusterName=wpool
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A requeued job waits as long as a credential lives, which is two minutes otherwise.
AuthInfo=socket=$dir/munge/socket,cred_expire=6
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
ProctrackType=proctrack/pgid
TaskPlugin=task/none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
KillWait=10
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
NodeName=$node NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=all Nodes=$node Default=YES State=UP
CONF
export SLURM_CONF=$dir/slurm.conf
munged --foreground --force --key-file="$dir/munge/key" --socket="$dir/munge/socket" --pid-file="$dir/munge/pid" \
    --log-file="$dir/munge/log" --seed-file="$dir/munge/seed" 2>"$dir/munge/err" &
daemons+=($!)
slurmctld -D 2>/dev/null &
daemons+=($!)
slurmd -D 2>/dev/null &
daemons+=($!)

# Waits until a command succeeds.
until_so() {
    local what=$1 end=$((SECONDS + $2))
    shift 2
    until "$@" 2>/dev/null; do
        ((SECONDS < end)) || fail "waited in vain until $what"
        sleep 0.2
    done
}
idle() { [[ $(sinfo --noheader --format=%t) == idle ]]; }
if ! (until_so "the node is idle" 30 idle) 2>"$dir/why"; then
    cat "$dir/why" >&2
    give_up "it does not start on this machine"
fi

cd "$dir/jobs"
export PATH=${wpool%/*}:$PATH XDG_CACHE_HOME=$dir/cache XDG_STATE_HOME=$dir/home
# Each row sleeps as many milliseconds as it says; every 50th is not JSON.
for row in $(seq 400); do ((row % 50)) && echo 20 || echo "no JSON $row"; done >rows
cp "$guests/wat/sleep.wat" .
code=0
wpool run sleep.wat rows -q -j 64 -o one.jsonl --failed one.failed || code=$?
[[ $code == 100 ]] || fail "the single run ended with $code"
wpool plan slurm --shards 4 -- run sleep.wat rows -j 1 -o all.jsonl --failed all.failed >job.sh
array=$(sh job.sh --time=10 | head -n 1) || fail "the script cannot be submitted"
begun() { [[ $(wc -l <all.2.jsonl) -gt 3 ]]; }
until_so "shard 2 has begun" 30 begun
array=$(squeue --noheader --array --format=%F | sort -n | head -n 1)
scontrol requeue "${array}_2"
over() { [[ -z $(squeue --noheader) ]]; }
until_so "all jobs have ended" 60 over
cmp one.jsonl all.jsonl || fail "the merged records differ from those of one run"
cmp one.failed all.failed || fail "the merged rows that failed differ from those of one run"
grep -q "kept from before" wpool-2.log || fail "the shard that was requeued did not resume"
grep -q "Slurm: SLURM_ARRAY_TASK_ID=3" wpool-3.log || fail "a shard does not say what it read"
echo "shards on Slurm: four shards, one of them requeued, are the single run ($((SECONDS))s)"
