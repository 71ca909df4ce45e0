"""Parts at the edges (ffi-tests/edge_files.c): test_files.py compares their values by three readers; here the parquet
crate reads those that only it has not, through `flow head`, which prints numbers and plain text as they are."""

import json
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

PROGRAM = "edge_files"
FLOW = Path(__file__).parents[2] / "dist/bin/flow"


def shown(value):
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("name", ["many_columns", "many_row_groups", "bit_widths"])
def test_every_value_by_the_parquet_crate(parts, name):
    path = parts / f"{name}.parquet"
    rows = [json.loads(line) for line in Path(f"{path}.expected.jsonl").open(encoding="utf-8")][1:]
    reals = [i for i, kind in enumerate(pq.read_schema(path).types) if pa.types.is_floating(kind)]
    for row in rows:
        for i in reals:
            row[i] = row[i] and float.fromhex(row[i])
    printed = subprocess.run([FLOW, "head", path, "-n", str(len(rows))], check=True, capture_output=True, text=True).stdout
    lines = [line for line in printed.splitlines() if line.startswith("|")]
    read = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[1:]]
    assert read == [[shown(value) for value in row] for row in rows]


def test_the_edges_are_where_they_should_be(parts):
    many = pq.read_metadata(parts / "many_row_groups.parquet")
    assert (many.num_row_groups, many.num_rows) == (100_000, 100_000)
    assert pq.read_metadata(parts / "many_columns.parquet").num_columns == 10_000
