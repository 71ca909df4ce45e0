"""feed_capture captures feeds value for value: compared with itch.py, through three readers.

FEED_CAPTURE is the program; FEED_FILES may list recorded feeds, separated as in PATH:
those of ITCH are named itch50_*.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import itch
from feed_runs import PARTS, Run, part, recorded, run, temporary_files
from readers import READERS

OWN = "own"
RECORDED = [path for path in recorded() if Path(path).name.startswith("itch50_")]

TIME = pa.timestamp("ns", tz="UTC")
SCHEMAS = {
    "orders": pa.schema(
        [
            pa.field("sequence", pa.uint64(), nullable=False),
            pa.field("receive_time", TIME, nullable=False),
            pa.field("exchange_time", pa.int64(), nullable=False),
            pa.field("locate", pa.uint16(), nullable=False),
            pa.field("tracking", pa.uint16(), nullable=False),
            pa.field("type", pa.string(), nullable=False),
            pa.field("side", pa.string()),
            pa.field("order_reference", pa.uint64()),
            pa.field("new_reference", pa.uint64()),
            pa.field("shares", pa.uint64()),
            pa.field("price", pa.int64()),
            pa.field("match_number", pa.uint64()),
            pa.field("symbol", pa.string()),
        ]
    ),
    "messages": pa.schema(
        [
            pa.field("sequence", pa.uint64(), nullable=False),
            pa.field("receive_time", TIME, nullable=False),
            pa.field("type", pa.string(), nullable=False),
            pa.field("payload", pa.binary(), nullable=False),
        ]
    ),
}


@dataclass
class Capture:
    """A feed, its messages as Python splits them, and the run that captured it."""

    feed: Path
    messages: list
    run: Run
    directory: Path


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """50,000 messages of the program's own."""
    directory = tmp_path_factory.mktemp("own")
    feed = directory / "feed.bin"
    done = run("--messages", 50_000, "--save-feed", feed, "--out", directory / "out")
    return Capture(feed, itch.split(feed.read_bytes()), done, directory / "out")


@pytest.fixture(scope="module", params=[OWN, *RECORDED], ids=lambda path: Path(path).stem)
def capture(request, tmp_path_factory):
    if request.param == OWN:
        return request.getfixturevalue("own")
    feed = Path(request.param)
    directory = tmp_path_factory.mktemp(feed.stem)
    return Capture(feed, itch.split(feed.read_bytes()), run(feed, "--out", directory), directory)


TABLES = {"orders": itch.order_table, "messages": itch.message_table}


def assert_equal_columns(actual, expected):
    """Compares columns, and names the first row that differs."""
    for name, values in expected.items():
        found = actual[name].to_pylist()
        assert len(found) == len(values), name
        if found != values:
            row = next(i for i, (a, b) in enumerate(zip(found, values, strict=True)) if a != b)
            pytest.fail(f"{name}, row {row}: {found[row]!r}, not {values[row]!r}")


def test_the_run_succeeds_and_drops_nothing(capture):
    assert capture.run.code == 0, capture.run.err
    assert [capture.run.table(name)["dropped"] for name in PARTS] == [0, 0]
    assert temporary_files(capture.directory) == []


def test_the_printed_histogram_is_that_of_the_feed(capture):
    assert capture.run.histogram() == Counter(map(itch.type_of, capture.messages))
    assert capture.run.total() == len(capture.messages)


def test_what_is_printed_of_the_parts_is_true(capture):
    for name in PARTS:
        line = capture.run.table(name)
        path = part(capture.directory, name)
        assert Path(line["path"]) == path
        assert line["parts"] == 1
        assert line["captured"] == line["rows"] == pq.read_metadata(path).num_rows
        assert line["bytes"] == path.stat().st_size


def test_latencies_are_of_every_call_and_in_order(capture):
    for call, name in (("try_record", "orders"), ("try_record, payload", "messages")):
        calls, *quantiles = capture.run.latency(call)
        assert calls == capture.run.table(name)["captured"]
        assert quantiles == sorted(quantiles)


def test_the_columns_have_the_documented_types(capture):
    for name in PARTS:
        assert pq.read_schema(part(capture.directory, name)).equals(SCHEMAS[name])


@pytest.mark.parametrize("reader", READERS)
def test_orders_hold_the_order_flow_of_the_feed(capture, reader):
    expected = itch.order_table(capture.messages)
    assert_equal_columns(READERS[reader](part(capture.directory, "orders"), list(expected)), expected)


@pytest.mark.parametrize("reader", READERS)
def test_messages_hold_every_byte_of_the_feed(capture, reader):
    expected = itch.message_table(capture.messages)
    assert_equal_columns(READERS[reader](part(capture.directory, "messages"), list(expected)), expected)


@pytest.mark.parametrize("reader", READERS)
def test_receive_times_rise_and_lie_in_the_run(capture, reader):
    times = {}
    for name in PARTS:
        column = READERS[reader](part(capture.directory, name), ["type", "receive_time"])["receive_time"]
        times[name] = column.cast(TIME).cast(pa.int64()).to_pylist()
        assert times[name] == sorted(times[name])
        assert capture.run.start <= times[name][0]
        assert times[name][-1] <= capture.run.end
    # A message has one receive time, in both tables.
    of_orders = [
        time
        for time, message in zip(times["messages"], capture.messages, strict=True)
        if itch.type_of(message) in itch.ORDER_FIELDS
    ]
    assert times["orders"] == of_orders


