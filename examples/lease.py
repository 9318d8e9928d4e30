#!/usr/bin/env python3
"""Tells whether the node that runs this program still leads, and for how long, with the standard library alone.

    ballotbox node --id 1 --votes VOTES.json --while-leading -- python3 examples/lease.py

A program imports it, and looks before each thing that only one may do:

    epoch, left = lease.held()
    if left > 0.5: ...    # and gives `epoch` to what can refuse a smaller one
"""

import os
import struct
import sys
import time

CLOCKS = (time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC_RAW)

# Taken off for the time between looking and having acted, in seconds.
SLACK = 0.05


class NotLeading(Exception):
    """Nobody may take itself for the leader, and why."""


def checksum(content):
    """FNV-1a with 64 bits."""
    total = 0xCBF29CE484222325
    for byte in content:
        total = (total ^ byte) * 0x100000001B3 % 2**64
    return total


def read(path):
    """What a file holds, read with one call: `ballotbox` writes it with one call as well."""
    with open(path, "rb", buffering=0) as file:
        return file.read(4096)


def this_boot():
    """On which run of the machine, and with which shift of its clocks, this program runs."""
    number = int(read("/proc/sys/kernel/random/boot_id").replace(b"-", b""), 16)
    try:
        shifts = read("/proc/self/timens_offsets")
    except FileNotFoundError:
        shifts = b""
    return (number ^ checksum(shifts)).to_bytes(16, "big")


def held(path=None):
    """The epoch in which this node leads, and for how many seconds nobody else can; raises NotLeading."""
    path = path or os.environ["BALLOTBOX_LEASE_FILE"]
    for _ in range(16):
        content = read(path)[:48]
        if not content:
            raise NotLeading("this node does not lead")
        if len(content) == 48 and checksum(content[:40]).to_bytes(8, "big") == content[40:]:
            break
        # It is being renewed, or damaged.
    else:
        raise NotLeading("the lease file is torn or damaged")
    boot, epoch, *ends = struct.unpack(">16sQQQ", content[:40])
    if boot != this_boot():
        raise NotLeading("the lease is of another boot")
    # It is over when either clock has passed its end.
    left = min(end - time.clock_gettime_ns(clock) for end, clock in zip(ends, CLOCKS)) / 1e9 - SLACK
    if left <= 0:
        raise NotLeading(f"the lease of epoch {epoch} is over")
    return epoch, left


if __name__ == "__main__":
    try:
        epoch, left = held()
    except (NotLeading, OSError) as reason:
        sys.exit(f"no: {reason}")
    print(f"this node leads in epoch {epoch}, for {left * 1000:.1f} ms at least")
