"""Any sequence of requests, reviews, merges, bypasses and roll backs, beside a plain model.

Nothing nobody approved is ever served, nothing approved is lost, versions have no gaps, and the
ledger holds.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts import audit
from accounts.errors import NotPermitted
from accounts.models import ProjectRole
from accounts.permissions import Role
from flags import changes, docket, queries, requests
from flags.changes import Applied, Part, Pending, StaleVersion, Unchanged
from flags.edits import AssignUnits, Edit, SetFallthrough, SetOff, TurnOff, TurnOn
from flags.models import Change, Snapshot
from flags.requests import MergeConflict, NotApproved, RequestClosed, RevisionChanged
from tests.flags.requests.steps import FLAG, ask_for_review, number_of
from tests.world.cast import World
from tests.world.factories import make_flag
from wayfork.engine import FlagState

VARIATIONS = ("on", "off", "spare")
UNITS = ("u-1", "u-2")
EDITORS = ("max", "rita", "ada")
REVIEWERS = ("rita", "ada", "olivia")
State = dict[str, Any]

# A plain edit: what it sets to what.
setting = (
    st.tuples(st.just("enabled"), st.booleans())
    | st.tuples(st.sampled_from(("off", "fallthrough")), st.sampled_from(VARIATIONS))
    | st.tuples(st.sampled_from(UNITS), st.sampled_from(VARIATIONS))
)
settings_ = st.lists(setting, min_size=1, max_size=3)


def edits_of(given: list[tuple[str, Any]]) -> tuple[Edit, ...]:
    """The product's edits for plain ones."""
    return tuple(_edit(name, value) for name, value in given)


def _edit(name: str, value: Any) -> Edit:
    if name == "enabled":
        return TurnOn() if value else TurnOff()
    if name in UNITS:
        return AssignUnits("user", value, (name,))
    return SetOff(value) if name == "off" else SetFallthrough(value)


def led_to(state: State, given: list[tuple[str, Any]]) -> State:
    return {**state, **dict(given)}


def changed(before: State, after: State) -> dict[str, Any]:
    return {name: value for name, value in after.items() if before.get(name) != value}


def seen(state: FlagState) -> State:
    """The product's state in the model's words."""
    return {
        "enabled": state.enabled,
        "off": state.off,
        "fallthrough": state.fallthrough,
        **state.assignments.get("user", {}),
    }


@dataclass
class Asked:
    """A request of the model."""

    given: list[tuple[str, Any]]
    base: State
    version: int
    authors: set[str]
    revision: int = 1
    status: str = "open"
    words: dict[str, str] = field(default_factory=dict)

    @property
    def is_waiting(self) -> bool:
        return self.status == "open"


def has_waiting(machine: Any) -> bool:
    """Some request is under way."""
    return any(one.is_waiting for one in machine.asked.values())


