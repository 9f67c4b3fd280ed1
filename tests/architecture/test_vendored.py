"""What browsers get is ours: recorded files, no foreign host, no inline script, style or handler."""

import base64
import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from config.workplace import HOME

VENDOR = HOME / "static" / "vendor"
# Not served: how the vendored files are made.
MAKING = {"manifest.json", "package.json", "package-lock.json", "vendor.mjs", ".npmrc"}
HOST = re.compile(r"(?:https?:)?//(?=[a-z0-9])[a-z0-9.-]+\.[a-z]{2,}", re.IGNORECASE)
# Addresses that name a thing and are never fetched, or that a person may click.
NAMES = re.compile(r"^(?:https?:)?//(?:www\.)?(?:w3\.org|example\.(?:com|org))$", re.IGNORECASE)
COMMENT = re.compile(r"/\*.*?\*/|<!--.*?-->|\{#.*?#\}|\{% comment.*?endcomment %\}", re.DOTALL)
TAG = re.compile(r"<[a-zA-Z][^<>]*>", re.DOTALL)
DJANGO = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
INLINE_STYLE = re.compile(r"\sstyle\s*=", re.IGNORECASE)
INLINE_HANDLER = re.compile(r"\son[a-z]+\s*=", re.IGNORECASE)
JAVASCRIPT = re.compile(r"[\"']\s*javascript:", re.IGNORECASE)


def committed(*patterns: str) -> list[str]:
    listing = subprocess.run(
        ["git", "ls-files", "--", *patterns], cwd=HOME, capture_output=True, text=True, check=False
    )
    # Deleted in the working tree, but not yet committed as such.
    return [name for name in listing.stdout.split() if (HOME / name).is_file()]


def manifest() -> dict[str, Any]:
    found = json.loads((VENDOR / "manifest.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


TEMPLATES = committed("templates/**/*.html", "templates/*.html")
PAGES = [*TEMPLATES, *committed("static/css/*", "static/js/*")]
SERVED = sorted(
    name
    for name in committed("static/vendor/*")
    if Path(name).name not in MAKING and "/source/" not in name
)


def test_there_is_something_to_look_at():
    assert len(TEMPLATES) > 20
    assert len(SERVED) > 5
    assert manifest()["files"]


@pytest.mark.parametrize("name", sorted(manifest()["files"]))
def test_a_vendored_file_has_its_recorded_sum(name: str):
    kind, _, wanted = manifest()["files"][name].partition("-")
    digest = hashlib.new(kind, (VENDOR / name).read_bytes()).digest()
    assert base64.b64encode(digest).decode() == wanted


def test_every_vendored_file_is_recorded():
    recorded = {f"static/vendor/{name}" for name in manifest()["files"]}
    assert [name for name in SERVED if name not in recorded] == []


def test_every_vendored_package_has_a_version_a_license_and_a_sum():
    for name, package in manifest()["packages"].items():
        assert re.fullmatch(r"\d+\.\d+\.\d+\S*", package["version"]), name
        assert package["license"], name
        assert package["integrity"].startswith("sha512-"), name


@pytest.mark.parametrize("name", PAGES)
def test_our_pages_styles_and_scripts_name_no_foreign_host(name: str):
    text = COMMENT.sub("", (HOME / name).read_text(encoding="utf-8"))
    foreign = [found for found in HOST.findall(text) if not NAMES.match(found)]
    assert foreign == []


@pytest.mark.parametrize("name", [name for name in SERVED if name.endswith(".css")])
def test_vendored_styles_load_nothing_from_a_foreign_host(name: str):
    text = COMMENT.sub("", (HOME / name).read_text(encoding="utf-8"))
    loaded = re.findall(r"(?:url\(\s*[\"']?|@import\s+[\"'])([^\"')]+)", text)
    assert [found for found in loaded if HOST.match(found)] == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_has_no_inline_style_script_or_handler(name: str):
    text = COMMENT.sub("", (HOME / name).read_text(encoding="utf-8"))
    # Template tags may hold quotes and angle brackets of their own.
    plain = DJANGO.sub("", text)
    for tag in TAG.findall(plain):
        assert not INLINE_STYLE.search(tag), tag
        assert not INLINE_HANDLER.search(tag), tag
        assert not JAVASCRIPT.search(tag), tag
    assert "<style" not in plain.lower()
    for opening, body in re.findall(r"(<script[^>]*>)(.*?)</script>", plain, re.DOTALL):
        is_data = 'type="application/json"' in opening
        assert is_data or ("src=" in opening and not body.strip()), opening
