"""Every setting that is read is described, and every one described is read."""

import re
from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
READER = re.compile(r"env\.(?:text|flag|number|names)\(\s*\"([A-Z_]+)\"")
ROW = re.compile(r"^\| `([A-Z_]+)` \|", re.MULTILINE)


def test_settings_read_and_settings_described_are_the_same():
    read = set(READER.findall((ROOT / "config/settings.py").read_text()))
    described = set(ROW.findall((ROOT / "docs/operations/settings.md").read_text()))
    assert read
    assert read - described == set(), "read, but not described"
    assert described - read == set(), "described, but not read"
