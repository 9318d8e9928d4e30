#!/bin/sh
# A backup that must run on one machine only: for `ballotbox node … --while-leading -- examples/backup.sh`.
# It works in steps, and says with each of them for which member and in which epoch it works.
step=0
while step=$((step + 1)); do
    echo "backup: member $BALLOTBOX_ID, epoch $BALLOTBOX_EPOCH, step $step"
    sleep 1
done
