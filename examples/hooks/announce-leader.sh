#!/bin/sh
# Writes who leads into the file $1, unless somebody with a larger token has. For `ballotbox node --on-change`.
#
# Hooks of several members run at any time after the change that they are about: only the token says which one is newer. So check
# and write are one step, under a lock, and the token stays in the file. Where the file is on another machine, the
# same has to happen there, as in: UPDATE leader SET id = :id, token = :token WHERE token < :token
set -eu
[ "$BALLOTBOX_STATE" = leading ] || exit 0
exec 9>>"$1.lock"
flock 9
written=0
if [ -s "$1" ]; then read -r _ written <"$1"; fi
if [ "$BALLOTBOX_TOKEN" -le "$written" ]; then
    echo "token $BALLOTBOX_TOKEN is not written: $1 has $written" >&2
    exit 1
fi
echo "$BALLOTBOX_ID $BALLOTBOX_TOKEN" >"$1.new"
mv "$1.new" "$1"
