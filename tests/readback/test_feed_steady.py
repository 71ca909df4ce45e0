"""A long capture is steady: memory does not grow with the records, and each of them is accounted for."""

import os
import re
import subprocess

import pyarrow.parquet as pq

import itch
from feed_runs import PARTS, Run, part, run, start

MESSAGES, RATE = 100_000, 500_000
# The messages of an hour at 50,000 a second, 10 times as fast: FEED_REPEATS=1800, which is what CI runs.
REPEATS = int(os.environ.get("FEED_REPEATS", "35"))
# Messages until the first row group has ended, and the next one is on its way; of many, a fifth.
SETTLED = max(5 << 18, REPEATS * MESSAGES // 5)
# What the encoders hold of a row group, and what an allocator keeps; the records from then on are four times as much.
SLACK = 64 << 20


def resident(pid):
    """Bytes of memory that a process has: none of files', none of its lanes'. 0 once it has ended."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        anonymous = re.search(r"^RssAnon:\s+(\d+) kB", status.read(), re.MULTILINE)
    return int(anonymous[1]) << 10 if anonymous else 0


def test_memory_is_flat_and_every_record_accounted_for(tmp_path):
    feed = tmp_path / "feed.bin"
    assert run("--messages", MESSAGES, "--save-feed", feed, "--rate", "max", "--out", tmp_path).code == 0
    orders = sum(itch.type_of(message) in itch.ORDER_FIELDS for message in itch.split(feed.read_bytes()))
    offered = {"orders": REPEATS * orders, "messages": REPEATS * MESSAGES}

    process = start(feed, "--repeat", REPEATS, "--rate", RATE, "--out", tmp_path, stdout=subprocess.PIPE)
    samples = []
    for line in process.stderr:  # one a second
        if int(line.split()[0].replace(",", "")) >= SETTLED:
            samples.append(resident(process.pid))
    out, _ = process.communicate()
    done = Run(process.returncode, out, "", 0, 0)
    assert done.code == 0
    print("MiB:", *(size >> 20 for size in samples))
    assert samples, "it ended before it was settled"
    assert max(samples) <= samples[0] + SLACK

    for name in PARTS:
        line = done.table(name)
        assert line["captured"] + line["dropped"] == offered[name]
        sequences = pq.read_table(part(tmp_path, name), columns=["sequence"])["sequence"]
        assert line["captured"] == line["rows"] == len(sequences)
        assert sequences[0].as_py() == 0 and sequences[-1].as_py() < offered[name]
