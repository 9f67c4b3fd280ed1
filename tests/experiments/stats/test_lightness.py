"""A page that reads a stored result must not pay for loading the computing libraries."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("numpy", "scipy", "statsmodels", "pandas", "django")


def loaded_by(module: str) -> set[str]:
    program = f"import sys, {module}; print(*(name for name in {HEAVY} if name in sys.modules))"
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return set(answer.stdout.split())


@pytest.mark.parametrize("module", ["experiments.stats.outcomes", "experiments.stats.samples"])
def test_reading_a_stored_result_loads_no_heavy_library(module):
    assert loaded_by(module) == set()


def test_the_tests_themselves_load_neither_django_nor_pandas():
    assert not loaded_by("experiments.stats.frequentist") & {"django", "pandas", "statsmodels"}
