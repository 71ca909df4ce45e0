"""Recorded feeds of other venues, captured through the C ABI and read back byte for byte.

FEED_FILES may list them, separated as in PATH.
"""

import gzip
import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feed_runs import recorded
from libflow import Capture


def feed(name):
    found = [path for path in recorded() if Path(path).name == name]
    if not found:
        pytest.skip(f"{name} is not in FEED_FILES")
    return found[0]


def test_websocket_messages_of_any_length(tmp_path):
    lines = gzip.decompress(Path(feed("binance_usdm_btcusdt_20240808.gz")).read_bytes()).splitlines(keepends=True)
    messages = [(int(time), payload) for time, payload in (line.split(b" ", 1) for line in lines)]
    lengths = [len(payload) for _, payload in messages]
    assert (len(messages), min(lengths), max(lengths)) == (93_954, 162, 42_093)
    capture = Capture(tmp_path / "binance.parquet", 8, [("receive_time", "int64", 0)], "payload")
    for time, payload in messages:
        capture.payload(struct.pack("<q", time), payload)
    capture.close()
    table = pq.read_table(tmp_path / "binance.parquet")
    assert table["receive_time"].to_pylist() == [time for time, _ in messages]
    assert table["payload"].to_pylist() == [payload for _, payload in messages]


# Databento's DBN, version 1: market by order.
# https://databento.com/docs/standards-and-conventions/databento-binary-encoding
MBO = struct.Struct("<BBHIQQqIBBBBQiI")
MBO_FIELDS = [
    ("length", "uint8", 0),
    ("rtype", "uint8", 1),
    ("publisher_id", "uint16", 2),
    ("instrument_id", "uint32", 4),
    ("ts_event", "uint64", 8),
    ("order_id", "uint64", 16),
    ("price", "int64", 24),
    ("size", "uint32", 32),
    ("flags", "uint8", 36),
    ("channel_id", "uint8", 37),
    ("action", "uint8", 38),
    ("side", "uint8", 39),
    ("ts_recv", "uint64", 40),
    ("ts_in_delta", "int32", 48),
    ("sequence", "uint32", 52),
]


def test_market_by_order_records(tmp_path):
    with pa.input_stream(feed("esh4-glbx-mdp3-20231225.mbo.dbn.zst"), compression="zstd") as stream:
        dbn = stream.read()
    assert dbn[:4] == b"DBN\x01"
    records = dbn[8 + struct.unpack_from("<I", dbn, 4)[0] :]
    assert len(records) == 68_792 * MBO.size and MBO.size == 56
    path = tmp_path / "mbo.parquet"
    capture = Capture(path, MBO.size, MBO_FIELDS)
    for at in range(0, len(records), 1000 * MBO.size):
        capture.records(records[at : at + 1000 * MBO.size])
    capture.close()
    columns = pq.read_table(path).to_pydict()
    assert list(columns) == [name for name, _, _ in MBO_FIELDS]
    assert b"".join(MBO.pack(*row) for row in zip(*columns.values(), strict=True)) == records