def test_the_recorded_day_has_the_known_counts(tmp_path):
    aapl = [path for path in RECORDED if Path(path).name == "itch50_aapl_20200130_10k.bin"]
    if not aapl:
        pytest.skip("itch50_aapl_20200130_10k.bin is not in FEED_FILES")
    done = run(aapl[0], "--out", tmp_path)
    known = {"A": 4758, "D": 4083, "E": 849, "P": 240, "L": 52, "U": 7, "X": 6, "F": 2}
    assert done.histogram() == known | {"R": 1, "H": 1, "Y": 1}
    assert done.total() == done.table("messages")["rows"] == 10_000


def saved_feed(directory, *arguments):
    feed = directory / "feed.bin"
    assert run("--save-feed", feed, "--out", directory, "--rate", "max", *arguments).code == 0
    return feed.read_bytes()


def test_the_same_seed_makes_the_same_feed(own, tmp_path):
    again = saved_feed(tmp_path, "--messages", 50_000)
    assert hashlib.sha256(again).digest() == hashlib.sha256(own.feed.read_bytes()).digest()
    assert saved_feed(tmp_path, "--messages", 50_000, "--seed", 2) != again


def test_every_type_occurs_in_the_own_feed(own):
    assert set(map(itch.type_of, own.messages)) == set(itch.BODIES)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 810, 1_100])
def test_a_short_day_has_the_messages_asked_for(tmp_path, count):
    messages = itch.split(saved_feed(tmp_path, "--messages", count))
    assert len(messages) == count
    assert itch.type_of(messages[0]) == "S"
    assert pq.read_metadata(part(tmp_path, "messages")).num_rows == count


def test_the_own_feed_keeps_a_consistent_book(own):
    live = {}  # Shares and locate by order reference.
    times = []
    matches = set()
    for message in own.messages:
        code = itch.type_of(message)
        row = itch.order_row(message)
        times.append(int.from_bytes(message[5:11], "big"))
        if row is None:
            continue
        reference, shares = row["order_reference"], row["shares"]
        if code in "AF":
            assert reference not in live
            assert shares > 0 and row["price"] > 0
            live[reference] = (shares, row["locate"])
        elif code in "ECXDU":
            left, locate = live.pop(reference)
            assert row["locate"] == locate
            if code == "U":
                assert row["new_reference"] not in live
                live[row["new_reference"]] = (shares, locate)
            elif code != "D":
                # A cancel leaves something of the order, or it would be a delete.
                assert 0 < shares <= left - (code == "X")
                if shares < left:
                    live[reference] = (left - shares, locate)
        if code in "ECPQ":
            assert row["match_number"] not in matches
            matches.add(row["match_number"])
        elif code == "B":
            assert row["match_number"] in matches
    assert times == sorted(times)


def test_bytes_that_are_no_text_are_replaced_and_told(own, tmp_path):
    message = bytearray(next(m for m in own.messages if itch.type_of(m) == "A"))
    message[24:28] = b"A\xffB "
    feed = tmp_path / "feed.bin"
    feed.write_bytes(itch.join([bytes(message)]))
    done = run(feed, "--out", tmp_path / "out")
    assert done.code == 0
    assert "1 texts were not UTF-8" in done.out
    assert pq.read_table(part(tmp_path / "out", "orders"))["symbol"].to_pylist() == ["A\ufffdB"]
    assert pq.read_table(part(tmp_path / "out", "messages"))["payload"].to_pylist() == [bytes(message)]


@pytest.mark.parametrize("codec", ["uncompressed", "snappy", "gzip", "lz4_raw", "zstd"])
def test_every_codec_is_what_the_part_has(own, tmp_path, codec):
    feed = tmp_path / "feed.bin"
    feed.write_bytes(itch.join(own.messages[:2000]))
    assert run(feed, "--out", tmp_path, "--codec", codec).code == 0
    for name in PARTS:
        column = pq.read_metadata(part(tmp_path, name)).row_group(0).column(1)
        assert column.compression == {"lz4_raw": "LZ4"}.get(codec, codec.upper())
    assert_equal_columns(pq.read_table(part(tmp_path, "orders")), itch.order_table(own.messages[:2000]))


def test_drops_are_counted_and_explained(tmp_path):
    count, feed = 1_000_000, tmp_path / "feed.bin"
    done = run("--messages", count, "--save-feed", feed, "--rate", "max", "--lane-mib", 1, "--out", tmp_path)
    assert done.code == 0
    lines = {name: done.table(name) for name in PARTS}
    assert lines["messages"]["captured"] + lines["messages"]["dropped"] == done.total() == count
    assert ("Dropped:" in done.out) == any(line["dropped"] for line in lines.values())
    for name, line in lines.items():
        assert line["captured"] == line["rows"] == pq.read_metadata(part(tmp_path, name)).num_rows
    # What was captured is the feed with gaps, at the numbers that are missing.
    messages = itch.split(feed.read_bytes())
    offered = {"orders": [m for m in messages if itch.type_of(m) in itch.ORDER_FIELDS], "messages": messages}
    for name, line in lines.items():
        sequences = pq.read_table(part(tmp_path, name), columns=["sequence"])["sequence"].to_pylist()
        assert all(a < b for a, b in zip(sequences, sequences[1:]))
        assert len(offered[name]) - len(sequences) == line["dropped"]
        captured = [offered[name][sequence] for sequence in sequences]
        assert_equal_columns(pq.read_table(part(tmp_path, name)), TABLES[name](captured))
