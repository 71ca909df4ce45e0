"""What libflow stamps on records agrees with the gap summary: numbers that are missing are records that were."""

import json

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

# Parts of C programs whose records are stamped, and whether some were dropped.
STAMPED = {
    "capture": {"sequences": True, "burst": True, "deadline": True, "in_place": False, "waits": False},
    "order": {"by_field": False, "by_time": False},
    "durable": {"processes": False, "gaps": True},
}
PARTS = [(program, name, drops) for program, parts in STAMPED.items() for name, drops in parts.items()]


def producers(part):
    """Sequences, capture times in ns and the gap summary of each producer."""
    file = pq.ParquetFile(part)
    table = file.read()
    for summary in json.loads(file.metadata.metadata[b"libflow.gaps"]):
        rows = table.filter(pc.equal(table["producer"], pa.scalar(summary["producer"], pa.uint32())))
        yield rows["sequence"].to_pylist(), rows["time"].cast(pa.int64()).to_pylist(), summary


@pytest.mark.parametrize(("program", "name", "drops"), PARTS)
def test_missing_numbers_are_the_dropped_records(out_dirs, program, name, drops):
    part = next(out / program / f"{name}.parquet" for out in out_dirs if (out / program).is_dir())
    dropped = 0
    for sequences, _, summary in producers(part):
        assert sequences == sorted(set(sequences))
        assert len(sequences) == summary["accepted"]
        missing = sorted(set(range(summary["accepted"] + summary["dropped"])) - set(sequences))
        assert len(missing) == summary["dropped"] == summary.get("missing", 0)
        if missing:
            assert (missing[0], missing[-1]) == (summary["first"], summary["last"])
            runs = sum(1 for a, b in zip([-2, *missing], missing) if b != a + 1)
            assert runs <= summary["gaps"]
            assert summary["from_ns"] <= summary["to_ns"]
        dropped += len(missing)
    assert (dropped > 0) == drops


@pytest.mark.parametrize(("program", "name", "_drops"), PARTS)
def test_capture_times_rise_and_lie_before_the_part_was_published(out_dirs, program, name, _drops):
    part = next(out / program / f"{name}.parquet" for out in out_dirs if (out / program).is_dir())
    published, minute = part.stat().st_mtime_ns, 60 * 10**9
    metadata = pq.read_metadata(part).metadata
    assert json.loads(metadata[b"libflow.clock"])["error_ns"] >= 0
    for _, times, _ in producers(part):
        assert times == sorted(times)
        # Within what a test may take, and what the file system's clock may be off.
        assert all(published - 5 * minute < time < published + minute for time in times)
