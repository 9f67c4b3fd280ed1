"""A flag's variations and settings, which all environments share."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from accounts.access import Access
from accounts.errors import NotFound
from accounts.permissions import Permission
from accounts.web.place import environment_access
from flags import changes, queries
from flags.edits import ArchiveFlag, FlagDefinition, RemoveVariation, RestoreFlag
from flags.views import editing
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
    context = {**frame, "variations": variations, "version": frame["flag"].definition_version}
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
) -> HttpResponse:
    title, template = wording
    page = here(access, "flags:settings", definition.key)
    editor = Editor(
        target=changes.definition(definition.key),
        title=title,
        template=template,
        done=page,
        cancel=page,
        extra={"definition": definition},
    )
    return editing.edit(request, access, editor, form)


def describe(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Name, description, tags, kind, who may read it."""
    access, definition, version = _stand(request, key, place)
    form = DescribeForm(request.POST if request.method == "POST" else None, definition, version)
    return _edit(
        request, access, definition, form, (_("About this flag"), "flags/_plain_fields.html")
    )


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


@require_POST
def remove_variation(request: HttpRequest, key: str, name: str, **place: str) -> HttpResponse:
    """Offer a value no more."""
    access, _definition, _version = _stand(request, key, place)
    done = here(access, "flags:settings", key)
    return editing.submitted(
        request, access, changes.definition(key), [RemoveVariation(name)], done
    )


@require_POST
def archive(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Stop serving the flag everywhere."""
    access, _definition, _version = _stand(request, key, place)
    done = here(access, "flags:settings", key)
    return editing.submitted(request, access, changes.definition(key), [ArchiveFlag()], done)


@require_POST
def restore(request: HttpRequest, key: str, **place: str) -> HttpResponse:
    """Serve an archived flag again."""
    access, _definition, _version = _stand(request, key, place)
    done = here(access, "flags:settings", key)
    return editing.submitted(request, access, changes.definition(key), [RestoreFlag()], done)
