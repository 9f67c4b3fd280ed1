"""Fixtures for starting real servers and whole installations."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's unprivileged user can reach; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="wayfork-open-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
