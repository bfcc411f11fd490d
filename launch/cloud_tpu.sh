#!/usr/bin/env bash
# Runs jaxvid on all hosts of a Cloud TPU slice, and again where the run was interrupted.
#
#   NAME=try1 ZONE=us-east5-b FOLDER=/mnt/shared/jaxvid launch/cloud_tpu.sh \
#       --config=configs/li3d_bilstm.py:ucf101 --workdir=/mnt/shared/runs/try1
#
# Arguments: jaxvid's. Environment:
#   NAME, ZONE    of the slice
#   FOLDER        the repository, on a disk that every host has mounted at the same place, with
#                 jaxvid and JAX for TPUs installed in its .venv
#   RUNS          how often to start the run at most (20)
#   CREATE=yes    where there is no such slice, or it was preempted: create it, which costs money
#     ACCELERATOR, VERSION    then required: its type, and the software of its hosts
#     SPOT=yes                as a spot slice, which may be preempted
#     STARTUP=FILE            a script that every host runs first: it mounts the disk
#   DELETE=yes    delete the slice at the end, unless the run can be continued
#
# The project and the account are those of gcloud's configuration; each gcloud command that changes
# or uses the slice is shown. Ctrl-C and SIGTERM let the run save and leave. Exit status: jaxvid's;
# 2 where something above is missing or wrong.
set -uo pipefail

fail() {
    echo "error: $*" >&2
    exit 2
}
say() { echo "cloud_tpu: $*" >&2; }
shown() {
    say "$(printf '%q ' "$@")"
    "$@"
}

for required in NAME ZONE FOLDER; do
    [ -n "${!required:-}" ] || fail "$required is not set; the beginning of launch/cloud_tpu.sh lists all"
done
for switch in CREATE SPOT DELETE; do
    case ${!switch:-} in '' | yes | no) ;; *) fail "$switch=${!switch}: must be yes or no" ;; esac
done
runs=${RUNS:-20}
[[ $NAME =~ ^[a-z]([-a-z0-9]*[a-z0-9])?$ ]] || fail "NAME=$NAME: must consist of a-z, 0-9 and -"
[[ $FOLDER =~ ^/ ]] || fail "FOLDER=$FOLDER: must be an absolute path"
[[ $runs =~ ^[1-9][0-9]*$ ]] || fail "RUNS=$runs: must be a number from 1"
if [ "${CREATE:-}" = yes ]; then
    [ -n "${ACCELERATOR:-}" ] || fail "CREATE=yes requires ACCELERATOR, such as v5litepod-16"
    [ -n "${VERSION:-}" ] || fail "CREATE=yes requires VERSION, such as v2-alpha-tpuv5-lite"
    [ -z "${STARTUP:-}" ] || [ -f "$STARTUP" ] || fail "STARTUP=$STARTUP is no file"
fi
[ $# -gt 0 ] || fail "pass jaxvid's arguments, such as --config=..."
command -v gcloud > /dev/null || fail "there is no gcloud on the PATH"

tpu=(gcloud compute tpus tpu-vm)
output=$(mktemp) || fail "no temporary file can be written"
trap 'rm -f "$output"' EXIT

# Prints the slice's state, nothing where there is no such slice.
state() {
    local found
    if found=$("${tpu[@]}" describe "$NAME" --zone="$ZONE" --format='value(state)' 2> "$output"); then
        echo "$found"
    elif ! grep -q NOT_FOUND "$output"; then
        cat "$output" >&2
        return 1
    fi
}

delete() { shown "${tpu[@]}" delete "$NAME" --zone="$ZONE" --quiet; }

create() {
    local options=(--accelerator-type="$ACCELERATOR" --version="$VERSION")
    [ "${SPOT:-}" != yes ] || options+=(--spot)
    [ -z "${STARTUP:-}" ] || options+=(--metadata-from-file=startup-script="$STARTUP")
    shown "${tpu[@]}" create "$NAME" --zone="$ZONE" "${options[@]}"
}

# Makes sure that there is a slice to use.
ensure() {
    local found
    found=$(state) || fail "gcloud failed to describe the slice $NAME"
    case $found in
        READY) return ;;
        '') [ "${CREATE:-}" = yes ] || fail "there is no slice $NAME in $ZONE; CREATE=yes creates it" ;;
        PREEMPTED | TERMINATED)
            [ "${CREATE:-}" = yes ] || fail "$NAME is $found; CREATE=yes deletes and creates it"
            delete || fail "$NAME is $found and could not be deleted"
            ;;
        *) fail "$NAME is $found; must be READY" ;;
    esac
    create || fail "$NAME could not be created"
}

pid_file=/tmp/jaxvid-$NAME.pid
# On every host. It prints its status: gcloud's own does not include those of several hosts.
remote="cd $(printf %q "$FOLDER") && . .venv/bin/activate && {
    python -m jaxvid.main --distributed $(printf '%q ' "$@")&
    echo \$! > $pid_file
    wait \$!
}
echo \"cloud_tpu: status \$?\"
rm -f $pid_file"

stopped=''
signalled=''
# The traps call it, which shellcheck does not see.
# shellcheck disable=SC2329
stop() {
    stopped=yes
    signalled=yes
    say "stopped; the run saves"
    shown "${tpu[@]}" ssh "$NAME" --zone="$ZONE" --worker=all \
        --command="[ ! -f $pid_file ] || kill -TERM \"\$(cat $pid_file)\"" || say "the hosts could not be reached"
}
trap stop INT TERM

# Runs it once; sets `status`, and `again` where it is one to run again.
run() {
    local statuses
    say "${tpu[*]} ssh $NAME --zone=$ZONE --worker=all: python -m jaxvid.main --distributed $*"
    # In the background, where Ctrl-C does not reach gcloud: what it runs is to save first.
    "${tpu[@]}" ssh "$NAME" --zone="$ZONE" --worker=all --command="$remote" < /dev/null |
        tee "$output" &
    step=$!
    while
        signalled=''
        wait "$step"
        status=$?
        [ -n "$signalled" ] # a signal ended the wait, and not gcloud
    do :; done
    again=''
    statuses=$(sed -n 's/.*cloud_tpu: status \([0-9][0-9]*\)$/\1/p' "$output")
    if [ "$status" -eq 0 ] && [ -n "$statuses" ] && ! grep -qvx 0 <<< "$statuses"; then
        return
    fi
    local one
    status=''
    for one in $statuses; do
        case $one in
            0) ;;
            75 | 129 | 13[1-9] | 1[4-9]?) [ "${status:-75}" -ne 75 ] || status=$one ;;
            *)
                status=$one
                return
                ;;
        esac
    done
    status=${status:-75} # no host printed its status: it was preempted, or the connection broke
    again=yes
}

for ((count = 1; ; count++)); do
    ensure
    [ -z "$stopped" ] || exit 143
    run "$@"
    if [ -z "$again" ]; then
        [ "${DELETE:-}" != yes ] || delete
        exit "$status"
    fi
    if [ -n "$stopped" ] || [ "$count" -ge "$runs" ]; then
        say "ended with status $status after $count runs; the same command continues"
        exit "$status"
    fi
    say "ended with status $status; run again, $count of at most $((runs - 1)) times"
done
