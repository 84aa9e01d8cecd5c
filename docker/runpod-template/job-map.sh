#!/bin/sh
# Slurm's prolog and epilog of a node: keeps one file a GPU with the ids of the jobs that hold it, one a line, where
# the GPU exporter looks for them (--hpc-job-mapping-dir). Never fails: Slurm drains a node whose prolog does.
dir=${WATCHDOG_JOB_MAP:-/run/watchdog/jobs}

case ${SLURM_JOB_ID:-} in '' | *[!0-9]*) exit 0 ;; esac
case ${SLURM_JOB_GPUS:-} in '' | *[!0-9,]*) exit 0 ;; esac

rewrite() {
    file=$dir/$1
    grep -vx -- "$SLURM_JOB_ID" "$file" >"$file.new"
    if [ "${SLURM_SCRIPT_CONTEXT:-}" = prolog_slurmd ]; then
        printf '%s\n' "$SLURM_JOB_ID" >>"$file.new"
    fi
    if [ -s "$file.new" ]; then
        chmod 644 "$file.new"
        mv "$file.new" "$file"
    else
        rm -f "$file" "$file.new"
    fi
}

(
    flock -w 5 9 || exit
    for gpu in $(printf '%s' "$SLURM_JOB_GPUS" | tr , ' '); do
        rewrite "$gpu"
    done
) 2>/dev/null 9>>"$dir/.lock"
exit 0
