"""Who reviews what: the policy of an environment, its freezes, and the stewards of a project."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from accounts.access import Access
from accounts.errors import DomainError, NotFound, NotPermitted
from accounts.models import Environment, Team
from accounts.permissions import Permission
from accounts.web.place import environment_access
from flags import changes, review
from flags.changes import StaleVersion, Target
from flags.edits import EditKind, Freeze, ReviewRules, Steward, Stewards
from flags.views import editing, meanwhile, moments, policy_forms, proposing
from flags.views.cards import here
from flags.views.editing import EditForm
from flags.views.meanwhile import Clash


@dataclass(frozen=True, slots=True)
class Stand:
    """What the forms of the page start from."""

    access: Access
    rules: ReviewRules
    rules_version: int
    stewards: Stewards
    stewards_version: int
    teams: tuple[tuple[str, str], ...]
    zone: str


def _stand(request: HttpRequest, place: Mapping[str, str]) -> Stand:
    access = environment_access(request, **place)
    rules, rules_version = review.policy(access)
    stewards, stewards_version = review.stewards(access)
    teams = Team.objects.within(access.organization).values_list("key", "name")
    return Stand(
        access,
        rules,
        rules_version,
        stewards,
        stewards_version,
        tuple(teams),
        moments.zone_of(request),
    )


Data = Any
# What the page's forms are called in its address, and how each is made.
FORMS: Final[Mapping[str, Callable[[Data, Stand], EditForm]]] = {
    "approvals": lambda data, at: policy_forms.ApprovalsForm(
        data, at.rules, at.rules_version, at.teams
    ),
    "freeze": lambda data, at: policy_forms.FreezeForm(data, at.rules, at.rules_version),
    "window": lambda data, at: policy_forms.WindowForm(data, at.rules, at.rules_version, at.zone),
    "drop-window": lambda data, at: policy_forms.DropWindowForm(data, at.rules, at.rules_version),
    "steward": lambda data, at: policy_forms.StewardForm(
        data, at.stewards, at.stewards_version, at.teams
    ),
    "drop-steward": lambda data, at: policy_forms.DropStewardForm(
        data, at.stewards, at.stewards_version
    ),
}
_OF_PROJECT: Final = frozenset({"steward", "drop-steward"})


@require_GET
def review_policy(request: HttpRequest, **place: str) -> HttpResponse:
    """How changes are reviewed here; everybody may read it."""
    return _shown(request, _stand(request, place))


@require_POST
def change_policy(request: HttpRequest, what: str, **place: str) -> HttpResponse:
    """One of the page's forms; the change goes the way of every other, review included."""
    at = _stand(request, place)
    at.access.require(Permission.MANAGE_POLICY)
    if what not in FORMS:
        raise NotFound("There is no such form.")
    form = FORMS[what](request.POST, at)
    if not form.is_valid():
        return _shown(request, at, {what: form}, status=422)
    target = _target(at, what)
    try:
        outcome = changes.submit(
            at.access,
            target,
            form.edits(),
            expected_version=form.cleaned_data["expected_version"],
            comment=form.cleaned_data["comment"],
        )
    except StaleVersion as stale:
        form.renew(stale.actual)
        clash = meanwhile.of_target(at.access, target, stale)
        return _shown(request, at, {what: form}, status=409, clash=clash)
    except (NotFound, NotPermitted):
        raise
    except DomainError as error:
        form.refuse(error)
        return _shown(request, at, {what: form}, status=error.status)
    if "zone" in form.cleaned_data:
        moments.remember_zone(request, form.cleaned_data["zone"])
    editing.tell(request, outcome)
    return editing.see_other(here(at.access, "flags:review-policy"))


def _target(at: Stand, what: str) -> Target:
    if what in _OF_PROJECT:
        return Target(EditKind.STEWARDS, "stewards")
    return Target(EditKind.POLICY, at.access.environment.key)


