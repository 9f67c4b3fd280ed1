"""What a test does when the server or program it needs cannot be had."""

import os
import warnings
from typing import NoReturn

import pytest


def cannot_be_had(sentence: str) -> NoReturn:
    """Skip loudly; where everything was promised to be there (CI=true), fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(sentence, pytrace=False)
    warnings.warn(sentence, stacklevel=2)
    pytest.skip(sentence)
