"""Committed files say what to install, never from where: that is the installing machine's choice."""

import re
import subprocess

import pytest

from config.workplace import HOME

ADDRESS = re.compile(r"https?://")
OPTION = re.compile(r"^\s*--(?!hash=)", re.MULTILINE)
# In files that may hold other addresses (a home page), what names a source of packages.
SOURCE = re.compile(
    r"(registry|index[-_]?(url)?|find[-_]links|resolved)\W+https?://", re.IGNORECASE
)


def _committed(*patterns: str) -> list[str]:
    listing = subprocess.run(
        ["git", "ls-files", "--", *patterns], cwd=HOME, capture_output=True, text=True, check=False
    )
    return listing.stdout.split()


@pytest.mark.parametrize("name", _committed("requirements/*", "*.lock", "*requirements*.txt"))
def test_requirements_name_packages_and_hashes_only(name: str) -> None:
    text = (HOME / name).read_text(encoding="utf-8")
    assert not ADDRESS.search(text)
    assert not OPTION.search(text)
    assert "find-links" not in text


@pytest.mark.parametrize(
    "name", _committed("*.toml", "*.npmrc", "*package*.json", "Makefile", ".ci/*", "*.cfg")
)
def test_configuration_names_no_source_of_packages(name: str) -> None:
    text = (HOME / name).read_text(encoding="utf-8")
    assert [found.group(0) for found in SOURCE.finditer(text)] == []


def test_every_locked_package_carries_hashes() -> None:
    for name in ("base", "dev"):
        text = (HOME / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
        packages = re.findall(
            r"^[a-z0-9].*$(?:\n[ ]+--hash=sha256:[0-9a-f]{64}.*)*", text, re.MULTILINE
        )
        assert packages
        assert [found.splitlines()[0] for found in packages if "--hash=" not in found] == []
