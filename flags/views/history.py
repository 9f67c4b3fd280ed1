"""What became of a flag: who changed what, page by page, and the way back to any of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from accounts.access import Access
from accounts.errors import DomainError, NotFound, NotPermitted
from accounts.permissions import Permission
from accounts.web.place import environment_access
from flags import changes, histories, queries, review
from flags.changes import Target
from flags.drafting import OWN, json_of, load
from flags.edits import EditKind
from flags.histories import HistoryPage, Touch
from flags.models import Change
from flags.views import editing
from flags.views.cards import here
from flags.views.differences import Difference, differences
from flags.views.flag_forms import RollBackForm
from flags.views.frame import flag_frame

# The page that asks why, by what goes back.
WAYS_BACK: Final[Mapping[str, str]] = {
    "state": "flags:roll-back",
    "definition": "flags:roll-back-definition",
    "segment": "flags:roll-back-segment",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of one target, as the history shows it."""

    id: UUID
    kind: str
    at: datetime
    author: str
    status: str
    version: int | None
    sentences: tuple[str, ...]
    differences: list[Difference]
    comment: str
    is_first: bool
    experiments: frozenset[str]
    is_current: bool = False
    way_back: Literal["none", "open", "over"] = "none"
    url: str = ""

    @property
    def is_applied(self) -> bool:
        """Whether it was in force once, and may be brought back."""
        return self.status == Change.Status.APPLIED


@dataclass(frozen=True, slots=True)
class Now:
    """How a target stands: what an entry of its history is compared with."""

    version: int
    document: object
    may_return: bool = True


def entry_of(touch: Touch, key: str) -> Entry:
    """A change of one target in words."""
    target, change = {"kind": touch.kind, "key": key}, touch.change
    part = next(one for one in change.parts if one["target"] == target)
    return Entry(
        id=change.id,
        kind=touch.kind,
        at=change.applied_at or change.created_at,
        author=change.author_label,
        status=change.status,
        version=part["applied_version"],
        sentences=tuple(part["sentences"]),
        differences=differences(part["before"], part["after"]),
        comment=change.comment,
        is_first=part["before"] is None,
        experiments=_experiments(part["after"]),
    )


def _experiments(document: object) -> frozenset[str]:
    rules = document.get("rules", []) if isinstance(document, dict) else []
    return frozenset(rule["experiment"] for rule in rules if rule.get("experiment"))


@require_GET
def history(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Changes of this flag here, and of its definition."""
    access = environment_access(request, **place)
    frame = flag_frame(access, key, "history")
    flag = frame["flag"]
    now = {
        "state": Now(flag.version, flag.own, may_return=not flag.definition.archived),
        "definition": Now(flag.definition_version, flag.definition.to_json()),
    }
    told = told_on_page(request, access, key, now)
    return render(request, "flags/flag_history.html", {**frame, **told})


def told_on_page(
    request: HttpRequest, access: Access, key: str, now: Mapping[str, Now]
) -> dict[str, Any]:
    """The context of a history: its entries, and where older and newer ones are."""
    before, after = (_place(request, name) for name in ("before", "after"))
    page = histories.page(access, list(now), key, before=before, after=after)
    entries = [entry_of(touch, key) for touch in page.touches]
    return {
        "entries": [_with_way_back(access, key, entry, now[entry.kind]) for entry in entries],
        **_turning(page),
    }


def _place(request: HttpRequest, name: str) -> int | None:
    given = request.GET.get(name, "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 16 else None


def _turning(page: HistoryPage) -> dict[str, str]:
    return {
        "older_url": f"?{urlencode({'before': page.older})}" if page.older else "",
        "newer_url": f"?{urlencode({'after': page.newer})}" if page.newer else "",
    }


def _with_way_back(access: Access, key: str, entry: Entry, now: Now) -> Entry:
    """What was in force can come back, save the split of an experiment that is over."""
    if not entry.is_applied:
        return entry
    if entry.version == now.version:
        return replace(entry, is_current=True)
    if not now.may_return:
        return entry
    is_over = not entry.experiments <= _experiments(now.document)
    return replace(
        entry,
        way_back="over" if is_over else "open",
        url=here(access, WAYS_BACK[entry.kind], key, entry.id),
    )


# --- the way back


def roll_back(request: HttpRequest, key: str, change_id: UUID, **place: str) -> HttpResponse:
    """Bring back the state a change led to: a new change, with a reason."""
    return _roll_back_flag(request, changes.state(key), change_id, place)


def roll_back_definition(
    request: HttpRequest, key: str, change_id: UUID, **place: str
) -> HttpResponse:
    """Bring back the definition a change led to, in every environment."""
    return _roll_back_flag(request, changes.definition(key), change_id, place)


def _roll_back_flag(
    request: HttpRequest, target: Target, change_id: UUID, place: Mapping[str, str]
) -> HttpResponse:
    access = environment_access(request, **place)
    return go_back(
        request,
        access,
        target,
        change_id,
        template="flags/roll_back.html",
        done=here(access, "flags:detail", target.key),
        cancel=here(access, "flags:history", target.key),
        frame=lambda: flag_frame(access, target.key, "history"),
    )


def go_back(  # noqa: PLR0913 - what differs between a flag's page and a segment's
    request: HttpRequest,
    access: Access,
    target: Target,
    change_id: UUID,
    *,
    template: str,
    done: str,
    cancel: str,
    frame: Callable[[], Mapping[str, Any]],
) -> HttpResponse:
    """Show what would come back and ask why; with a reason, bring it back."""
    access.require(Permission.ROLL_BACK)
    to = queries.change(access, change_id)
    form = RollBackForm(request.POST if request.method == "POST" else None)
    status = 422 if form.is_bound else 200
    if form.is_bound and form.is_valid():
        try:
            outcome = changes.roll_back(access, target, to=to, reason=form.cleaned_data["reason"])
        except (NotFound, NotPermitted):
            raise
        except DomainError as error:
            form.refuse(error)
            status = error.status
        else:
            editing.tell(request, outcome)
            return editing.see_other(done)
    context = {**frame(), **_asked(access, target, to), "form": form, "cancel_url": cancel}
    return render(request, template, context, status=status)


def _asked(access: Access, target: Target, to: Change) -> dict[str, Any]:
    """The change gone back to, and what would differ then from now."""
    edit = changes.way_back(access, target, to)
    was = dict(edit.state)
    now = json_of(target.kind, load(access, target).document)
    if target.kind == EditKind.DEFINITION:
        # They stay as they are (RestoreDefinition).
        was["tags"] = now["tags"]
    return {
        "change": entry_of(Touch(0, str(target.kind), to), target.key),
        "differences": differences(now, was),
        "is_shared": target.kind not in OWN,
        "forecast": review.forecast_return(access, target.kind, target.key, edit),
    }
