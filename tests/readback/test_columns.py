"""Every case of tests/columns, read back by readers that are not ours: all by pyarrow, a sample by DuckDB and
Polars. A case's `<seed>.json` says what its part must hold (see mod.rs)."""

import json
import os
from concurrent.futures import ProcessPoolExecutor
from decimal import Context, Decimal
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from readers import READERS, column_values, difference, from_float_bits, from_half_bits, unreadable

CASES = Path(__file__).parents[2] / "target/tmp/columns"
ENOUGH = 10_000
SAMPLE = 50  # one case in so many, for the readers that are slow to start
DIGITS = Context(prec=80)


def decoder(stored):
    """What makes of a model's value one in the form of readers.py."""
    if pa.types.is_list(stored):
        element = decoder(stored.value_type)
        return optional(lambda values: [element(value) for value in values])
    if pa.types.is_struct(stored):
        fields = {field.name: decoder(field.type) for field in stored}
        return optional(lambda values: {name: decode(values[name]) for name, decode in fields.items()})
    decode = scalar(stored.value_type if pa.types.is_dictionary(stored) else stored)
    return optional(lambda digits: decode(bytes.fromhex(digits)))


def optional(decode):
    return lambda value: None if value is None else decode(value)


def scalar(stored):
    if pa.types.is_boolean(stored):
        return lambda data: {b"\0": False, b"\1": True}[data]
    if pa.types.is_float16(stored):
        return lambda data: from_half_bits(int.from_bytes(data, "little"))
    if pa.types.is_floating(stored):
        return lambda data: from_float_bits(int.from_bytes(data, "little"), len(data))
    if pa.types.is_decimal(stored):
        return lambda data: format(Decimal(signed(data)).scaleb(-stored.scale, DIGITS), "f")
    if pa.types.is_string(stored):
        return bytes.decode
    if pa.types.is_binary(stored) or pa.types.is_fixed_size_binary(stored):
        return lambda data: {"hex": data.hex()}
    if pa.types.is_unsigned_integer(stored):
        return lambda data: int.from_bytes(data, "little")
    return signed


def signed(data):
    return int.from_bytes(data, "little", signed=True)


def wrong(case, reader):
    """What of a case's part is not as its model says, or None."""
    model, part = json.loads(case.read_text()), case.with_suffix(".parquet")
    file = pq.ParquetFile(part)
    columns = [(column["name"], column["type"], column["nullable"]) for column in model["columns"]]
    schema = [(field.name, str(field.type), field.nullable) for field in file.schema_arrow]
    if schema != columns:
        return f"the schema is {schema}, expected {columns}"
    if file.metadata.num_row_groups != model["row_groups"]:
        return f"{file.metadata.num_row_groups} row groups, expected {model['row_groups']}"
    types = dict(zip(file.schema_arrow.names, file.schema_arrow.types))
    values = {column["name"]: column["values"] for column in model["columns"]}
    names = [name for name in types if not unreadable(reader, types[name], ())]
    table = READERS[reader](part, names) if names else None
    for name in names:
        expected = list(map(decoder(types[name]), values[name]))
        found = difference(column_values(table.column(name), types[name]), expected)
        if found:
            return f"{types[name]} column {name}, {found}"
    return None


def failures(reader, cases):
    found = []
    for case in cases:
        try:
            what = wrong(case, reader)
        except Exception as error:  # a reader's own, which does not know the seed
            what = repr(error)
        if what:
            found.append(f"seed {case.stem}: {what}")
    return found


@pytest.mark.parametrize("reader", READERS)
def test_every_case(reader):
    cases = sorted(CASES.glob("*.json"))
    assert len(cases) >= ENOUGH, f"{len(cases)} cases in {CASES}; run: cargo test --test columns"
    assert len(list(CASES.glob("*.parquet"))) == len(cases)
    if reader != "pyarrow":
        cases = cases[::SAMPLE]
    workers = os.cpu_count()
    # Not forked: Polars' threads, which other tests start, do not survive that.
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        shares = pool.map(failures, [reader] * workers, [cases[i::workers] for i in range(workers)])
    bad = sum(shares, [])
    assert not bad, f"{len(bad)} of {len(cases)} cases: " + "\n".join(bad[:10])
