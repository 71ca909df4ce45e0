"""feed_capture when things go wrong: malformed feeds, refused directories, wrong flags, signals, kill -9."""

import os
import pty
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time

import pyarrow.parquet as pq
import pytest

import itch
from feed_runs import PARTS, Run, binary, part, run, start, temporary_files

USAGE, BAD_FEED, FAILED = 64, 2, 1
KILLS = 20


@pytest.fixture(scope="module")
def messages(tmp_path_factory):
    """Some messages of the program's own, order flow included."""
    directory = tmp_path_factory.mktemp("feed")
    assert run("--messages", 1500, "--save-feed", directory / "feed.bin", "--out", directory).code == 0
    return itch.split((directory / "feed.bin").read_bytes())


def assert_captured(directory, messages):
    """Both parts are published and hold just these messages."""
    expected = {"orders": itch.order_table(messages), "messages": itch.message_table(messages)}
    for name, columns in expected.items():
        table = pq.read_table(part(directory, name)).drop_columns("receive_time")
        assert table.drop_columns("sequence").to_pydict() == columns
        assert table["sequence"].to_pylist() == list(range(table.num_rows))
    assert temporary_files(directory) == []


# What follows the good messages, and what is said about it.
FAULTS = {
    "one byte of a length": (b"\0", "ends inside a length"),
    "a length and nothing": (b"\0\x24", "ends after a length of 36"),
    "one byte of a message": (b"\0\x24A", "ends inside a message of type 'A': 1 of 36 bytes"),
    "all but one byte of a message": (b"\0\x13D" + bytes(17), "of type 'D': 18 of 19 bytes"),
    "length 0": (b"\0\0", "length 0"),
    "length 0 before more": (b"\0\0\0\x0cS" + bytes(11), "length 0"),
    "an unknown letter": (b"\0\x0cZ" + bytes(11), "unknown message type 'Z'"),
    "an unknown byte": (b"\0\x0c\xff" + bytes(11), "unknown message type 0xff"),
    "a message too short": (b"\0\x23A" + bytes(34), "length 35, but a message of type 'A' has 36 bytes"),
    "a message too long": (b"\0\x14D" + bytes(19), "length 20, but a message of type 'D' has 19 bytes"),
    "the greatest length": (b"\xff\xffA" + bytes(70000), "length 65535, but a message of type 'A'"),
}


@pytest.mark.parametrize("count", [0, 1, 1500])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_comes_before_a_fault_is_published(messages, tmp_path, fault, count):
    tail, why = FAULTS[fault]
    good = itch.join(messages[:count])
    feed = tmp_path / "feed.bin"
    feed.write_bytes(good + tail)
    done = run(feed, "--out", tmp_path / "out")
    assert done.code == BAD_FEED
    assert f"{feed}: byte {len(good)}: " in done.err
    assert why in done.err
    assert f"{count:,} messages before it were captured" in done.err
    assert_captured(tmp_path / "out", messages[:count])


def test_a_feed_cut_anywhere_keeps_its_whole_messages(messages, tmp_path):
    few = messages[-20:]
    whole = itch.join(few)
    ends = [len(itch.join(few[:i])) for i in range(len(few) + 1)]
    feed = tmp_path / "feed.bin"
    for size in range(1, len(whole), 7):
        feed.write_bytes(whole[:size])
        count = max(i for i, end in enumerate(ends) if end <= size)
        done = run(feed, "--out", tmp_path / "out")
        assert done.code == (0 if size == ends[count] else BAD_FEED), size
        assert size == ends[count] or f"byte {ends[count]}: " in done.err, size
        assert_captured(tmp_path / "out", few[:count])


def make_empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(), "is a directory"),
        (make_empty, "byte 0: the feed is empty"),
        (os.mkfifo, "is no regular file"),
    ],
    ids=["missing", "directory", "empty", "fifo"],
)
def test_no_feed_leaves_an_earlier_capture_alone(messages, tmp_path, make, why):
    good, bad, out = tmp_path / "good.bin", tmp_path / "bad.bin", tmp_path / "out"
    good.write_bytes(itch.join(messages))
    assert run(good, "--out", out).code == 0
    make(bad)
    done = run(bad, "--out", out)
    assert done.code == BAD_FEED
    assert f"{bad}: " in done.err and why in done.err
    assert done.out == ""
    assert_captured(out, messages)


def test_the_directory_is_made_and_an_earlier_capture_replaced(messages, tmp_path):
    feed, out = tmp_path / "feed.bin", tmp_path / "a" / "b"
    for count in (1500, 100):
        feed.write_bytes(itch.join(messages[:count]))
        assert run(feed, "--out", out).code == 0
        assert_captured(out, messages[:count])


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("not a directory")
    done = run("--messages", 10, "--out", tmp_path / "file" / "out")
    assert done.code == FAILED
    assert str(tmp_path / "file") in done.err


def test_a_directory_without_permission():
    # Root may write anywhere, so then the program runs as nobody, who cannot get into pytest's directories.
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory() as directory:
        program = shutil.copy(binary(), directory)
        os.chmod(directory, 0o555)
        done = subprocess.run(
            [program, "--messages", "10", "--out", directory], capture_output=True, text=True, **user
        )
        os.chmod(directory, 0o755)
    assert done.returncode == FAILED
    assert re.search(r"pf_sink_open: PF_ERR_PERMISSION: .*\(src/\S+\.rs:\d+\)", done.stderr)


