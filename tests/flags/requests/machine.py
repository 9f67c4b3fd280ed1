"""The ground of the request machine: a sandbox with a clock, a book, and what must always be true."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant

from accounts import proofs
from accounts.access import Access
from accounts.models import ProjectRole
from accounts.permissions import Role
from flags import docket, requests
from flags.drafting import parts_of
from flags.models import Change, Review, Snapshot
from flags.models.state import FlagRow, Segment
from flags.standing import authors_of
from tests.flags.requests.book import DAY, FROZEN, Asked, Book, State
from tests.flags.requests.steps import FLAG, ask_for_review
from tests.flags.requests.wishes import FLAGS, OTHER, SEGMENT, TARGETS, seen, served_by
from tests.world.cast import World

# How an act chooses.
Draw = Callable[[st.SearchStrategy[Any]], Any]
now_and_then = st.sampled_from((False, False, False, False, True))
PLACES = ("production", "staging", "development")
DAWN = datetime(2031, 6, 2, tzinfo=UTC)


class Ground(RuleBasedStateMachine):
    """What the rules stand on."""

    world: World

    def __init__(self) -> None:
        super().__init__()
        self.sandbox = transaction.atomic()
        self.sandbox.__enter__()
        self.clock = time_machine.travel(DAWN, tick=False)
        self.time = self.clock.start()
        self.tickets: dict[str, Access] = {}
        self.known: dict[int, tuple[Any, ...]] = {}
        self.book = Book(
            served={
                FLAG: {"enabled": False, "off": "off", "fallthrough": "on"},
                OTHER: {"enabled": False, "off": "off", "fallthrough": "on", "share": 50_000},
                SEGMENT: {"included": ("ann",), "excluded": ()},
            },
            versions={FLAG: 0, OTHER: 1, SEGMENT: 1},
        )
        # How often the segment changed: other environments hear of nothing else.
        self.shared = 0
        # What production served after each landing, and by which change, or request, it came.
        self.told: list[dict[str, State]] = []
        self.landed: dict[str, list[tuple[Change | int, State]]] = {key: [] for key in TARGETS}
        self.first = {place: self.newest(place).version for place in PLACES}

    def teardown(self) -> None:
        try:
            self.every_version_was_due()
            self.requests_stand_where_the_book_says(list(self.book.asked))
            assert proofs.prove(self.world.organization).problem == ""
            assert proofs.check_index(self.world.organization) == ""
        finally:
            self.clock.stop()
            transaction.set_rollback(True)
            self.sandbox.__exit__(None, None, None)

    def production_asks_for_review_and_freezes_now_and_then(self, needed: int) -> None:
        begin, end = (timedelta(hours=hour) for hour in FROZEN)
        days = [DAWN + timedelta(hours=DAY * number) for number in range(12)]
        windows = [
            {"from": (day + begin).isoformat(), "to": (day + end).isoformat()} for day in days
        ]
        ask_for_review(self.world, needed, freezes=tuple(windows))
        self.book.needed = needed

    def at(self, who: str) -> Access:
        """This person's ticket; a new one whenever rights have changed."""
        if who not in self.tickets:
            self.tickets[who] = getattr(self.world, who).at()
        return self.tickets[who]

    def newest(self, place: str = "production") -> Snapshot:
        found: Snapshot = Snapshot.objects.within(getattr(self.world, place)).latest("version")
        return found

    def pick(
        self, draw: Draw, best: Callable[[Asked], bool] = lambda _one: True
    ) -> tuple[int, Asked]:
        """A request that waits, most often one of those the act is meant for."""
        numbers = sorted(self.book.waiting)
        meant = [number for number in numbers if best(self.book.asked[number])]
        number = draw(st.sampled_from(meant if meant and not draw(now_and_then) else numbers))
        return number, self.book.asked[number]

    def note(self, source: Change | int, keys: list[str]) -> None:
        """Something has come into force; the book knows it already."""
        self.told.append(self.book.served)
        self.shared += SEGMENT in keys
        for key in keys:
            self.landed[key].append((source, self.book.served[key]))

    def refused(self, refusal: type[Exception], act: Callable[[], Any]) -> None:
        with pytest.raises(refusal):
            act()

    def keep(self, change: Change, one: Asked) -> None:
        assert change.number == len(self.book.asked) + 1
        self.book.asked[change.number] = one

    def give(self, who: str, role: Role) -> None:
        roles = ProjectRole.objects.within(self.world.project)
        roles.filter(membership__user=getattr(self.world, who).user).update(role=role)
        self.tickets.clear()

    # --- what is true after each step

    @invariant()
    def what_is_served_was_approved_and_nothing_approved_is_lost(self) -> None:
        newest = self.newest()
        assert newest.version == self.first["production"] + len(self.told)
        assert served_by(newest) == self.book.served
        rows = FlagRow.objects.within(self.world.production)
        versions = dict.fromkeys(FLAGS, 0) | dict(rows.values_list("flag__key", "version"))
        versions[SEGMENT] = Segment.objects.within(self.world.project).get(key=SEGMENT).version
        assert versions == self.book.versions

    @invariant()
    def what_waits_stands_where_the_book_says(self) -> None:
        """Asked where the book has something new to say; at the end all of them are asked."""
        said = {number: self.said(self.book.asked[number]) for number in self.book.waiting}
        self.requests_stand_where_the_book_says(
            [number for number, told in said.items() if self.known.get(number) != told]
        )
        self.known = said

    def said(self, one: Asked) -> tuple[Any, ...]:
        """What decides about a request that waits: by the book, for Ada."""
        refusal = self.book.refusal(one, "ada")
        due = None if one.due is None else DAWN + timedelta(minutes=one.due)
        by_itself = due, one.is_to_apply, one.is_refused
        return self.book.is_approved(one), self.book.is_stale(one), refusal is None, *by_itself

    def requests_stand_where_the_book_says(self, numbers: list[int]) -> None:
        access = self.at("ada")
        for number in numbers:
            one, found = self.book.asked[number], docket.request(access, number)
            waiting = found.status in {"open", "approved", "changes_requested"}
            assert waiting if one.is_waiting else found.status == one.status, (number, one)
            assert found.revision == one.revision
            after = {part["target"]["key"]: part["after"] for part in found.parts}
            results = {key: part.result for key, part in one.parts.items()}
            assert {key: seen(key, given) for key, given in after.items()} == results, number
            if one.is_waiting:
                now = requests.standing(access, found)
                told = (
                    *(now.is_ready, now.is_stale, now.may_apply),
                    *(found.scheduled_for, found.apply_when_approved),
                    bool(found.schedule_problem),
                )
                assert told == self.said(one), (number, one, now.missing, now.why_not_apply)

    def every_version_was_due(self) -> None:
        """Versions without gaps, each with what the book says, and each approved or past review
        by right: told from the rows alone."""
        for place in PLACES:
            rows = Snapshot.objects.within(getattr(self.world, place)).order_by("version")
            more = len(self.told) if place == "production" else self.shared
            found = list(rows.values_list("version", flat=True))
            assert found == list(range(1, self.first[place] + more + 1)), place
        here = Snapshot.objects.within(self.world.production).select_related("change")
        landed = here.filter(version__gt=self.first["production"]).order_by("version")
        for row, told in zip(landed, self.told, strict=True):
            assert served_by(row) == told
            assert row.change is not None
            assert self.was_due(row.change), row.change.parts

    def was_due(self, change: Change) -> bool:
        if change.bypassed:
            return True
        if change.number is None:
            return all(edit.urgent for part in parts_of(change.parts) for edit in part.edits)
        words = Review.objects.within(self.world.project).filter(
            change=change, content_hash=change.content_hash, verdict=Review.Verdict.APPROVE
        )
        others = set(words.values_list("reviewer", flat=True)) - authors_of(change)
        return len(others) >= self.book.needed
