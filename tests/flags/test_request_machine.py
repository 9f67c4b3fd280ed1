"""Any sequence of requests, reviews, merges, schedules, bypasses and roll backs, beside a plain book.

Nothing nobody approved is ever served, nothing approved is lost, all of a request lands or none,
versions have no gaps, and the ledger holds.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from accounts.errors import InvalidInput, NotPermitted
from accounts.permissions import Role
from flags import changes, docket, requests, schedules
from flags.changes import Applied, Pending, StaleVersion, Unchanged
from flags.models import Change
from flags.requests import BaseMoved, MergeConflict, RequestClosed, RevisionChanged
from flags.review import CodeFreeze
from tests.flags.requests.book import Asked, State
from tests.flags.requests.machine import DAWN, Draw, Ground, now_and_then
from tests.flags.requests.wishes import (
    FLAGS,
    OTHER,
    SEGMENT,
    TARGETS,
    parts_for,
    small_wishes,
    target_of,
    wishes,
)
from tests.world.cast import World
from tests.world.factories import add_rule, make_flag, make_rule, make_segment
from tests.world.ground import tries
from wayfork.engine import Clause

EDITORS = ("max", "rita", "ada")
REVIEWERS = ("rita", "ada", "olivia")
editors = st.sampled_from(EDITORS)
reviewers = st.sampled_from(REVIEWERS)


WAYS = ("submit", "ask", "apply when approved")
WORDS = ("approve", "approve", "request_changes", "reject")
# How often each act comes in turn; those below need a request that waits.
ON_A_REQUEST = {
    "everybody_approves": 6,
    "apply": 6,
    "merge": 5,
    "review": 4,
    "revise": 3,
    "schedule": 3,
    "bypass": 1,
    "unschedule": 1,
    "withdraw": 1,
}
ANY_TIME = {
    "propose": 8,
    "bypass_at_once": 4,
    "the_clock_rings": 5,
    "roll_back": 2,
    "kill": 1,
    "apply_again": 1,
    "rita_may_review_or_not": 1,
    "max_may_edit_or_not": 1,
}
ACTS = [name for name, often in (ON_A_REQUEST | ANY_TIME).items() for _ in range(often)]


class Requests(Ground):
    """People asking, approving, applying; and the book's word on what must come of it."""

    @initialize(data=st.data(), needed=st.sampled_from((1, 1, 2)))
    def begin(self, data: st.DataObject, needed: int) -> None:
        self.production_asks_for_review_and_freezes_now_and_then(needed)
        for _ in range(2):
            self.propose(data.draw)

    @rule(data=st.data(), name=st.sampled_from(ACTS))
    def act(self, data: st.DataObject, name: str) -> None:
        """One rule that chooses, not one rule for each act: Hypothesis leaves out half of all
        rules in each example, and few stories are told without a proposal."""
        is_possible = name in ANY_TIME or self.book.waiting
        getattr(self, name if is_possible else "propose")(data.draw)

    # --- what people write

    def propose(self, draw: Draw) -> None:
        who, given, way = draw(editors), draw(wishes), draw(st.sampled_from(WAYS))
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

    def revise(self, draw: Draw) -> None:
        number, one = self.pick(draw, self.book.is_approved)
        who, given, late = draw(editors), draw(wishes), draw(now_and_then)
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

    def merge(self, draw: Draw) -> None:
        if not any(self.book.is_stale(self.book.asked[number]) for number in self.book.waiting):
            self.bypass_at_once(draw)
            return
        (number, one), who = self.pick(draw, self.book.is_stale), draw(editors)

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

    def withdraw(self, draw: Draw) -> None:
        (number, one), who = self.pick(draw), draw(editors)

        def act() -> Change:
            return requests.withdraw(self.at(who), number)

        # What is one's own one takes back, whatever else one may still do.
        if who != "ada" and who not in one.writers:
            self.refused(NotPermitted, act)
        else:
            act()
            one.status = "withdrawn"

    # --- what others say

    def review(self, draw: Draw) -> None:
        number, one = self.pick(draw)
        who, word, stale = draw(reviewers), draw(st.sampled_from(WORDS)), draw(now_and_then)
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
        is_new = one.words.get(who) != "approve"
        if is_new and self.book.is_stale(one):
            self.refused(BaseMoved, act)
            return
        outcome = act()
        one.words[who] = "approve"
        is_ready = one.is_to_apply and one.due is None and self.book.is_approved(one)
        if is_new and is_ready and self.book.apply_by_itself(one, one.author):
            assert isinstance(outcome, Applied)
            self.note(number, list(one.parts))
        else:
            assert isinstance(outcome, Pending)

    def everybody_approves(self, draw: Draw) -> None:
        self.everybody_approves_of(*self.pick(draw, self.book.wants_approval))

    def everybody_approves_of(self, number: int, one: Asked) -> None:
        for who in REVIEWERS:
            if one.is_waiting and self.book.may_review(who, one):
                access = self.at(who)
                content = docket.request(access, number).content_hash
                self.approve(
                    number,
                    one,
                    who,
                    partial(requests.approve, access, number, content_hash=content),
                )

    # --- what comes of it

    def apply(self, draw: Draw) -> None:
        (number, one), who = self.pick(draw, self.book.is_approved), draw(editors)
        if not draw(now_and_then):
            self.everybody_approves_of(number, one)
            if not one.is_waiting:
                return

        def act() -> Any:
            return requests.apply(self.at(who), number)

        refusal = self.book.refusal(one, who)
        if refusal is None:
            assert isinstance(act(), Applied)
            self.book.land(one.parts)
            self.note(number, list(one.parts))
            one.status = "applied"
        elif refusal is StaleVersion and not self.book.moved(one):
            assert isinstance(act(), Unchanged)
            one.status = "superseded"
        else:
            self.refused(refusal, act)

    def apply_again(self, draw: Draw) -> None:
        """What has come to its end stays as it is."""
        ended = [number for number, one in self.book.asked.items() if not one.is_waiting]
        if not ended:
            return
        number, access = draw(st.sampled_from(ended)), self.at(draw(editors))
        if self.book.asked[number].status == "applied":
            again = requests.apply(access, number)
            assert isinstance(again, Applied)
            assert again.published == ()
        else:
            self.refused(RequestClosed, lambda: requests.apply(access, number))

    def schedule(self, draw: Draw) -> None:
        number, one = self.pick(draw)
        who, hours = draw(editors), draw(st.integers(1, 3))
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

    def unschedule(self, draw: Draw) -> None:
        (number, one), who = self.pick(draw, lambda one: one.due is not None), draw(editors)
        if not self.book.may_edit(who):
            self.refused(NotPermitted, lambda: requests.unschedule(self.at(who), number))
        else:
            requests.unschedule(self.at(who), number)
            if one.due is not None:
                one.due, one.by, one.is_refused = None, "", False

    def the_clock_rings(self, draw: Draw) -> None:
        if self.book.waiting and not self.book.scheduled and not draw(now_and_then):
            self.schedule(draw)
        later = [-(-(due - self.book.minute) // 60) for due in self.book.scheduled]
        self.book.minute += 60 * draw(st.sampled_from([*later, *later, 1, 2]))
        self.time.move_to(DAWN + timedelta(minutes=self.book.minute))
        for change_id in schedules.due():
            schedules.apply_due(change_id)
        for number in self.book.due():
            one = self.book.asked[number]
            if self.book.apply_by_itself(one, one.by):
                self.note(number, list(one.parts))

    # --- ways that ask nobody

    def bypass(self, draw: Draw) -> None:
        (number, one), who = self.pick(draw), draw(st.sampled_from(("max", "ada", "ada")))

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

    def bypass_at_once(self, draw: Draw) -> None:
        given = draw(small_wishes)
        parts, made = parts_for(self.book, given), self.book.made(given)
        outcome = changes.bypass_all(self.at("ada"), parts, reason="fire")
        if not made:
            assert isinstance(outcome, Unchanged)
            return
        assert isinstance(outcome, Applied)
        self.book.land(made)
        self.keep(outcome.change, Asked(made, "ada", status="applied"))
        self.note(outcome.change, list(made))

    def kill(self, draw: Draw) -> None:
        who, key = draw(editors), draw(st.sampled_from(FLAGS))
        state = {**self.book.served[key], "enabled": False}
        self.at_once(who, key, state, lambda: changes.kill(self.at(who), key, reason="fire"))

    def roll_back(self, draw: Draw) -> None:
        keys = [key for key in TARGETS if self.landed[key]]
        if not keys:
            self.kill(draw)
            return
        who, key = draw(editors), draw(st.sampled_from(keys))
        source, state = draw(st.sampled_from(self.landed[key]))
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

    def rita_may_review_or_not(self, _draw: Draw) -> None:
        self.book.without_a_say ^= {"rita"}
        self.give("rita", Role.EDITOR if "rita" in self.book.without_a_say else Role.REVIEWER)

    def max_may_edit_or_not(self, _draw: Draw) -> None:
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
            max_examples=tries(),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
