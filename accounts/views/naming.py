"""The name and the key of something new: the key is made from the name when none is given."""

from typing import Any

from django import forms
from django.utils.text import slugify

KEY_LENGTH = 50


class NamedForm(forms.Form):
    """A name, and a key that may be left out."""

    name = forms.CharField(max_length=120, label="Name")
    key = forms.CharField(
        required=False,
        max_length=KEY_LENGTH,
        label="Key",
        help_text="Lowercase letters, digits and hyphens; it appears in addresses and SDKs and "
        "cannot be changed. Left empty, it is made from the name.",
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if "key" in given and not given["key"]:
            given["key"] = slugify(given.get("name", ""))[:KEY_LENGTH].strip("-_").replace("_", "-")
        return given
