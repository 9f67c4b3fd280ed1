"""A flag's variations and settings, which all environments share."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from accounts.access import Access
from accounts.errors import NotFound
from accounts.permissions import Permission
from accounts.web.place import environment_access
from flags import changes, queries
from flags.edits import ArchiveFlag, Edit, FlagDefinition, RemoveVariation, RestoreFlag
from flags.views import editing, proposing
from flags.views.cards import here
from flags.views.editing import EditForm, Editor
from flags.views.flag_forms import DescribeForm, VariationForm
from flags.views.frame import flag_frame
from flags.views.typed_values import write_value


@require_GET
def settings(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Variations, description, tags; archiving."""
    access = environment_access(request, **place)
    frame = flag_frame(access, key, "settings")
    variations = [
        (
            name,
            write_value(value),
            name in {frame["definition"].off, frame["definition"].fallthrough},
        )
        for name, value in frame["definition"].variations.items()
    ]
    context = {
        **frame,
        "variations": variations,
        "version": frame["flag"].definition_version,
        "shared_ways": proposing.ways(access, changes.definition(key)),
    }
    return render(request, "flags/flag_settings.html", context)


def _stand(
    request: HttpRequest, key: str, place: dict[str, str]
) -> tuple[Access, FlagDefinition, int]:
    access = environment_access(request, **place)
    access.require(Permission.EDIT_FLAGS)
    definition, version = queries.flag_definition(access, key)
    return access, definition, version


def _edit(
    request: HttpRequest,
    access: Access,
    definition: FlagDefinition,
    form: EditForm,
    wording: tuple[str, str],
    mixed: str = "",
) -> HttpResponse:
    """`wording` is the form's title and the template of its fields."""
    title, template = wording
    page = here(access, "flags:settings", definition.key)
    editor = Editor(
        target=changes.definition(definition.key),
        title=title,
        template=template,
        done=page,
        cancel=page,
        mixed=mixed,
        extra={"definition": definition},
    )
    return editing.edit(request, access, editor, form)


def describe(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Name, description, tags, kind, who may read it."""
    access, definition, version = _stand(request, key, place)
    form = DescribeForm(request.POST if request.method == "POST" else None, definition, version)
    wording = (_("About this flag"), "flags/_plain_fields.html")
    free = _(
        "Names, descriptions and kinds apply at once, and so do tags nobody looks after."
        " As to who may read it:"
    )
    return _edit(request, access, definition, form, wording, free)


def new_variation(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """One more value to serve."""
    access, definition, version = _stand(request, key, place)
    form = VariationForm(request.POST if request.method == "POST" else None, definition, version)
    return _edit(
        request, access, definition, form, (_("New variation"), "flags/_plain_fields.html")
    )


def variation(request: HttpRequest, key: str, name: str, **place: str) -> HttpResponse:
    """Another value for a variation."""
    access, definition, version = _stand(request, key, place)
    if name not in definition.variations:
        raise NotFound(f"There is no variation {name}.")
    data = request.POST if request.method == "POST" else None
    form = VariationForm(data, definition, version, name)
    return _edit(
        request, access, definition, form, (_("Change variation"), "flags/_plain_fields.html")
    )


def _act(
    request: HttpRequest, key: str, place: dict[str, str], edit: Edit, wording: tuple[str, str, str]
) -> HttpResponse:
    """A change made by one button; `wording`: its question, its button, what follows from it."""
    access, definition, version = _stand(request, key, place)
    title, submit, note = wording
    page = here(access, "flags:settings", key)
    editor = Editor(
        target=changes.definition(key),
        title=title,
        template="",
        done=page,
        cancel=page,
        submit=submit,
        note=note,
        extra={"definition": definition},
    )
    return editing.act(request, access, editor, [edit], version)


def remove_variation(request: HttpRequest, key: str, name: str, **place: str) -> HttpResponse:
    """Offer a value no more."""
    wording = (_("Remove this variation?"), _("Remove everywhere"), "")
    return _act(request, key, place, RemoveVariation(name), wording)


def archive(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Stop serving the flag everywhere."""
    note = _(
        "It stops being served in every environment, production included: SDKs answer with the"
        " default in their code. Its key stays taken."
    )
    wording = (_("Archive this flag?"), _("Archive everywhere"), note)
    return _act(request, key, place, ArchiveFlag(), wording)


def restore(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Serve an archived flag again."""
    note = _("It comes back as it was, in every environment.")
    wording = (_("Bring this flag back?"), _("Bring back"), note)
    return _act(request, key, place, RestoreFlag(), wording)
