"""Forms and buttons that change what a flag serves in one environment."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from accounts.access import Access
from accounts.errors import NotFound
from accounts.permissions import Permission
from accounts.web.place import environment_access
from flags import changes, queries
from flags.edits import Edit, MoveRule, RemoveRule, UnassignUnits
from flags.queries import FlagInEnvironment
from flags.views import editing, meanwhile, opened
from flags.views.cards import here
from flags.views.editing import EditForm, Editor
from flags.views.opened import Opened
from flags.views.targeting_forms import (
    AssignForm,
    RequirementsForm,
    RolloutForm,
    RuleForm,
    ServingForm,
)
from wayfork.engine import Rule


@dataclass(frozen=True, slots=True)
class Stand:
    """What a form starts from: the flag as it is, or as the request it is opened in leaves it."""

    access: Access
    flag: FlagInEnvironment
    opened: Opened | None


@dataclass(frozen=True, slots=True)
class Meant:
    """The rule a form is about; gone, if somebody took it out since the form was opened."""

    rule: Rule
    is_gone: bool = False

    @property
    def anew(self) -> str:
        """What saving then means."""
        if not self.is_gone:
            return ""
        return _("The rule is gone. What you typed is kept: saving again adds the rule anew, last.")


def _stand(request: HttpRequest, key: str, place: dict[str, str]) -> Stand:
    access = environment_access(request, **place)
    access.require(Permission.EDIT_TARGETING)
    flag, within = queries.flag(access, key), opened.of_form(request, access)
    return Stand(access, opened.as_requested(flag, within, changes.state(key)), within)


def _edit(
    request: HttpRequest,
    at: Stand,
    form: EditForm,
    wording: tuple[str, str],
    anew: str = "",
    **extra: object,
) -> HttpResponse:
    """`wording` is the form's title and the template of its fields."""
    access, flag = at.access, at.flag
    title, template = wording
    page = here(access, "flags:detail", flag.definition.key)
    editor = Editor(
        target=changes.state(flag.definition.key),
        title=title,
        template=template,
        done=page,
        cancel=page,
        anew=anew,
        opened=at.opened,
        extra={
            "flag": flag,
            "definition": flag.definition,
            "attributes": known_attributes(access, flag),
            "segments": [one.definition.key for one in queries.segment_list(access)],
            **extra,
        },
    )
    return editing.edit(request, access, editor, form)


def known_attributes(access: Access, flag: FlagInEnvironment | None = None) -> list[str]:
    """Names to offer while somebody types a condition."""
    units, _version = queries.unit_types(access.project)
    found = {attribute for unit in units.units for attribute in unit.attributes}
    for rule in flag.state.rules if flag else ():
        found.update(clause.attribute for clause in rule.when if clause.attribute)
    return sorted({*found, "country", "plan", "appVersion", "email"})


def unit_names(access: Access) -> list[str]:
    """What the project randomizes."""
    units, _version = queries.unit_types(access.project)
    return [unit.name for unit in units.units]


def _posted(request: HttpRequest) -> dict[str, str] | None:
    return request.POST if request.method == "POST" else None