def test_a_part_that_cannot_be_written(tmp_path):
    (tmp_path / "messages.parquet.tmp").mkdir()
    done = run("--messages", 10, "--out", tmp_path)
    assert done.code == FAILED
    assert re.search(r"pf_sink_open: PF_ERR_\w+: .*messages\.parquet\.tmp.*\(src/\S+\.rs:\d+\)", done.err)
    assert not any(path.is_file() for path in tmp_path.iterdir())


def test_a_feed_that_cannot_be_saved(tmp_path):
    done = run("--messages", 10, "--save-feed", tmp_path / "none" / "feed.bin", "--out", tmp_path)
    assert done.code == FAILED
    assert "cannot be written" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["--rate", "0"],
        ["--rate", "fast"],
        ["--rate", "-1"],
        ["--repeat", "0"],
        ["--messages", "0"],
        ["--messages", "1e6"],
        ["--messages", "99999999999999999999999"],
        ["--seed", ""],
        ["--codec", "zip"],
        ["--lane-mib", "1025"],
        ["--out", ""],
        ["--out"],
        ["one.bin", "two.bin"],
        ["feed.bin", "--messages", "10"],
        ["feed.bin", "--save-feed", "copy.bin"],
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments):
    done = run(*arguments)
    assert done.code == USAGE
    assert "--help" in done.err
    assert done.out == ""


def test_help_names_every_option():
    done = run("--help")
    assert done.code == 0
    for option in ("--out", "--rate", "--repeat", "--codec", "--lane-mib", "--messages", "--seed", "--save-feed"):
        assert option in done.out


def wait_for_capture(directory):
    """Waits until both parts are being written."""
    deadline = time.monotonic() + 20
    while len(temporary_files(directory)) < len(PARTS):
        assert time.monotonic() < deadline, "the capture did not start"
        time.sleep(0.01)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_publishes_what_was_captured(tmp_path, ending):
    feed = tmp_path / "feed.bin"
    process = start("--messages", 1_000_000, "--rate", 50_000, "--save-feed", feed, "--out", tmp_path)
    wait_for_capture(tmp_path)
    time.sleep(0.5)
    process.send_signal(ending)
    out, err = process.communicate(timeout=20)
    done = Run(process.returncode, out, err, 0, 0)
    assert done.code == 0, err
    assert "Interrupted" in out
    rows = done.table("messages")["rows"]
    assert 0 < rows == done.total() < 1_000_000
    assert_captured(tmp_path, itch.split(feed.read_bytes())[:rows])


def test_a_signal_ends_a_slow_feed_at_once(tmp_path):
    process = start("--messages", 100, "--rate", 1, "--out", tmp_path)
    wait_for_capture(tmp_path)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=5)
    assert process.returncode == 0


def test_two_captures_do_not_share_a_directory(tmp_path):
    first = start("--messages", 1_000_000, "--rate", 50_000, "--out", tmp_path)
    wait_for_capture(tmp_path)
    second = run("--messages", 10, "--out", tmp_path)
    first.send_signal(signal.SIGINT)
    out, _ = first.communicate(timeout=20)
    assert second.code == FAILED
    assert re.search(r"pf_sink_open: PF_ERR_CONFLICT: .*\(src/\S+\.rs:\d+\)", second.err)
    assert first.returncode == 0 and "Interrupted" in out


def test_progress_is_a_line_a_second_without_a_terminal(tmp_path):
    done = run("--messages", 120_000, "--rate", 50_000, "--out", tmp_path)
    assert re.fullmatch(r"( +[\d,]+ messages, 0 records dropped\n){2,}", done.err)


def test_progress_is_one_line_on_a_terminal(tmp_path):
    ours, theirs = pty.openpty()
    process = start("--messages", 50_000, "--rate", 50_000, "--out", tmp_path, stderr=theirs)
    os.close(theirs)
    process.communicate(timeout=20)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert process.returncode == 0
    assert shown.count("\r") > 5 and "\n" not in shown
    assert shown.endswith("\r\x1b[K")


def rows_of(directory):
    """Rows of the parts that are published; reading them whole proves them readable."""
    paths = {name: part(directory, name) for name in PARTS}
    return {name: pq.read_table(path).num_rows for name, path in paths.items() if path.exists()}


def test_a_killed_capture_publishes_nothing_that_is_not_whole(tmp_path):
    seed = int(os.environ.get("FEED_KILL_SEED", random.randrange(1 << 32)))
    print(f"FEED_KILL_SEED={seed}")
    moments = random.Random(seed)
    long = ("--messages", 300_000, "--rate", 250_000)
    short = ("--messages", 1_000)

    begin = time.monotonic()
    assert run(*long, "--out", tmp_path / "long").code == 0
    seconds = time.monotonic() - begin
    whole = rows_of(tmp_path / "long")
    assert run(*short, "--out", tmp_path / "short").code == 0
    earlier = rows_of(tmp_path / "short")

    cut_short = 0
    for i in range(KILLS):
        directory = tmp_path / str(i)
        # Every other time there is an earlier capture, which must stay until it is replaced.
        before = earlier if i % 2 else {}
        if before:
            assert run(*short, "--out", directory).code == 0
        process = start(*long, "--out", directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # The last tenth of the time is that of closing and publishing, and gets a third of the kills.
        moment = moments.uniform(0.9, 1.05) if i % 3 == 0 else moments.uniform(0, 1)
        time.sleep(moment * seconds)
        process.kill()
        process.wait()
        found = rows_of(directory) if directory.exists() else {}
        for name in PARTS:
            assert found.get(name) in (before.get(name), whole[name]), f"{name}, killed at {moment:.3f}"
        cut_short += found != whole

        done = run(*short, "--out", directory)
        assert done.code == 0, done.err
        assert rows_of(directory) == earlier
        assert temporary_files(directory) == []
    assert cut_short >= KILLS // 4
