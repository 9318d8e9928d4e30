#!/bin/sh
# Why no lock and no lease is enough: a leader looks whether it leads, is stopped before it acts, and goes on when another leads.
#
#   examples/late-write.sh            its late write lands on top of what its successor has written
#   examples/late-write.sh fenced     `ballotbox fence` refuses it
set -u

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

# What a leader does, with the number of its epoch.
write() {
    if [ "${1:-}" = fenced ]; then
        "${BALLOTBOX:-ballotbox}" fence "$place/account.fence" --token "$2" --owner "$2" -- \
            sh -c 'echo "written in epoch $1" > "$2"' sh "$2" "$place/account"
    else
        echo "written in epoch $2" > "$place/account"
    fi
}

# Member 1 leads in epoch 1. It has looked, and is stopped before it acts.
(sh -c 'kill -STOP $PPID'; write "${1:-}" 1) &
first=$!
until ps -o stat= -p "$first" | grep -q T; do :; done

# Its lease is over, so member 2 leads in epoch 2, and writes. Then the first one goes on.
write "${1:-}" 2
kill -CONT "$first"
wait "$first"
cat "$place/account"
