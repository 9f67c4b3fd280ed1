"""How figures are written."""

import pytest

from experiments.views import numbers

NB = numbers.SPACE
MINUS = numbers.MINUS


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (52.4562, "52.456"),
        (0.0, "0"),
        (1234.5678, "1,234.6"),
        (1_234_567.0, "1,234,567"),
        (0.000123456, "0.00012346"),
        (-3.5, f"{MINUS}3.5000"),
        (9.99999, "10.0000"),
    ],
)
def test_numbers_keep_five_significant_digits(value, text):
    assert numbers.significant(value, 5) == text


def test_very_small_and_very_large_numbers_are_written_with_powers():
    assert numbers.significant(2.5e-9, 3) == f"2.50{NB}{numbers.TIMES}{NB}10^{MINUS}9"
    assert numbers.significant(-3e18, 2) == f"{MINUS}3.0{NB}{numbers.TIMES}{NB}10^18"


def test_a_number_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="finite"):
        numbers.significant(float("nan"))


@pytest.mark.parametrize(
    ("kind", "unit", "value", "text"),
    [
        ("proportion", "", 0.1902013, f"19.020{NB}%"),
        ("mean", "", 52.45626, "52.456"),
        ("sum", "EUR", 12.4, "\N{EURO SIGN}12.40"),
        ("sum", "CHF", 12.4, f"12.40{NB}CHF"),
        ("sum", "kWh", 12.4, f"12.400{NB}kWh"),
        ("sum", "USD", 250_000.4, "$250,000"),
        ("duration", "minutes", 0.25, f"250.0{NB}ms"),
        ("duration", "minutes", 42.0, f"42.00{NB}s"),
        ("duration", "minutes", 204.6, f"3.410{NB}min"),
        ("duration", "minutes", 9_000.0, f"2.500{NB}h"),
        ("duration", "minutes", 259_200.0, f"3.000{NB}d"),
        ("duration", "minutes", 0.0, f"0{NB}ms"),
        ("count", "", 0.0, "0"),
    ],
)
def test_a_value_is_written_in_the_unit_of_its_metric(kind, unit, value, text):
    assert numbers.measure(kind, unit, value) == text


@pytest.mark.parametrize(
    ("kind", "unit", "value", "text"),
    [
        ("proportion", "", -0.0082018, f"{MINUS}0.820{NB}pp"),
        ("proportion", "", 0.0, f"0.000{NB}pp"),
        ("mean", "", 1.5, "+1.5000"),
        ("sum", "EUR", -0.29, f"{MINUS}\N{EURO SIGN}0.29"),
        ("duration", "", 4.2, f"+4.200{NB}s"),
    ],
)
def test_a_difference_carries_its_sign_and_zero_carries_none(kind, unit, value, text):
    assert numbers.measure(kind, unit, value, signed=True) == text


@pytest.mark.parametrize(
    ("lift", "text"),
    [
        (-0.0431, f"{MINUS}4.3{NB}%"),
        (0.0, f"0.0{NB}%"),
        (0.00001, f"0.0{NB}%"),
        (0.07, f"+7.0{NB}%"),
        (12.3456, f"+1,235{NB}%"),
    ],
)
def test_a_lift_is_written_in_percent(lift, text):
    assert numbers.lift(lift) == text


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.00155448, "0.00155"), (0.0744, "0.0744"), (0.3759, "0.376"), (0.00001, f"<{NB}0.0001")],
)
def test_a_p_value_has_three_significant_digits(p, text):
    assert numbers.p_value(p) == text


def test_an_open_interval_says_which_end_is_known():
    assert numbers.bounds("1", "2") == "1 to 2"
    assert numbers.bounds(None, "2") == "at most 2"
    assert numbers.bounds("1", None) == "at least 1"
    assert numbers.bounds(None, None) == "unbounded"
