"""Options and fixtures that the read-back tests share."""

from pathlib import Path

import pytest


def pytest_addoption(parser):
    parser.addoption("--out", action="append", default=[], metavar="DIR", help="parts to read back; repeatable")
    parser.addoption("--feed-out", default=None, metavar="DIR", help="parts that the feed example captured")
    parser.addoption("--feed-file", default=None, metavar="FILE", help="the feed that it captured")


@pytest.fixture(scope="session")
def out_dirs(request):
    """The directories to search for parts."""
    return [Path(directory) for directory in request.config.getoption("--out")]
