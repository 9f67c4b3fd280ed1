"""What comes back was seen where it comes back to: nobody plants something first and goes back."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.actions import environments
from flags import changes, queries, requests
from flags.changes import Applied, Outcome, Part, Pending
from flags.edits import (
    AddRule,
    AddVariation,
    DescribeSegment,
    Edit,
    EditKind,
    RemoveRule,
    RestoreSegment,
    SetClientSide,
    SetReviewRules,
    SetSegment,
)
from flags.models import Change
from flags.review import CodeFreeze
from tests.flags.requests.steps import (
    FLAG,
    appoint,
    approve,
    ask_for_review,
    make_team,
    number_of,
    propose,
)
from tests.world.cast import Person, World
from tests.world.factories import make_flag, make_rule, make_segment, submit
from wayfork.engine import Clause

BETA = changes.segment("beta")


def asking_for(*segments: str) -> AddRule:
    return AddRule(make_rule(when=(Clause(None, "in_segment", segments),)))


def hold(person: Person, *ids: str, rules: tuple = (), key: str = "beta") -> Outcome:
    """Say anew whom the segment holds."""
    version = queries.segment(person.at(), key).version
    edit = SetSegment("user", ids, (), rules)
    return changes.submit(person.at(), changes.segment(key), [edit], expected_version=version)


def freely(outcome: Outcome) -> Change:
    assert isinstance(outcome, Applied)
    return outcome.change


def reviewed(world: World, *edits: Edit) -> Change:
    """A change of the flag, with all it takes."""
    change = propose(world.max, *edits)
    approve(world.rita, change)
    outcome = requests.apply(world.max.at(), number_of(change))
    assert isinstance(outcome, Applied)
    return outcome.change


def back(person: Person, key: str, to: Change) -> Outcome:
    target = changes.segment(key)
    return changes.roll_back(person.at(), target, to=to, reason="wrong people")


def held(world: World, environment: str = "production") -> tuple[str, ...]:
    served = queries.snapshot(getattr(world, environment))
    assert served is not None
    return served.segments["beta"].included


# --- a flag that goes back to a segment


def test_nobody_changes_a_segment_unseen_and_rolls_a_flag_back_to_it(world: World):
    make_segment(world.max.at())
    make_flag(world.max.at(), on=True)
    ask_for_review(world)
    asking = reviewed(world, asking_for("beta"))
    reviewed(world, RemoveRule("r1"))
    assert isinstance(hold(world.max, "u-666"), Pending)
    assert isinstance(
        changes.roll_back(world.max.at(), changes.state(FLAG), to=asking, reason="back"), Applied
    )
    assert held(world) == ("u-1",)


def test_a_flag_that_asked_through_another_segment_asked_too(world: World):
    make_segment(world.max.at())
    make_segment(world.max.at(), "staff", included=("u-9",))
    make_flag(world.max.at(), on=True)
    freely(hold(world.max, rules=((Clause(None, "in_segment", ("beta",)),),), key="staff"))
    ask_for_review(world)
    reviewed(world, asking_for("staff"))
    reviewed(world, RemoveRule("r1"))
    assert isinstance(hold(world.max, "u-9", key="staff"), Pending)
    assert isinstance(hold(world.max, "u-666"), Pending)


def test_a_segment_another_one_has_let_go_is_still_asked_for_by_what_it_was(world: World):
    make_segment(world.max.at())
    make_segment(world.max.at(), "staff", included=("u-9",))
    make_flag(world.max.at(), on=True)
    submit(world.max.at(), FLAG, asking_for("staff"))
    freely(hold(world.max, rules=((Clause(None, "in_segment", ("beta",)),),), key="staff"))
    freely(hold(world.max, "u-9", key="staff"))
    ask_for_review(world)
    assert isinstance(hold(world.max, "u-666"), Pending)


def test_what_was_never_asked_for_where_it_is_reviewed_changes_at_once(world: World):
    make_segment(world.max.at())
    make_segment(world.max.at(), "beta-2", included=("u-9",))
    make_flag(world.max.at(), on=True)
    make_flag(world.max.at(), "beta", on=True)
    submit(world.max.at(), FLAG, asking_for("beta-2"))
    submit(world.max.at("staging"), "beta", asking_for("beta"))
    ask_for_review(world)
    freely(hold(world.max, "u-7"))


def test_stewards_of_a_flag_are_asked_about_a_segment_it_may_go_back_to(world: World):
    make_segment(world.max.at())
    make_flag(world.max.at(), on=True)
    submit(world.max.at(), FLAG, asking_for("beta"))
    submit(world.max.at(), FLAG, RemoveRule("r1"))
    make_team(world, "growth", world.rita)
    appoint(world, {"kind": "flag", "key": FLAG, "reviewers": ["growth"]})
    assert isinstance(hold(world.max, "u-666"), Pending)


# --- a segment that goes back


def planted(world: World) -> Change:
    """A version of a segment nobody asked for yet; production is then approved to ask for the next."""
    make_segment(world.max.at())
    make_flag(world.max.at(), on=True)
    ask_for_review(world)
    never_seen = freely(hold(world.max, "u-666"))
    freely(hold(world.max, "u-1", "u-2"))
    reviewed(world, asking_for("beta"))
    return never_seen


def test_a_segment_goes_back_to_what_never_stood_there_with_a_review_only(world: World):
    outcome = back(world.max, "beta", planted(world))
    assert isinstance(outcome, Pending)
    assert held(world) == ("u-1", "u-2")
    approve(world.rita, outcome.change)
    requests.apply(world.max.at(), number_of(outcome.change))
    assert held(world) == ("u-666",)
    assert world.ledger()[-1].action == "segment.rolled_back"


def test_a_segment_goes_back_at_once_to_what_stood_there(world: World):
    planted(world)
    seen = queries.history(world.max.at(), "segment", "beta")[0]
    wrong = hold(world.max, "u-3")
    assert isinstance(wrong, Pending)
    approve(world.rita, wrong.change)
    requests.apply(world.max.at(), number_of(wrong.change))
    assert isinstance(back(world.max, "beta", seen), Applied)
    assert held(world) == ("u-1", "u-2")


def test_a_version_that_became_another_the_moment_it_was_asked_for_never_stood(world: World):
    make_segment(world.max.at())
    make_flag(world.max.at(), on=True)
    ask_for_review(world)
    never_seen = freely(hold(world.max, "u-666"))
    parts = [
        Part(BETA, (SetSegment("user", ("u-2",), (), ()),), 2),
        Part(changes.state(FLAG), (asking_for("beta"),), 1),
    ]
    both = requests.open_request(world.max.at(), parts, comment="together")
    assert isinstance(both, Pending)
    approve(world.rita, both.change)
    requests.apply(world.max.at(), number_of(both.change))
    assert isinstance(back(world.max, "beta", never_seen), Pending)


def test_another_name_alone_makes_no_other_version(world: World):
    make_segment(world.max.at())
    made = queries.history(world.max.at(), "segment", "beta")[0]
    changes.submit(world.max.at(), BETA, [DescribeSegment("Insiders")], expected_version=1)
    make_flag(world.max.at(), on=True)
    submit(world.max.at(), FLAG, asking_for("beta"))
    freely(hold(world.max, "u-3"))
    ask_for_review(world)
    assert isinstance(back(world.max, "beta", made), Applied)
    assert held(world) == ("u-1",)


def test_what_stood_in_one_environment_is_new_in_another(world: World):
    make_segment(world.max.at())
    make_flag(world.max.at(), on=True)
    submit(world.max.at("staging"), FLAG, asking_for("beta"))
    in_staging = freely(hold(world.max, "u-666"))
    freely(hold(world.max, "u-2"))
    submit(world.max.at(), FLAG, asking_for("beta"))
    ask_for_review(world)
    ask_for_review(world, 2, environment="staging")
    outcome = back(world.max, "beta", in_staging)
    assert isinstance(outcome, Pending)
    # Staging has seen it: only production is asked.
    assert outcome.change.approvals_needed == 1


def test_a_segment_seen_through_another_stood_there(world: World):
    make_segment(world.max.at())
    make_segment(world.max.at(), "staff", included=("u-9",))
    make_flag(world.max.at(), on=True)
    unseen = freely(hold(world.max, "u-666"))
    seen = freely(hold(world.max, "u-2"))
    submit(world.max.at(), FLAG, asking_for("staff"))
    freely(hold(world.max, rules=((Clause(None, "in_segment", ("beta",)),),), key="staff"))
    freely(hold(world.max, "u-3"))
    ask_for_review(world)
    assert isinstance(back(world.max, "beta", seen), Applied)
    assert isinstance(back(world.max, "beta", unseen), Pending)


def test_what_never_stood_there_waits_for_the_end_of_a_freeze(world: World):
    never_seen = planted(world)
    policy = changes.Target(EditKind.POLICY, "production")
    frozen = changes.submit(
        world.olivia.at(), policy, [SetReviewRules(1, frozen=True)], expected_version=1
    )
    assert isinstance(frozen, Pending)
    approve(world.rita, frozen.change)
    requests.apply(world.olivia.at(), number_of(frozen.change))
    with pytest.raises(CodeFreeze, match="Production"):
        back(world.max, "beta", never_seen)


def test_stewards_of_a_flag_are_asked_about_what_never_stood_behind_it(world: World):
    make_segment(world.max.at())
    make_flag(world.max.at(), on=True)
    never_seen = freely(hold(world.max, "u-666"))
    seen = freely(hold(world.max, "u-2"))
    submit(world.max.at(), FLAG, asking_for("beta"))
    freely(hold(world.max, "u-3"))
    make_team(world, "growth", world.rita)
    appoint(world, {"kind": "flag", "key": FLAG, "reviewers": ["growth"]})
    outcome = back(world.max, "beta", never_seen)
    assert isinstance(outcome, Pending)
    assert isinstance(back(world.max, "beta", seen), Applied)


def test_whatever_is_written_beside_a_roll_back_is_reviewed_with_it(world: World):
    make_segment(world.max.at())
    make_flag(world.max.at(), on=True)
    submit(world.max.at(), FLAG, asking_for("beta"))
    made = queries.segment(world.max.at(), "beta").definition.to_json()
    freely(hold(world.max, "u-2"))
    ask_for_review(world)
    edits = (RestoreSegment(made, 1), SetSegment("user", ("u-666",), (), ()))
    outcome = changes.submit_all(world.max.at(), [Part(BETA, edits, 2)], comment="Both")
    assert isinstance(outcome, Pending)


# --- a definition that goes back


def test_a_definition_older_than_an_environment_is_new_there(world: World):
    make_flag(world.max.at(), on=True)
    definition = changes.definition(FLAG)
    made = queries.history(world.max.at(), "definition", FLAG)[0]
    changes.submit(
        world.max.at(), definition, [SetClientSide(client_side=True)], expected_version=1
    )
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        environments.create(world.olivia.at(), "asia", "Asia", is_production=True)
        ask_for_review(world, environment="asia")
    stood = queries.history(world.max.at(), "definition", FLAG)[0]
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        more = changes.submit(
            world.max.at(), definition, [AddVariation("maybe", value=True)], expected_version=2
        )
        assert isinstance(more, Pending)
        approve(world.rita, more.change)
        requests.apply(world.max.at(), number_of(more.change))
        unseen = changes.roll_back(world.max.at(), definition, to=made, reason="leaks")
        assert isinstance(unseen, Pending)
        seen = changes.roll_back(world.max.at(), definition, to=stood, reason="leaks")
        assert isinstance(seen, Applied)
