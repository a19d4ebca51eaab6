"""The entry of the test kit: runs pytest on the tests that are packed beside it, with the arguments it is given."""

import os
import sys
from pathlib import Path

import pytest

_HERE = Path(__file__).resolve().parent
_OPTIONS = ("--strict-markers", "-ra", "-p", "no:cacheprovider", "-W", "error")


def main() -> None:
    """Run the tests and exit with pytest's status."""
    root = _HERE.parents[2]
    os.chdir(root)
    sys.exit(pytest.main([str(_HERE), f"--rootdir={root}", "-c", "/dev/null", *_OPTIONS, *sys.argv[1:]]))
