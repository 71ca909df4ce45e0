"""Runs cpp-examples/feed_capture, and reads what it prints."""

import os
import re
import subprocess
import time
from dataclasses import dataclass

PARTS = ("orders", "messages")


def binary():
    path = os.environ.get("FEED_CAPTURE", "")
    assert os.path.isfile(path), f"FEED_CAPTURE={path!r}: set it to the feed_capture program"
    return path


def recorded():
    """The recorded feeds that FEED_FILES lists."""
    return [path for path in os.environ.get("FEED_FILES", "").split(os.pathsep) if path]


@dataclass
class Run:
    """A finished run: its exit code, what it printed, and when it ran, in ns since 1970."""

    code: int
    out: str
    err: str
    start: int
    end: int

    def histogram(self):
        """Messages by type, as printed."""
        lines = re.findall(r"^(\w)     \S.*?  +([\d,]+)$", self.out, re.MULTILINE)
        return {code: number(count) for code, count in lines}

    def total(self):
        return number(re.search(r"^ +total +([\d,]+)$", self.out, re.MULTILINE)[1])

    def table(self, name):
        """The line of a table: captured, dropped, parts, rows, bytes, path."""
        line = re.search(rf"^{name} +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+) +([\d,]+)  (.+)$", self.out, re.M)
        keys = ("captured", "dropped", "parts", "rows", "bytes")
        return {key: number(line[i + 1]) for i, key in enumerate(keys)} | {"path": line[6]}

    def latency(self, call):
        """The line of a call: calls, p50, p99, p99.9, max."""
        line = re.search(rf"^{call} +([\d, ]+)$", self.out, re.MULTILINE)
        return [number(text) for text in line[1].split()]


def number(text):
    return int(text.replace(",", ""))


def run(*arguments, timeout=60):
    start = time.time_ns()
    done = subprocess.run(
        [binary(), *map(str, arguments)], capture_output=True, text=True, timeout=timeout, check=False
    )
    return Run(done.returncode, done.stdout, done.stderr, start, time.time_ns())


def start(*arguments, **options):
    """A run that the test will end."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen([binary(), *map(str, arguments)], **options)


def part(directory, name):
    return directory / f"{name}.parquet"


def temporary_files(directory):
    return sorted(path.name for path in directory.rglob("*.tmp"))
