"""Forms that save into a request: which one, as it stood when they were opened."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.access import Access
from accounts.errors import InvalidInput, NotFound
from flags import docket, requests
from flags.changes import Part, StaleVersion, Target
from flags.drafting import draft, is_same_json, parts_of
from flags.models import Change
from flags.models.change import WAITING
from flags.queries import FlagInEnvironment
from flags.standing import at, closed, current_version


@dataclass(frozen=True, slots=True)
class Opened:
    """A request as it stands, and the revision of it that the person saw. Written `12@3`."""

    change: Change
    revision: int

    def __str__(self) -> str:
        return f"{self.number}@{self.revision}"

    @property
    def number(self) -> int:
        return int(self.change.number or 0)

    def part_on(self, target: Target) -> dict[str, Any] | None:
        """What the request says about a target, as it is kept."""
        named = {"kind": str(target.kind), "key": target.key}
        return next((one for one in self.change.parts if one["target"] == named), None)

    def anew(self, access: Access) -> "Opened":
        """The same request at its newest revision, which the person is about to be told."""
        change = docket.request(access, self.number)
        return Opened(change, change.revision)


def of_form(request: HttpRequest, access: Access) -> Opened | None:
    """The request a form saves into, if it was opened in one.

    A link names the request alone, `?in=12`: the form shows what it says now and keeps that
    revision in its field `in`, which comes back with whatever was typed.
    """
    asked = request.POST["in"] if "in" in request.POST else request.GET.get("in", "")
    if not asked:
        return None
    found = read(access, asked)
    if request.method == "POST":
        return found
    if found.change.status not in {*WAITING, Change.Status.DRAFT}:
        raise closed(found.change)
    return replace(found, revision=found.change.revision)


def read(access: Access, text: str) -> Opened:
    """The request that `12@3` names; without a revision, nobody has seen any."""
    number, _at, revision = text.partition("@")
    change = docket.request(access, _whole(number))
    if change.environment_id not in {None, access.environment.pk}:
        raise NotFound("That request is about another environment.")
    return Opened(change, _whole(revision) if revision else 0)


def _whole(text: str) -> int:
    if not (text.isdecimal() and text.isascii()) or len(text) > 9:
        raise NotFound("There is no such request.")
    return int(text)


def as_requested(
    flag: FlagInEnvironment, opened: Opened | None, target: Target
) -> FlagInEnvironment:
    """A flag as the request would leave it, to be edited further there; without one, as it is."""
    part = opened.part_on(target) if opened else None
    return replace(flag, own=part["after"], version=part["base_version"]) if part else flag


def add(access: Access, opened: Opened, part: Part, comment: str) -> Change:
    """Put a part into the request: a new revision, if it still says what the person saw.

    What says nothing new makes none: approvals given so far count on.
    """
    change, seen = opened.change, opened.revision
    requests.same_revision(change, seen)
    parts = with_part(parts_of(change.parts), part)
    try:
        if _says_it_already(access, opened, parts, part.target):
            return change
        return requests.revise(
            access, opened.number, parts, expected_revision=seen, comment=comment
        )
    except StaleVersion as stale:
        # The form itself may be what is old: that is told beside its fields.
        if current_version(access, part) == part.expected_version or part not in parts:
            raise InvalidInput(
                _("#%(number)s starts from an older version.") % {"number": opened.number},
                hint=_("Merge it on its page first, then add to it."),
            ) from stale
        raise


def _says_it_already(access: Access, opened: Opened, parts: Sequence[Part], target: Target) -> bool:
    stored = opened.part_on(target)
    if stored is None:
        return False
    longer = next(one for one in parts if one.target == target)
    return is_same_json(draft(at(access, opened.change), longer).after_json, stored["after"])


def with_part(parts: Sequence[Part], new: Part) -> list[Part]:
    """The parts with one more; edits of a target that is among them follow those it has."""
    for place, part in enumerate(parts):
        if part.target == new.target:
            if new.expected_version < part.expected_version:
                raise StaleVersion(
                    new.target.key, expected=new.expected_version, actual=part.expected_version
                )
            longer = replace(part, edits=(*part.edits, *new.edits))
            return [*parts[:place], longer, *parts[place + 1 :]]
    return [*parts, new]
