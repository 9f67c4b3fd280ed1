"""Facts and metrics as people define them: what an analysis could not read is refused at once."""

import pytest

from accounts.errors import DomainError, InvalidInput
from metrics import queries
from metrics.actions import definitions
from metrics.actions.definitions import FactPlan, MetricPlan


@pytest.mark.parametrize(
    "filters",
    [
        [["plan", "is", ["pro"]]],
        [["plan", "is", None]],
        [["plan", "is_not", {"a": 1}]],
        [["price", "greater", "9"]],
        [["price", "at_most", True]],
        [["price", "less", 10**400]],
        [["pl\0an", "exists", None]],
    ],
)
def test_a_filter_no_analysis_could_compare_is_refused(world, filters):
    with pytest.raises(DomainError) as refused:
        definitions.define_fact(
            world.max.at(), "bought", FactPlan("Bought", event_name="purchase", filters=filters)
        )
    assert refused.value.data["where"] == "filters[0]"
    assert queries.fact_list(world.max.at()) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"delay_seconds": -1},
        {"delay_seconds": 2**40},
        {"window_seconds": 0},
        {"window_seconds": 2**40},
    ],
)
def test_a_span_no_table_holds_is_refused(world, fields):
    definitions.define_fact(world.max.at(), "bought", FactPlan("Bought", event_name="purchase"))
    with pytest.raises(InvalidInput) as refused:
        definitions.define_metric(
            world.max.at(), "rate", MetricPlan("Rate", "proportion", "bought", **fields)
        )
    assert refused.value.data["where"] == next(iter(fields))
