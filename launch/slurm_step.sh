#!/usr/bin/env bash
# Within a batch script of SLURM: runs jaxvid in all tasks of the job and, if it was interrupted,
# puts the job back into the queue. Arguments: jaxvid's.
#
# SIGUSR1, before the time limit (--signal=B:USR1@...): the run saves and the job is queued again.
# SIGTERM (scancel --batch --signal=TERM JOB): the run saves, and the job is not queued again.
#
# Exit status: jaxvid's. Environment: MOST_REQUEUES, after how many requeues to give up (50).
set -uo pipefail

job=${SLURM_JOB_ID:?is not set: this runs within a SLURM job, see launch/README.md}
most=${MOST_REQUEUES:-50}
stopped=''
signalled=''

# Not `kill -TERM` to srun, which would kill its tasks unsaved. scancel with a signal reaches the
# tasks of the job's steps, and not this script.
# The traps call these, which shellcheck does not see.
# shellcheck disable=SC2329
stop_tasks() {
    signalled=yes
    echo "slurm_step: $1; the run saves" >&2
    scancel --signal=TERM "$job" || echo "slurm_step: scancel could not reach the tasks" >&2
}
# shellcheck disable=SC2329
near_the_limit() { stop_tasks "the time limit is near"; }
# shellcheck disable=SC2329
stop_for_good() {
    stopped=yes
    stop_tasks "stopped by SIGTERM"
}
trap near_the_limit USR1
trap stop_for_good TERM

# Each task sees all GPUs of its node, and JAX takes the one of its number on the node.
srun --kill-on-bad-exit=1 --gpu-bind=none python launch/slurm_task.py "$@" &
step=$!
while
    signalled=''
    wait "$step"
    status=$?
    [ -n "$signalled" ] # a signal ended the wait, and not srun
do :; done

if [ "$status" -eq 0 ]; then
    exit 0
fi
case $status in
    253) # srun's status for a task that exceeded its memory
        echo "slurm_step: out of memory; ask for more (--mem). Not queued again" >&2
        exit 137
        ;;
    75 | 129 | 13[1-9] | 1[4-9]?) ;;
    *)
        if [ "$status" -eq 252 ]; then
            status=130
        elif [ "$status" -gt 200 ]; then # as launch/slurm_task.py raises them
            status=$((status - 200))
        fi
        echo "slurm_step: status $status is not one to run again" >&2
        exit "$status"
        ;;
esac
if [ -n "$stopped" ]; then
    echo "slurm_step: stopped with status $status; the same sbatch command continues" >&2
elif [ "${SLURM_RESTART_COUNT:-0}" -ge "$most" ]; then
    echo "slurm_step: status $status; was queued again $most times, the most allowed" >&2
else
    echo "slurm_step: status $status; queued again" >&2
    scontrol requeue "$job" || echo "slurm_step: it could not be queued again" >&2
fi
exit "$status"
