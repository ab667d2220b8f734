"""What holds for all tests."""

import os
from collections.abc import Generator

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # It hands its whole path on; programs that tests start are to find what is installed only.
    os.environ.pop("PYTHONPATH", None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let what a test logged travel between processes, where half a surrogate pair is no text."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report
