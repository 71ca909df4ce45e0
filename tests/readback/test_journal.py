"""Parts that were cut short and recovered or resumed hold just the rows that tests/journal gave, by three readers."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from readers import READERS

JOURNAL = Path(__file__).parents[2] / "target/tmp/journal"


def row(i):
    """As tests/journal/rows.rs makes it."""
    numbers = [i + n for n in range(i % 4)]
    return {"id": i, "text": f"text {i % 50}" if i % 7 else None, "list": numbers if i % 5 else None}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name, rows", [("recovered", 750), ("resumed", 1000)])
def test_every_row(reader, name, rows):
    table = READERS[reader](JOURNAL / f"{name}.parquet", ["id", "text", "list"])
    assert table.to_pylist() == [row(i) for i in range(rows)]


@pytest.mark.parametrize("name", ["recovered", "resumed"])
def test_there_is_a_page_index(name):
    part = JOURNAL / f"{name}.parquet"
    file = pq.ParquetFile(part)
    groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
    assert all(group.column(0).has_offset_index and group.column(0).has_column_index for group in groups)
    assert pq.read_table(part, filters=[("id", "=", 601)]).to_pylist() == [row(601)]
