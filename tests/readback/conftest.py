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


@pytest.fixture(scope="module")
def parts(request, out_dirs):
    """The directory with the parts of the C program that a module names as PROGRAM."""
    program = request.module.PROGRAM
    found = [out / program for out in out_dirs if (out / program).is_dir()]
    assert found, f"run ffi-tests/{program}.c first"
    return found[0]
