"""Forms and buttons that change what a flag serves in one environment."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from accounts.access import Access
from accounts.errors import NotFound
from accounts.permissions import Permission
from accounts.web.place import environment_access
from flags import changes, queries
from flags.edits import Edit, MoveRule, RemoveRule, UnassignUnits
from flags.queries import FlagInEnvironment
from flags.views import editing, proposing
from flags.views.cards import here
from flags.views.editing import EditForm, Editor
from flags.views.targeting_forms import (
    AssignForm,
    RequirementsForm,
    RolloutForm,
    RuleForm,
    ServingForm,
)
from wayfork.engine import Rule


def _stand(
    request: HttpRequest, key: str, place: dict[str, str]
) -> tuple[Access, FlagInEnvironment]:
    access = environment_access(request, **place)
    access.require(Permission.EDIT_TARGETING)
    flag = queries.flag(access, key)
    return access, proposing.as_requested(access, flag, editing.asked(request, "in"))


def _edit(
    request: HttpRequest,
    access: Access,
    flag: FlagInEnvironment,
    form: EditForm,
    wording: tuple[str, str],
    **extra: object,
) -> HttpResponse:
    """`wording` is the form's title and the template of its fields."""
    title, template = wording
    page = here(access, "flags:detail", flag.definition.key)
    editor = Editor(
        target=changes.state(flag.definition.key),
        title=title,
        template=template,
        done=page,
        cancel=page,
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
    access, flag = _stand(request, key, place)
    form = ServingForm(_posted(request), flag, unit_names(access))
    return _edit(
        request, access, flag, form, (_("What everyone else gets"), "flags/_serving_fields.html")
    )


def new_rule(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """One more rule, at the end."""
    access, flag = _stand(request, key, place)
    form = RuleForm(_posted(request), flag, unit_names(access))
    return _edit(request, access, flag, form, (_("New rule"), "flags/_rule_fields.html"))


def rule(request: HttpRequest, key: str, rule_id: str, **place: str) -> HttpResponse:
    """Rewrite a rule; its people keep their buckets."""
    access, flag = _stand(request, key, place)
    form = RuleForm(_posted(request), flag, unit_names(access), _rule(flag, rule_id))
    return _edit(request, access, flag, form, (_("Change rule"), "flags/_rule_fields.html"))


def rollout(request: HttpRequest, key: str, rule_id: str, **place: str) -> HttpResponse:
    """Let a rule reach a larger or smaller share."""
    access, flag = _stand(request, key, place)
    form = RolloutForm(_posted(request), flag, _rule(flag, rule_id))
    return _edit(request, access, flag, form, (_("Rollout"), "flags/_rollout_fields.html"))


def assignments(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Ids that always get one variation."""
    access, flag = _stand(request, key, place)
    form = AssignForm(_posted(request), flag, unit_names(access))
    return _edit(
        request, access, flag, form, (_("Custom assignments"), "flags/_assign_fields.html")
    )


def requirements(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Flags this one needs, and the holdout it respects."""
    access, flag = _stand(request, key, place)
    holdouts = [(one.key, one.name) for one in queries.holdouts(access.project)]
    form = RequirementsForm(_posted(request), flag, holdouts)
    others = [other for other in queries.flag_keys(access) if other != key]
    wording = (_("Requirements"), "flags/_requirement_fields.html")
    return _edit(request, access, flag, form, wording, flag_keys=others)


def _act(
    request: HttpRequest,
    access: Access,
    flag: FlagInEnvironment,
    edit: Edit,
    wording: tuple[str, str, str],
) -> HttpResponse:
    """A change made by one button; `wording`: its question, its button, what follows from it."""
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
        extra={"flag": flag, "definition": flag.definition},
    )
    return editing.act(request, access, editor, [edit], flag.version)


def move_rule(request: HttpRequest, key: str, rule_id: str, **place: str) -> HttpResponse:
    """One place up or down."""
    access, flag = _stand(request, key, place)
    at = flag.state.rules.index(_rule(flag, rule_id))
    to = max(0, at - 1) if editing.asked(request, "to") == "up" else at + 1
    wording = (_("Move this rule?"), _("Move in %(name)s") % {"name": access.environment.name}, "")
    return _act(request, access, flag, MoveRule(rule_id, to), wording)


def remove_rule(request: HttpRequest, key: str, rule_id: str, **place: str) -> HttpResponse:
    """Take a rule away."""
    access, flag = _stand(request, key, place)
    name = {"name": access.environment.name}
    note = _(
        "Those it matches in %(name)s are served by the next rule that fits, or as everyone else."
    )
    wording = (_("Remove this rule?"), _("Remove in %(name)s") % name, note % name)
    return _act(request, access, flag, RemoveRule(_rule(flag, rule_id).id), wording)


def unassign(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Let the rules decide again for one id."""
    access, flag = _stand(request, key, place)
    edit = UnassignUnits(editing.asked(request, "unit"), (editing.asked(request, "id"),))
    submit = _("Remove in %(name)s") % {"name": access.environment.name}
    return _act(request, access, flag, edit, (_("Remove this assignment?"), submit, ""))


def _rule(flag: FlagInEnvironment, rule_id: str) -> Rule:
    for found in flag.state.rules:
        if found.id == rule_id:
            return found
    raise NotFound("There is no such rule. Somebody may have removed it.")