class Requests(RuleBasedStateMachine):
    """People asking, approving, applying; and dictionaries that know what must come of it."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.sandbox = transaction.atomic()
        self.sandbox.__enter__()
        self.served: State = {"enabled": False, "off": "off", "fallthrough": "on"}
        self.version = 0
        self.asked: dict[int, Asked] = {}
        # Changes that can be come back to, and where they led.
        self.landed: list[tuple[Change, State]] = []
        self.published = 1
        self.is_reviewing = True

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.sandbox.__exit__(None, None, None)

    def at(self, who: str) -> Any:
        return getattr(self.world, who).at()

    def pick(self, data: st.DataObject, *, waiting: bool = True) -> tuple[int, Asked]:
        numbers = [n for n, one in self.asked.items() if one.is_waiting or not waiting]
        number = data.draw(st.sampled_from(sorted(numbers)))
        return number, self.asked[number]

    def land(self, outcome: Any, state: State) -> None:
        """Something is in force."""
        assert isinstance(outcome, Applied)
        self.served, self.version = state, self.version + 1
        self.published += 1
        self.landed.append((outcome.change, dict(state)))

    # --- what people do

    @rule(who=st.sampled_from(EDITORS), given=settings_)
    def propose(self, who: str, given: list[tuple[str, Any]]) -> None:
        part = Part(changes.state(FLAG), edits_of(given), self.version)
        outcome = changes.submit_all(self.at(who), [part], comment="please")
        if led_to(self.served, given) == self.served:
            assert isinstance(outcome, Unchanged)
            return
        assert isinstance(outcome, Pending)
        assert number_of(outcome.change) == len(self.asked) + 1
        self.asked[number_of(outcome.change)] = Asked(given, self.served, self.version, {who})

    @precondition(has_waiting)
    @rule(data=st.data(), who=st.sampled_from(EDITORS), given=settings_, late=st.booleans())
    def revise(
        self, data: st.DataObject, who: str, given: list[tuple[str, Any]], *, late: bool
    ) -> None:
        number, one = self.pick(data)
        if led_to(self.served, given) == self.served:
            return
        part = Part(changes.state(FLAG), edits_of(given), self.version)
        revision = one.revision - 1 if late else one.revision

        def act() -> Change:
            return requests.revise(self.at(who), number, [part], expected_revision=revision)

        if late:
            with pytest.raises(RevisionChanged):
                act()
            return
        act()
        self.asked[number] = replace(
            one,
            given=given,
            base=self.served,
            version=self.version,
            authors={*one.authors, who},
            revision=one.revision + 1,
            words={},
        )

    def may_review(self, who: str, one: Asked) -> bool:
        return who not in one.authors and (who != "rita" or self.is_reviewing)

    @precondition(has_waiting)
    @rule(
        data=st.data(),
        who=st.sampled_from(REVIEWERS),
        word=st.sampled_from(("approve", "approve", "request_changes", "reject")),
        stale=st.booleans(),
    )
    def review(self, data: st.DataObject, who: str, word: str, *, stale: bool) -> None:
        number, one = self.pick(data)
        now = docket.request(self.at(who), number)
        content = "0" * 64 if stale else now.content_hash

        def act() -> Any:
            if word == "approve":
                return requests.approve(self.at(who), number, content_hash=content)
            if word == "reject":
                return requests.reject(self.at(who), number, reason="no", content_hash=content)
            return requests.request_changes(
                self.at(who), number, comment="less", content_hash=content
            )

        if stale:
            with pytest.raises(RevisionChanged):
                act()
        elif not self.may_review(who, one):
            with pytest.raises(NotPermitted):
                act()
        else:
            act()
            one.words[who] = word
            one.status = "rejected" if word == "reject" else one.status

    def is_approved(self, one: Asked) -> bool:
        words = [word for who, word in one.words.items() if self.may_review(who, one)]
        return "approve" in words and "request_changes" not in words

    @precondition(lambda self: bool(self.asked))
    @rule(data=st.data(), who=st.sampled_from(EDITORS))
    def apply(self, data: st.DataObject, who: str) -> None:
        number, one = self.pick(data, waiting=False)

        def act() -> Any:
            return requests.apply(self.at(who), number)

        after = led_to(self.served, one.given)
        if one.status == "applied":
            assert act().published == ()
        elif not one.is_waiting:
            with pytest.raises(RequestClosed):
                act()
        elif not self.is_approved(one):
            with pytest.raises(NotApproved):
                act()
        elif one.version == self.version:
            self.land(act(), after)
            one.status = "applied"
        elif after == self.served:
            assert isinstance(act(), Unchanged)
            one.status = "superseded"
        else:
            with pytest.raises(StaleVersion):
                act()

    @precondition(has_waiting)
    @rule(data=st.data(), who=st.sampled_from(EDITORS))
    def merge(self, data: st.DataObject, who: str) -> None:
        number, one = self.pick(data)
        mine = changed(one.base, led_to(one.base, one.given))
        theirs = changed(one.base, self.served)
        after = led_to(self.served, one.given)
        clash = any(name in theirs and theirs[name] != value for name, value in mine.items())
        stray = any(name not in mine for name in changed(self.served, after))
        if one.version != self.version and (clash or stray):
            with pytest.raises(MergeConflict):
                requests.rebase(self.at(who), number)
            return
        found = requests.rebase(self.at(who), number)
        if one.version == self.version:
            assert found.revision == one.revision
        elif after == self.served:
            assert found.status == Change.Status.SUPERSEDED
            one.status = "superseded"
        else:
            one.base, one.version, one.revision = self.served, self.version, one.revision + 1
            one.authors, one.words = {*one.authors, who}, {}

    @precondition(has_waiting)
    @rule(data=st.data(), who=st.sampled_from(("max", "ada")))
    def bypass(self, data: st.DataObject, who: str) -> None:
        number, one = self.pick(data)

        def act() -> Any:
            return requests.bypass(self.at(who), number, reason="fire")

        if who == "max":
            with pytest.raises(NotPermitted):
                act()
        elif one.version != self.version:
            with pytest.raises(StaleVersion):
                act()
        else:
            self.land(act(), led_to(self.served, one.given))
            one.status = "applied"
            assert docket.request(self.at(who), number).bypassed

    @precondition(has_waiting)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        number, one = self.pick(data)
        requests.withdraw(self.at(min(one.authors)), number)
        one.status = "withdrawn"

    @rule(who=st.sampled_from(EDITORS))
    def kill(self, who: str) -> None:
        outcome = changes.kill(self.at(who), FLAG, reason="fire")
        if self.served["enabled"]:
            self.land(outcome, {**self.served, "enabled": False})
        else:
            assert isinstance(outcome, Unchanged)

    @precondition(lambda self: bool(self.landed))
    @rule(data=st.data(), who=st.sampled_from(EDITORS))
    def roll_back(self, data: st.DataObject, who: str) -> None:
        change, state = data.draw(st.sampled_from(self.landed))
        outcome = changes.roll_back(self.at(who), FLAG, to=change, reason="it was better")
        if state == self.served:
            assert isinstance(outcome, Unchanged)
        else:
            self.land(outcome, dict(state))

    @rule()
    def take_or_give_the_right_to_review(self) -> None:
        self.is_reviewing = not self.is_reviewing
        roles = ProjectRole.objects.within(self.world.project)
        rita = roles.filter(membership__user=self.world.rita.user)
        rita.update(role=Role.REVIEWER if self.is_reviewing else Role.EDITOR)

    # --- what is true after each step

    @invariant()
    def what_is_served_was_approved_and_nothing_approved_is_lost(self) -> None:
        snapshot = queries.snapshot(self.world.production)
        assert snapshot is not None
        assert seen(snapshot.flags[FLAG]) == self.served
        assert queries.flag(self.at("max"), FLAG).version == self.version

    @invariant()
    def requests_stand_where_the_model_says(self) -> None:
        for number, one in self.asked.items():
            found = docket.request(self.at("max"), number)
            waiting = found.status in {"open", "approved", "changes_requested"}
            assert waiting if one.is_waiting else found.status == one.status, (number, one)
            assert found.revision == one.revision
            if one.is_waiting:
                now = requests.standing(self.at("max"), found)
                assert now.is_ready == self.is_approved(one), (number, one, now.missing)
                assert now.is_stale == (one.version != self.version)

    @invariant()
    def versions_have_no_gaps(self) -> None:
        rows = Snapshot.objects.within(self.world.production).order_by("version")
        found = list(rows.values_list("version", flat=True))
        assert found == list(range(1, self.published + 1))

    @invariant()
    def the_ledger_holds(self) -> None:
        for before, after in pairwise(self.world.ledger()[-6:]):
            assert after.sequence == before.sequence + 1
            assert after.previous_hash == before.hash
            assert audit.digest(after) == after.hash


def test_whatever_people_ask_and_approve_only_what_was_approved_is_served(world: World):
    variations = {"on": True, "off": False, "spare": True}
    make_flag(world.max.at(), variations=variations)
    ask_for_review(world)

    class OfThisWorld(Requests):
        pass

    OfThisWorld.world = world
    run_state_machine_as_test(
        OfThisWorld,
        settings=settings(
            max_examples=8,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
