#!/usr/bin/env python3
"""The Python peers of `make bench`: peers.py CORPORA OUT

Answers each line on stdin, `<peer> <corpus> <edition> <codec> <level> <rows of a row group>`, with the
seconds that the peer took to write the corpus to OUT/<peer>.parquet.
"""

import sys
import time

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq


def read(directory, name, edition):
    """A corpus from its raw files: a pyarrow table that lies in memory."""
    with open(f"{directory}/{name}.{edition}.columns", encoding="utf-8") as description:
        rows, *columns = description.read().splitlines()
    fields, arrays = [], []
    for column in columns:
        column, type_name = column.split()
        fields.append(pa.field(column, pa.type_for_alias(type_name), nullable=False))
        count = 2 if type_name in ("string", "binary") else 1
        buffers = [pa.OSFile(f"{directory}/{name}.{column}.{i}").read_buffer() for i in range(count)]
        arrays.append(pa.Array.from_buffers(fields[-1].type, int(rows), [None, *buffers]))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


class Pyarrow:
    codecs = {"uncompressed": "none", "lz4_raw": "lz4"}

    def __init__(self, table):
        self.table = table

    def write(self, path, codec, level, rows):
        pq.write_table(self.table, path, row_group_size=rows, compression=codec, compression_level=level)


class Polars:
    codecs = {"lz4_raw": "lz4"}

    def __init__(self, table):
        self.frame = polars.from_arrow(table)

    def write(self, path, codec, level, rows):
        self.frame.write_parquet(
            path, compression=codec, compression_level=level, statistics=True, row_group_size=rows
        )


class DuckDB:
    codecs = {}

    def __init__(self, table):
        self.connection = duckdb.connect()
        self.connection.register("corpus", table)

    def write(self, path, codec, level, rows):
        options = f"FORMAT parquet, COMPRESSION '{codec}', ROW_GROUP_SIZE {rows}"
        if codec == "zstd":
            options += f", COMPRESSION_LEVEL {level}"
        self.connection.execute(f"COPY corpus TO '{path}' ({options})")


PEERS = {"pyarrow": Pyarrow, "Polars": Polars, "DuckDB": DuckDB}


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    directory, out = sys.argv[1:]
    peers, loaded = {}, None
    for line in sys.stdin:
        name, corpus, edition, codec, level, rows = line.split()
        if loaded != corpus:
            peers.clear()
            table = read(directory, corpus, edition)
            peers = {peer: PEERS[peer](table) for peer in PEERS}
            loaded = corpus
        peer = peers[name]
        codec = peer.codecs.get(codec, codec)
        start = time.perf_counter()
        peer.write(f"{out}/{name}.parquet", codec, None if level == "-" else int(level), int(rows))
        print(time.perf_counter() - start, flush=True)


main()