def serving(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """What everyone else gets, and what is served while it is off."""
    at = _stand(request, key, place)
    form = ServingForm(_posted(request), at.flag, unit_names(at.access))
    return _edit(request, at, form, (_("What everyone else gets"), "flags/_serving_fields.html"))


def new_rule(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """One more rule, at the end."""
    at = _stand(request, key, place)
    form = RuleForm(_posted(request), at.flag, unit_names(at.access))
    return _edit(request, at, form, (_("New rule"), "flags/_rule_fields.html"))


def rule(request: HttpRequest, key: str, rule_id: str, **place: str) -> HttpResponse:
    """Rewrite a rule; its people keep their buckets."""
    at = _stand(request, key, place)
    meant, units = _rule(request, at, rule_id), unit_names(at.access)
    form = RuleForm(_posted(request), at.flag, units, meant.rule, is_gone=meant.is_gone)
    wording = (_("Change rule"), "flags/_rule_fields.html")
    return _edit(request, at, form, wording, meant.anew)


def rollout(request: HttpRequest, key: str, rule_id: str, **place: str) -> HttpResponse:
    """Let a rule reach a larger or smaller share."""
    at = _stand(request, key, place)
    meant = _rule(request, at, rule_id)
    form = RolloutForm(_posted(request), at.flag, meant.rule, is_gone=meant.is_gone)
    wording = (_("Rollout"), "flags/_rollout_fields.html")
    return _edit(request, at, form, wording, meant.anew)


def assignments(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Ids that always get one variation."""
    at = _stand(request, key, place)
    form = AssignForm(_posted(request), at.flag, unit_names(at.access))
    return _edit(request, at, form, (_("Custom assignments"), "flags/_assign_fields.html"))


def requirements(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Flags this one needs, and the holdout it respects."""
    at = _stand(request, key, place)
    holdouts = [(one.key, one.name) for one in queries.holdouts(at.access.project)]
    form = RequirementsForm(_posted(request), at.flag, holdouts)
    others = [other for other in queries.flag_keys(at.access) if other != key]
    wording = (_("Requirements"), "flags/_requirement_fields.html")
    return _edit(request, at, form, wording, flag_keys=others)


def _act(
    request: HttpRequest, at: Stand, edit: Edit, wording: tuple[str, str, str], anew: str = ""
) -> HttpResponse:
    """A change made by one button; `wording`: its question, its button, what follows from it."""
    access, flag = at.access, at.flag
    title, submit, note = wording
    page = here(access, "flags:detail", flag.definition.key)
    editor = Editor(
        target=changes.state(flag.definition.key),
        title=title,
        template="",
        done=page,
        cancel=page,
        submit=submit,
        note=note,
        anew=anew,
        opened=at.opened,
        extra={"flag": flag, "definition": flag.definition},
    )
    return editing.act(request, access, editor, [edit], flag.version)


def move_rule(request: HttpRequest, key: str, rule_id: str, **place: str) -> HttpResponse:
    """One place up or down."""
    at = _stand(request, key, place)
    meant, rules = _rule(request, at, rule_id), at.flag.state.rules
    place_now = 0 if meant.is_gone else rules.index(meant.rule)
    up = editing.asked(request, "to") == "up"
    to = max(0, place_now - 1) if up else place_now + 1
    wording = (
        _("Move this rule?"),
        _("Move in %(name)s") % {"name": at.access.environment.name},
        "",
    )
    return _act(request, at, MoveRule(rule_id, to), wording, _gone(meant))


def remove_rule(request: HttpRequest, key: str, rule_id: str, **place: str) -> HttpResponse:
    """Take a rule away."""
    at = _stand(request, key, place)
    name = {"name": at.access.environment.name}
    note = _(
        "Those it matches in %(name)s are served by the next rule that fits, or as everyone else."
    )
    wording = (_("Remove this rule?"), _("Remove in %(name)s") % name, note % name)
    meant = _rule(request, at, rule_id)
    return _act(request, at, RemoveRule(meant.rule.id), wording, _gone(meant))


def unassign(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Let the rules decide again for one id."""
    at = _stand(request, key, place)
    edit = UnassignUnits(editing.asked(request, "unit"), (editing.asked(request, "id"),))
    submit = _("Remove in %(name)s") % {"name": at.access.environment.name}
    return _act(request, at, edit, (_("Remove this assignment?"), submit, ""))


def _gone(meant: Meant) -> str:
    """What a button comes to on a rule that is not there any more."""
    return _("The rule is gone: there is nothing left to do with it.") if meant.is_gone else ""


def _rule(request: HttpRequest, at: Stand, rule_id: str) -> Meant:
    for found in at.flag.state.rules:
        if found.id == rule_id:
            return Meant(found)
    if request.method == "POST":
        # Somebody may have filled a form in meanwhile: they are told beside what they typed.
        removed = meanwhile.removed_rule(at.access, at.flag, rule_id, at.opened)
        if removed is not None:
            return Meant(removed, is_gone=True)
    raise NotFound("There is no such rule. Somebody may have removed it.")
