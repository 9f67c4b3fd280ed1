"""Any sequence of requests, reviews, merges, schedules, bypasses and roll backs, beside a plain book.

Nothing nobody approved is ever served, nothing approved is lost, all of a request lands or none,
versions have no gaps, and the ledger holds.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from accounts.errors import InvalidInput, NotPermitted
from accounts.permissions import Role
from flags import changes, docket, requests, schedules
from flags.changes import Applied, Pending, StaleVersion, Unchanged
from flags.models import Change
from flags.requests import MergeConflict, RequestClosed, RevisionChanged
from flags.review import CodeFreeze
from tests.flags.requests.book import Asked, State, Wishes
from tests.flags.requests.machine import DAWN, Ground
from tests.flags.requests.wishes import (
    FLAGS,
    OTHER,
    SEGMENT,
    TARGETS,
    parts_for,
    target_of,
    wishes,
)
from tests.world.cast import World
from tests.world.factories import add_rule, make_flag, make_rule, make_segment
from wayfork.engine import Clause

EDITORS = ("max", "rita", "ada")
REVIEWERS = ("rita", "ada", "olivia")
editors = st.sampled_from(EDITORS)
reviewers = st.sampled_from(REVIEWERS)
flags = st.sampled_from(FLAGS)
now_and_then = st.sampled_from((False, False, False, True))


def some_wait(machine: Any) -> bool:
    return bool(machine.book.waiting)


class Requests(Ground):
    """People asking, approving, applying; and the book's word on what must come of it."""

    # --- what people write

    @rule(who=editors, given=wishes, way=st.sampled_from(("submit", "ask", "apply when approved")))
    def propose(self, who: str, given: Wishes, way: str) -> None:
        parts, access = parts_for(self.book, given), self.at(who)

        def act() -> Any:
            if way == "submit":
                return changes.submit_all(access, parts, comment="please")
            at_once = way == "apply when approved"
            return requests.open_request(
                access, parts, comment="please", apply_when_approved=at_once
            )

        made = self.book.made(given)
        if not self.book.may_edit(who):
            self.refused(NotPermitted, act)
        elif not made:
            assert isinstance(act(), Unchanged)
        elif way == "submit" and self.book.is_frozen:
            self.refused(CodeFreeze, act)
        else:
            outcome = act()
            assert isinstance(outcome, Pending)
            one = Asked(made, who, is_to_apply=way == "apply when approved")
            self.keep(outcome.change, one)

    @precondition(some_wait)
    @rule(data=st.data(), who=editors, given=wishes, late=now_and_then)
    def revise(self, data: st.DataObject, who: str, given: Wishes, *, late: bool) -> None:
        number, one = self.pick(data)
        parts, made = parts_for(self.book, given), self.book.made(given)

        def act() -> Change:
            revision = one.revision - 1 if late else one.revision
            return requests.revise(self.at(who), number, parts, expected_revision=revision)

        if late:
            self.refused(RevisionChanged, act)
        elif not self.book.may_edit(who):
            self.refused(NotPermitted, act)
        elif not made:
            self.refused(InvalidInput, act)
        else:
            act()
            one.say(who, made)

    @precondition(some_wait)
    @rule(data=st.data(), who=editors)
    def merge(self, data: st.DataObject, who: str) -> None:
        number, one = self.pick(data)

        def act() -> Change:
            return requests.rebase(self.at(who), number)

        if not self.book.may_edit(who):
            self.refused(NotPermitted, act)
        elif not self.book.is_stale(one):
            assert act().revision == one.revision
        elif self.book.clashes(one):
            self.refused(MergeConflict, act)
        elif merged := self.book.moved(one):
            act()
            one.say(who, merged)
        else:
            assert act().status == Change.Status.SUPERSEDED
            one.status = "superseded"

    @precondition(some_wait)
    @rule(data=st.data(), who=editors)
    def withdraw(self, data: st.DataObject, who: str) -> None:
        number, one = self.pick(data)

        def act() -> Change:
            return requests.withdraw(self.at(who), number)

        if who != "ada" and (who not in one.writers or not self.book.may_edit(who)):
            self.refused(NotPermitted, act)
        else:
            act()
            one.status = "withdrawn"

    # --- what others say

    @precondition(some_wait)
    @rule(
        data=st.data(),
        who=reviewers,
        word=st.sampled_from(("approve", "approve", "request_changes", "reject")),
        stale=now_and_then,
    )
    def review(self, data: st.DataObject, who: str, word: str, *, stale: bool) -> None:
        number, one = self.pick(data)
        content = "0" * 64 if stale else docket.request(self.at(who), number).content_hash

        def act() -> Any:
            if word == "approve":
                return requests.approve(self.at(who), number, content_hash=content)
            if word == "reject":
                return requests.reject(self.at(who), number, reason="no", content_hash=content)
            return requests.request_changes(
                self.at(who), number, comment="less", content_hash=content
            )

        if stale:
            self.refused(RevisionChanged, act)
        elif not self.book.may_review(who, one):
            self.refused(NotPermitted, act)
        elif word == "approve":
            self.approve(number, one, who, act)
        else:
            act()
            one.words[who] = word
            one.status = "rejected" if word == "reject" else one.status

    def approve(self, number: int, one: Asked, who: str, act: Callable[[], Any]) -> None:
        outcome, is_new = act(), one.words.get(who) != "approve"
        one.words[who] = "approve"
        is_ready = one.is_to_apply and one.due is None and self.book.is_approved(one)
        if is_new and is_ready and self.book.apply_by_itself(one, one.author):
            assert isinstance(outcome, Applied)
            self.note(number, list(one.parts))
        else:
            assert isinstance(outcome, Unchanged if one.status == "superseded" else Pending)

    @precondition(some_wait)
    @rule(data=st.data())
    def everybody_approves(self, data: st.DataObject) -> None:
        number, one = self.pick(data)
        for who in REVIEWERS:
            if one.is_waiting and self.book.may_review(who, one):
                content = docket.request(self.at(who), number).content_hash
                access = self.at(who)

                def act(access: Any = access, content: str = content) -> Any:
                    return requests.approve(access, number, content_hash=content)

                self.approve(number, one, who, act)

    # --- what comes of it

    @precondition(lambda self: bool(self.book.asked))
    @rule(data=st.data(), who=editors, waiting=st.sampled_from((True, True, True, False)))
    def apply(self, data: st.DataObject, who: str, *, waiting: bool) -> None:
        number, one = self.pick(data, waiting=waiting and some_wait(self))

        def act() -> Any:
            return requests.apply(self.at(who), number)

        refusal = self.book.refusal(one, who)
        if one.status == "applied":
            assert act().published == ()
        elif not one.is_waiting:
            self.refused(RequestClosed, act)
        elif refusal is None:
            assert isinstance(act(), Applied)
            self.book.land(one.parts)
            self.note(number, list(one.parts))
            one.status = "applied"
        elif refusal is StaleVersion and not self.book.moved(one):
            assert isinstance(act(), Unchanged)
            one.status = "superseded"
        else:
            self.refused(refusal, act)

    @precondition(some_wait)
    @rule(data=st.data(), who=editors, hours=st.integers(1, 3))
    def schedule(self, data: st.DataObject, who: str, hours: int) -> None:
        number, one = self.pick(data)
        # Each request has a minute of its own, so that their order is known.
        due = self.book.minute + 60 * hours - 59 + number
        moment = DAWN + timedelta(minutes=due)

        def act() -> Change:
            return requests.schedule(self.at(who), number, at=moment)

        if not self.book.may_edit(who):
            self.refused(NotPermitted, act)
        else:
            act()
            one.due, one.by, one.is_refused = due, who, False

    @precondition(some_wait)
    @rule(data=st.data(), who=editors)
    def unschedule(self, data: st.DataObject, who: str) -> None:
        number, one = self.pick(data)
        if not self.book.may_edit(who):
            self.refused(NotPermitted, lambda: requests.unschedule(self.at(who), number))
        else:
            requests.unschedule(self.at(who), number)
            one.due, one.by, one.is_refused = None, "", False

    @rule(hours=st.integers(1, 2))
    def hours_pass_and_the_clock_rings(self, hours: int) -> None:
        self.book.minute += 60 * hours
        self.time.move_to(DAWN + timedelta(minutes=self.book.minute))
        for change_id in schedules.due():
            schedules.apply_due(change_id)
        for number in self.book.due():
            one = self.book.asked[number]
            if self.book.apply_by_itself(one, one.by):
                self.note(number, list(one.parts))

    # --- ways that ask nobody

    @precondition(some_wait)
    @rule(data=st.data(), who=st.sampled_from(("max", "ada", "ada")))
    def bypass(self, data: st.DataObject, who: str) -> None:
        number, one = self.pick(data)

        def act() -> Any:
            return requests.bypass(self.at(who), number, reason="fire")

        if who == "max":
            self.refused(NotPermitted, act)
        elif self.book.is_stale(one):
            self.refused(StaleVersion, act)
        else:
            assert isinstance(act(), Applied)
            self.book.land(one.parts)
            self.note(number, list(one.parts))
            one.status = "applied"

    @rule(given=wishes)
    def bypass_at_once(self, given: Wishes) -> None:
        parts, made = parts_for(self.book, given), self.book.made(given)
        outcome = changes.bypass_all(self.at("ada"), parts, reason="fire")
        if not made:
            assert isinstance(outcome, Unchanged)
            return
        assert isinstance(outcome, Applied)
        self.book.land(made)
        self.keep(outcome.change, Asked(made, "ada", status="applied"))
        self.note(outcome.change, list(made))

    @rule(who=editors, key=flags)
    def kill(self, who: str, key: str) -> None:
        state = {**self.book.served[key], "enabled": False}
        self.at_once(who, key, state, lambda: changes.kill(self.at(who), key, reason="fire"))

    @precondition(lambda self: any(self.landed.values()))
    @rule(data=st.data(), who=editors)
    def roll_back(self, data: st.DataObject, who: str) -> None:
        key = data.draw(st.sampled_from([key for key in TARGETS if self.landed[key]]))
        source, state = data.draw(st.sampled_from(self.landed[key]))
        change = docket.request(self.at("ada"), source) if isinstance(source, int) else source
        self.at_once(
            who,
            key,
            state,
            lambda: changes.roll_back(
                self.at(who), target_of(key), to=change, reason="it was better"
            ),
        )

    def at_once(self, who: str, key: str, state: State, act: Callable[[], Any]) -> None:
        if not self.book.may_edit(who):
            self.refused(NotPermitted, act)
        elif state == self.book.served[key]:
            assert isinstance(act(), Unchanged)
        else:
            outcome = act()
            assert isinstance(outcome, Applied)
            self.book.land(self.book.restored(key, state))
            self.note(outcome.change, [key])

    # --- who may

    @rule()
    def rita_may_review_or_not(self) -> None:
        self.book.without_a_say ^= {"rita"}
        self.give("rita", Role.EDITOR if "rita" in self.book.without_a_say else Role.REVIEWER)

    @rule()
    def max_may_edit_or_not(self) -> None:
        self.book.looking_on ^= {"max"}
        self.give("max", Role.VIEWER if "max" in self.book.looking_on else Role.EDITOR)


def test_whatever_people_ask_and_approve_only_what_was_approved_is_served(world: World):
    variations = {"on": True, "off": False, "spare": True}
    for key in FLAGS:
        make_flag(world.max.at(), key, variations=variations)
    make_segment(world.max.at(), SEGMENT, included=("ann",))
    asks = (Clause(None, "in_segment", (SEGMENT,)),)
    add_rule(world.max.at(), OTHER, make_rule(share=50_000, when=asks))

    class OfThisWorld(Requests):
        pass

    OfThisWorld.world = world
    run_state_machine_as_test(
        OfThisWorld,
        settings=settings(
            max_examples=6,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
