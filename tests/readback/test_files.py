"""Every part below the `--out` directories holds just what its `.expected.jsonl` says, by three readers."""

import json
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from readers import READERS, column_values, difference, typed, unreadable


ANY = {"any": True}
FLOATS = re.compile(r"\b(halffloat|float|double)\b")


def expectation_of(part):
    return part.with_name(part.name + ".expected.jsonl")


def found(config, pattern):
    return sorted(path for out in config.getoption("--out") for path in Path(out).rglob(pattern))


def pytest_generate_tests(metafunc):
    if "part" in metafunc.fixturenames:
        parts = [part for part in found(metafunc.config, "*.parquet") if expectation_of(part).exists()]
        metafunc.parametrize("part", parts, ids=["/".join(part.parts[-2:]) for part in parts])


@lru_cache(maxsize=1)
def expectation(part):
    """The header, and the rows with floats in Python's spelling."""
    with expectation_of(part).open(encoding="utf-8") as lines:
        header = json.loads(next(lines))
        rows = [json.loads(line) for line in lines]
    types = pq.read_schema(part).types
    floats = [i for i, column in enumerate(header["columns"]) if FLOATS.search(column["type"])]
    for row in rows:
        for i in floats:
            row[i] = in_python_hex(row[i], types[i])
    return header, rows


def in_python_hex(value, stored):
    """A value of the type `stored`, with the hex floats in it in Python's spelling."""
    if value is None:
        return None
    if pa.types.is_list(stored):
        return [in_python_hex(element, stored.value_type) for element in value]
    if pa.types.is_struct(stored):
        return {name: in_python_hex(field, stored.field(name).type) for name, field in value.items()}
    if not pa.types.is_floating(stored) or value.startswith("nan:"):
        return value
    return float.fromhex(value).hex()


def test_there_are_parts_and_each_has_its_expectation(request, out_dirs):
    assert out_dirs, "pass --out DIR"
    parts = found(request.config, "*.parquet")
    for out in out_dirs:
        assert any(out in part.parents for part in parts), f"no part below {out}"
    expectations = set(found(request.config, "*.expected.jsonl"))
    assert expectations == {expectation_of(part) for part in parts}


def test_no_temporary_file_is_left(request):
    assert found(request.config, "*.tmp") == []


def test_the_footer_says_who_wrote_what(part):
    header, rows = expectation(part)
    file = pq.ParquetFile(part)
    schema = [(field.name, str(field.type), field.nullable) for field in file.schema_arrow]
    assert schema == [(column["name"], column["type"], column["nullable"]) for column in header["columns"]]
    # Also without what Arrow adds to the footer: for a flat column, definition level 1 is OPTIONAL, 0 REQUIRED.
    leaves = [file.schema.column(i) for i in range(len(file.schema))]
    levels = [[leaf.max_definition_level, leaf.max_repetition_level] for leaf in leaves]
    flat = [[[int(column["nullable"]), 0]] for column in header["columns"]]
    assert levels == sum((column.get("levels", own) for column, own in zip(header["columns"], flat)), [])
    assert file.metadata.num_rows == len(rows)
    assert header["row_groups"] is None or file.metadata.num_row_groups == header["row_groups"]

    metadata = file.metadata.metadata
    version = metadata[b"libflow.version"].decode()
    assert file.metadata.created_by == f"libflow {version}"
    assert (b"libflow.gaps" in metadata) == header["sink"]
    if header["sink"]:
        gaps = json.loads(metadata[b"libflow.gaps"])
        assert [gap["producer"] for gap in gaps] == list(range(len(gaps)))
        assert sum(gap["accepted"] for gap in gaps) == len(rows)
        assert all(0 <= gap["oversized"] <= gap["dropped"] for gap in gaps)


@pytest.mark.parametrize("reader", READERS)
def test_every_value(part, reader):
    header, rows = expectation(part)
    columns = dict(zip((column["name"] for column in header["columns"]), zip(*rows))) if rows else {}
    types = {field.name: field.type for field in pq.read_schema(part)}  # those of the header
    names = [name for name in types if not unreadable(reader, types[name], columns.get(name, ()))]

    table = READERS[reader](part, names)
    assert table.column_names == names
    assert table.num_rows == len(rows)
    read = {name: column_values(table.column(name), types[name]) for name in names}
    for name, values in columns.items():
        if ANY in values:
            assert None not in read[name]
            read[name] = [ANY] * len(rows)
    if header["unordered"]:
        expected_rows = Counter(map(typed, rows))
        read_rows = Counter(map(typed, (list(row) for row in zip(*read.values()))))
        assert names == list(types), "rows are compared whole"
        assert read_rows - expected_rows == Counter()
        assert expected_rows - read_rows == Counter()
        return
    wrong = {name: difference(read[name], list(columns.get(name, ()))) for name in names}
    assert not any(wrong.values()), wrong