def _shown(
    request: HttpRequest,
    at: Stand,
    bound: Mapping[str, EditForm] | None = None,
    *,
    status: int = 200,
    clash: Clash | None = None,
) -> HttpResponse:
    forms = {name: make(None, at) for name, make in FORMS.items()} | dict(bound or {})
    moments.suggest_own(request, forms["window"], "zone")
    manages = at.access.may(Permission.MANAGE_POLICY)
    context = {
        "nav": "policy",
        "ways": proposing.ways(at.access, _target(at, "approvals")) if manages else None,
        "steward_ways": proposing.ways(at.access, _target(at, "steward")) if manages else None,
        "rules": at.rules,
        "reviewers": [dict(at.teams).get(key, key) for key in at.rules.reviewers],
        "sentence": sentence(at.access.environment, at.rules, dict(at.teams), timezone.now()),
        "windows": [_window(window, at.zone) for window in at.rules.freezes],
        "stewards": [_steward(one, dict(at.teams)) for one in at.stewards.rules],
        "guarded": any(one.reviewers or one.approvals for one in at.stewards.rules),
        "forms": {name.replace("-", "_"): form for name, form in forms.items()},
        "clash": clash,
        "environments": _elsewhere(at.access),
    }
    return render(request, "flags/review_policy.html", context, status=status)


def _elsewhere(access: Access) -> list[dict[str, Any]]:
    return [
        {
            "key": one.key,
            "name": one.name,
            "color": one.color,
            "is_production": one.is_production,
            "url": here(access, "flags:review-policy", environment=one.key),
        }
        for one in Environment.objects.within(access.project)
        if one.archived_at is None or one == access.environment
    ]


def sentence(
    environment: Environment, rules: ReviewRules, teams: Mapping[str, str], now: datetime
) -> str:
    """The policy in a sentence somebody could paste into a chat."""
    window = rules.freeze(now)
    if rules.frozen:
        return _("%(name)s is frozen: nobody changes anything until the freeze is lifted.") % {
            "name": environment.name
        }
    if window is not None:
        return _("%(name)s is frozen until %(until)s UTC.") % {
            "name": environment.name,
            "until": f"{window.ends:%Y-%m-%d %H:%M}",
        }
    if not rules.approvals:
        return _("In %(name)s, changes apply at once, without a review.") % {
            "name": environment.name
        }
    whom = _(" or ").join(teams.get(key, key) for key in rules.reviewers)
    told = ngettext(
        "In %(name)s, %(n)d other person of %(whom)s approves each change.",
        "In %(name)s, %(n)d other people of %(whom)s approve each change.",
        rules.approvals,
    )
    free = ngettext(
        "In %(name)s, %(n)d other person approves each change.",
        "In %(name)s, %(n)d other people approve each change.",
        rules.approvals,
    )
    words = {"name": environment.name, "n": rules.approvals, "whom": whom}
    return (told if whom else free) % words


@dataclass(frozen=True, slots=True)
class Window:
    """A freeze as the page lists it."""

    starts: str
    ends: str
    key: tuple[str, str]
    reason: str
    is_on: bool
    is_over: bool


def _window(window: Freeze, zone: str) -> Window:
    now = timezone.now()
    return Window(
        starts=moments.said(window.starts, zone),
        ends=moments.said(window.ends, zone),
        key=(window.starts.isoformat(), window.ends.isoformat()),
        reason=window.reason,
        is_on=window.holds(now),
        is_over=window.ends <= now,
    )


@dataclass(frozen=True, slots=True)
class StewardLine:
    """A steward rule as the page lists it."""

    kind: str
    noun: Any
    key: str
    editors: str
    reviewers: str
    approvals: int | None

    @property
    def asks(self) -> bool:
        """Whether to drop or replace it needs the approval it asks for."""
        return bool(self.reviewers or self.approvals)


def _steward(one: Steward, teams: Mapping[str, str]) -> StewardLine:
    return StewardLine(
        one.kind,
        policy_forms.NOUNS[one.kind],
        one.key,
        ", ".join(teams.get(key, key) for key in one.editors),
        ", ".join(teams.get(key, key) for key in one.reviewers),
        one.approvals,
    )
