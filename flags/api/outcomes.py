"""How what came of a change is answered, how edits are read, what all histories share."""

from typing import Any, Final

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.access import Access
from accounts.api import frame
from accounts.api.frame import PageQuery
from flags import changes, edits, histories, queries
from flags.api.schema import INTERNAL
from flags.api.serializers import AppliedOut, ChangeLineOut, PendingOut, RollBackIn, UnchangedOut
from flags.changes import Applied, Outcome, Pending, Target
from flags.edits import Edit, InvalidEdit

NOW: Final = PolymorphicProxySerializer(
    component_name="Outcome",
    serializers=[AppliedOut, UnchangedOut],
    resource_type_field_name=None,
)
# Digits of a place in a history.
LONGEST_PLACE: Final = 15
# What any change may be answered with.
CHANGED: Final[dict[int, Any]] = {200: NOW, 202: PendingOut}
CREATED: Final[dict[int, Any]] = {201: AppliedOut, 202: PendingOut}


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """An outcome, in the words of REST."""
    if isinstance(outcome, Applied):
        return dict(AppliedOut({"status": "applied", "outcome": outcome}).data)
    if isinstance(outcome, Pending):
        return dict(PendingOut({"status": outcome.change.status, "outcome": outcome}).data)
    return dict(UnchangedOut({"status": "unchanged", "outcome": outcome}).data)


def status_of(outcome: Outcome | None, *, applied: int = status.HTTP_200_OK) -> int:
    """202 while the change waits for review."""
    return status.HTTP_202_ACCEPTED if isinstance(outcome, Pending) else applied


def answer(outcome: Outcome, *, applied: int = status.HTTP_200_OK) -> Response:
    """What came of a change; the new version travels as the ETag too."""
    version = None if isinstance(outcome, Pending) else outcome.version
    headers = {"ETag": f'"{version}"'} if version is not None else None
    return Response(outcome_json(outcome), status_of(outcome, applied=applied), headers=headers)


def read_edits(given: object) -> tuple[Edit, ...]:
    """Edits as posted. What only roll backs may do is refused: it would pass by the review."""
    found = edits.parse_all(given)
    for index, edit in enumerate(found):
        if edit.name in INTERNAL:
            raise InvalidEdit(
                f"{edit.name!r} cannot be sent",
                where=f"edits[{index}]",
                hint="Roll back to an earlier change instead.",
            )
    return found


def roll_back(request: Request, access: Access, target: Target) -> Response:
    """Bring a target back to what the change named left of it."""
    expected = frame.expected_version(request)
    given = frame.body(request, RollBackIn)
    to = queries.change(access, given["change"])
    outcome = changes.roll_back(
        access, target, to=to, reason=given["reason"], expected_version=expected
    )
    return answer(outcome)


def history(request: Request, access: Access, kind: str, key: str) -> Response:
    """A page of a target's changes, newest first."""
    asked = frame.query(request, PageQuery)
    limit = asked["limit"]
    before = _place(asked["cursor"])
    found = histories.page(access, [kind], key, before=before, size=limit)
    more = frame.cursor_of(found.older) if found.older else None
    told = ChangeLineOut([touch.change for touch in found.touches], many=True)
    return Response({"items": told.data, "next": more})


def _place(cursor: str) -> int | None:
    if not cursor:
        return None
    given = frame.place_of(cursor)
    if not given.isascii() or not given.isdecimal() or len(given) > LONGEST_PLACE:
        raise frame.bad_cursor()
    return int(given)
