"""Verbs on the environments of a project: made, named, colored, ordered, archived and brought back."""

from collections.abc import Sequence
from typing import Final

from django.db.models import Max
from django.utils import timezone

from accounts import keepers
from accounts.access import Access
from accounts.actions import organizations
from accounts.errors import (
    AlreadyExists,
    DomainError,
    InvalidInput,
    NotFound,
    NotPermitted,
    ReasonMissing,
)
from accounts.models import Environment
from accounts.permissions import Permission
from accounts.verbs import Recorded, verb

MOST: Final = 30
PLUM: Final = Environment.Color.PLUM


class CannotArchive(DomainError):
    """Something needs this environment as it is."""

    code = "cannot_archive"
    status = 409
    hint = "Settle what is named here first, then try again."


class PastReview(NotPermitted):
    """Others have a say in what is served here, and this would ask none of them."""

    hint = (
        "Ask somebody who may bypass review here, or have what is named lifted first: a freeze by an"
        " admin, a review policy by a change that is approved."
    )


@verb(Permission.MANAGE_PROJECT)
def create(
    access: Access, key: str, name: str, *, color: str = "", is_production: bool = False
) -> Recorded[Environment]:
    """Make an environment, last in order. Every flag is off there."""
    organizations.check_key(key)
    rows = Environment.objects.within(access.project)
    if rows.filter(key=key).exists():
        raise AlreadyExists(f"There is an environment {key} already, perhaps in the archive.")
    if rows.count() >= MOST:
        raise InvalidInput(f"A project has at most {MOST} environments, archived ones included.")
    last = rows.aggregate(last=Max("position"))["last"]
    made = Environment.objects.create(
        project=access.project,
        key=key,
        name=organizations.checked_name(name),
        color=_fit(color or (PLUM if is_production else "gray"), is_production=is_production),
        is_production=is_production,
        position=0 if last is None else last + 1,
    )
    keepers.opened(made)
    return Recorded(made, "environment.created", key, after=_told(made))


@verb(Permission.MANAGE_PROJECT)
def describe(
    access: Access,
    key: str,
    *,
    name: str | None = None,
    color: str | None = None,
    keeps_contexts: bool | None = None,
) -> Recorded[Environment]:
    """Give an environment another name or color, or let it keep sampled contexts or none."""
    found = _locked(access, key)
    before = _told(found)
    if name is not None:
        found.name = organizations.checked_name(name)
    if color is not None:
        found.color = _fit(color, is_production=found.is_production)
    if keeps_contexts is not None:
        found.keeps_contexts = keeps_contexts
    found.save(update_fields=["name", "color", "keeps_contexts"])
    return Recorded(found, "environment.described", key, before, _told(found))


@verb(Permission.MANAGE_PROJECT)
def reorder(access: Access, keys: Sequence[str]) -> Recorded[list[Environment]]:
    """Put the environments that are in use in this order; archived ones follow."""
    rows = list(Environment.objects.within(access.project).select_for_update(no_key=True))
    by_key = {row.key: row for row in rows}
    living = [row.key for row in rows if row.archived_at is None]
    if sorted(keys) != sorted(living):
        raise InvalidInput(
            "The order must name each environment in use once.",
            hint="Reload the page: one may have been added or archived.",
            where="keys",
        )
    archived = [row.key for row in rows if row.archived_at is not None]
    for position, key in enumerate([*keys, *archived]):
        by_key[key].position = position
        by_key[key].save(update_fields=["position"])
    ordered = [by_key[key] for key in keys]
    return Recorded(ordered, "environment.reordered", access.project.key, living, list(keys))


@verb(Permission.MANAGE_PROJECT)
def archive(access: Access, key: str, *, reason: str = "") -> Recorded[Environment]:
    """Take an environment out of use: no changes, no SDK; its history stays readable.

    SDKs go on answering with what they hold; their sockets are closed within seconds. No change
    request can ask for that, so where a change would wait, only a bypass of review archives.
    """
    found = _locked(access, key)
    if found.archived_at is not None:
        raise CannotArchive(f"{found.name} is archived already.", hint="There is nothing to do.")
    others = Environment.objects.within(access.project).filter(archived_at=None)
    if not others.exclude(pk=found.pk).exists():
        raise CannotArchive(
            f"{found.name} is the last environment in use.", hint="Make another one first."
        )
    heard = keepers.objections(found)
    if heard:
        raise CannotArchive(" ".join(heard), objections=heard)
    after = _past_review(access, found, "archived", reason)
    found.archived_at = timezone.now()
    found.save(update_fields=["archived_at"])
    return Recorded(found, "environment.archived", key, "in use", after, reason)


@verb(Permission.MANAGE_PROJECT)
def unarchive(access: Access, key: str, *, reason: str = "") -> Recorded[Environment]:
    """Bring an environment back; its keys work again, and it is served what the project says now.

    During a freeze of its own that too takes a bypass of review.
    """
    found = _locked(access, key)
    if found.archived_at is None:
        raise InvalidInput(f"{found.name} is in use.")
    after = _past_review(access, found, "in use", reason)
    found.archived_at = None
    found.save(update_fields=["archived_at"])
    keepers.opened(found)
    return Recorded(found, "environment.unarchived", key, "archived", after, reason)


def _past_review(access: Access, environment: Environment, becomes: str, reason: str) -> object:
    """What the ledger says it becomes; refuses whoever may not go past those who have a say."""
    asking = keepers.reviews(environment)
    if not asking:
        return becomes
    heard = " ".join(asking)
    if not access.may(Permission.BYPASS_REVIEW):
        raise PastReview(
            f"{heard} You may not bypass review in {access.project.name}.",
            permission=str(Permission.BYPASS_REVIEW),
        )
    if not reason.strip():
        raise ReasonMissing(f"{heard} Going past that asks for a reason.")
    told = [one.rstrip(".") for one in asking]
    sentences = [f"Now {becomes}, past review", *told]
    return {"status": becomes, "bypassed": True, "sentences": sentences}


def _locked(access: Access, key: str) -> Environment:
    """The environment. All of the project's are locked: of two, only one may be the last to go.

    Not against foreign keys (`no_key`): a change under way names its environment, and would wait
    for us while we wait for its snapshot head.
    """
    rows = Environment.objects.within(access.project).select_for_update(of=("self",), no_key=True)
    for row in rows.select_related("project__organization").order_by("pk"):
        if row.key == key:
            found: Environment = row
            return found
    raise NotFound(f"There is no environment {key} in {access.project.name}.")


def _fit(color: str, *, is_production: bool) -> str:
    if color not in Environment.Color.values:
        known = ", ".join(Environment.Color.values)
        raise InvalidInput(f"{color!r} is no color.", hint=f"Use {known}.", where="color")
    if is_production and color != PLUM:
        raise InvalidInput(
            "Production is plum, so that everybody knows it at a glance.",
            hint="Leave the color as it is.",
            where="color",
        )
    if not is_production and color == PLUM:
        raise InvalidInput(
            "Plum is kept for production.", hint="Choose another color.", where="color"
        )
    return color


def _told(environment: Environment) -> dict[str, object]:
    return {
        "name": environment.name,
        "color": environment.color,
        "is_production": environment.is_production,
        "keeps_contexts": environment.keeps_contexts,
    }
