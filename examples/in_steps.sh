#!/bin/sh
# Works in steps, each of them only if the lease of this node lasts for it:
#
#   ballotbox node --id 1 --votes VOTES.json --while-leading -- examples/in_steps.sh 'pg_dump …' 'rsync …'
#
# `ballotbox holds` asks nobody: it reads a file. Ask for as much time as a step takes at most.
set -eu

for step in "$@"; do
    if ! ballotbox holds --for 500ms; then
        echo "left out: $step" >&2
        exit 1
    fi
    sh -c "$step"
done
