"""How what came of a change is answered, and how edits are read."""

from typing import Any, Final

from drf_spectacular.utils import PolymorphicProxySerializer
from rest_framework import status
from rest_framework.response import Response

from flags import edits
from flags.api.schema import INTERNAL
from flags.api.serializers import AppliedOut, PendingOut, UnchangedOut
from flags.changes import Applied, Outcome, Pending
from flags.edits import Edit, InvalidEdit

NOW: Final = PolymorphicProxySerializer(
    component_name="Outcome",
    serializers=[AppliedOut, UnchangedOut],
    resource_type_field_name=None,
)
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
