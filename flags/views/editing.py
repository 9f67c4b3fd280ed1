"""The life of one form that becomes edits: show, refuse, find stale, save, say what happened."""

from abc import ABCMeta, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.forms.forms import DeclarativeFieldsMetaclass
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from accounts.access import Access
from accounts.errors import DomainError, NotFound, NotPermitted
from flags.changes import Applied, Outcome, Part, Pending, StaleVersion, Target
from flags.edits import Edit, InvalidEdit
from flags.requests import RequestClosed, RevisionChanged
from flags.standing import current_version
from flags.views import meanwhile, proposing
from flags.views.cards import here
from flags.views.meanwhile import Clash
from flags.views.opened import Opened


class _FormMeta(DeclarativeFieldsMetaclass, ABCMeta):
    """Forms that leave something to their children."""


class EditForm(forms.Form, metaclass=_FormMeta):
    """A form whose clean content is a list of edits, made against a version."""

    expected_version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    comment = forms.CharField(
        label=lazy("Comment"),
        required=False,
        max_length=500,
        help_text=lazy("Why; kept in the history."),
    )
    # Where an edit's fault belongs among the form's fields, if it has another name there.
    places: ClassVar[dict[str, str]] = {}

    @abstractmethod
    def edits(self) -> list[Edit]:
        """The edits this clean form stands for."""

    @property
    def is_reshaped(self) -> bool:
        """Whether a button asked for more or fewer rows instead of saving."""
        return "reshape" in self.data

    def refuse(self, error: DomainError) -> None:
        """Show a refusal beside its field, or above the form."""
        text = f"{error} {error.hint}".strip()
        if isinstance(error, InvalidEdit):
            root = error.where.removeprefix("edit.").split(".")[0].split("[")[0]
            name = self.places.get(root, root)
            self.add_error(name if name in self.fields else None, text)
        else:
            self.add_error(None, text)

    def renew(self, version: int) -> None:
        """Take the newer version, so that saving again puts this on top of it."""
        data = self.data.copy() if isinstance(self.data, QueryDict) else {**self.data}
        data[self.add_prefix("expected_version")] = str(version)
        self.data = data


@dataclass(frozen=True, slots=True)
class Editor:
    """One form page: what it changes, what it is called, what draws it, where it leads."""

    target: Target
    title: str
    template: str
    done: str
    submit: str = ""
    # What follows from it, beneath the question of a one-button change.
    note: str = ""
    cancel: str = ""
    nav: str = "flags"
    page: str = "flags/edit.html"
    # What htmx is given: the form alone, in place of the panel whose Edit was pressed.
    fragment: str = "flags/_edit.html"
    # Whether the fields' own template shows the comment, out of the way of the common case.
    has_own_comment: bool = False
    # What of the form never waits for review, where other fields may.
    mixed: str = ""
    # Whether the target is not there yet: while it waits for review it has no page.
    creates: bool = False
    # What saving again means where somebody took away what this is about.
    anew: str = ""
    # The request it was opened in: there the edits go.
    opened: Opened | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class ActForm(EditForm):
    """Edits that take nothing but a comment: a switch, a move, a removal, an archiving."""

    # None was sent for what nobody has touched yet.
    expected_version = forms.IntegerField(min_value=0, required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any, edits: Sequence[Edit], version: int = 0) -> None:
        super().__init__(data, initial={"expected_version": version})
        self.given = list(edits)

    def clean_expected_version(self) -> int:
        return self.cleaned_data["expected_version"] or 0

    def edits(self) -> list[Edit]:
        return self.given

    @property
    def sentences(self) -> list[str]:
        """What pressing the button does."""
        return [edit.sentence() for edit in self.given]


def act(
    request: HttpRequest, access: Access, editor: Editor, edits: Sequence[Edit], version: int
) -> HttpResponse:
    """A change made by one button. Asked for by GET, it says what would happen and takes a why."""
    form = ActForm(request.POST if request.method == "POST" else None, edits, version)
    asked = replace(editor, template="flags/_act_fields.html", fragment="flags/_act_dialog.html")
    return edit(request, access, asked, form)


def edit(request: HttpRequest, access: Access, editor: Editor, form: EditForm) -> HttpResponse:
    """Show the form, or send it on its way; whatever is refused comes back as it was typed."""
    if request.method != "POST" or form.is_reshaped:
        return _shown(request, access, editor, form)
    if not form.is_valid():
        return _shown(request, access, editor, form, status=422)
    part = Part(editor.target, tuple(form.edits()), form.cleaned_data["expected_version"])
    how = request.POST.get("how", "")
    into = proposing.named_in(access, how) or (None if how else editor.opened)
    try:
        sent = proposing.send(access, part, form.cleaned_data["comment"], how, into)
    except StaleVersion as stale:
        form.renew(stale.actual)
        late = meanwhile.of_target(access, editor.target, stale)
        return _shown(request, access, editor, form, status=409, clash=late)
    except RevisionChanged as changed:
        late = meanwhile.of_request(changed, into.revision if into else 0)
        return _shown(request, access, _renewed(access, editor, form), form, status=409, clash=late)
    except (NotFound, NotPermitted):
        raise
    except DomainError as error:
        form.refuse(error)
        if isinstance(error, RequestClosed):
            # What was typed may still be wanted: the other ways are open.
            form.renew(current_version(access, part))
            editor = replace(editor, opened=None)
        return _shown(request, access, editor, form, status=error.status)
    return _gone_on(request, access, editor, sent)


def _renewed(access: Access, editor: Editor, form: EditForm) -> Editor:
    """The form in the newest revision of its request, so that saving again puts this on top."""
    if editor.opened is None:
        return editor
    newest = editor.opened.anew(access)
    part = newest.part_on(editor.target)
    if part is not None:
        form.renew(part["base_version"])
    return replace(editor, opened=newest)


def _gone_on(
    request: HttpRequest, access: Access, editor: Editor, sent: proposing.Sent
) -> HttpResponse:
    leave(request, message(sent.outcome) if sent.outcome else kept(sent))
    if sent.request is None:
        return see_other(editor.done)
    if sent.then == proposing.SCHEDULE:
        return see_other(here(access, "flags:request-schedule", sent.request.number))
    if sent.outcome is None or sent.then == proposing.ADD or editor.creates:
        return see_other(here(access, "flags:request", sent.request.number))
    return see_other(editor.done)


def _shown(
    request: HttpRequest,
    access: Access,
    editor: Editor,
    form: EditForm,
    *,
    status: int = 200,
    clash: Clash | None = None,
) -> HttpResponse:
    template = editor.fragment if getattr(request, "htmx", None) else editor.page
    context = {
        "editor": editor,
        "form": form,
        "clash": clash,
        "nav": editor.nav,
        "ways": proposing.ways(access, editor.target, editor.mixed),
        "choices": [] if editor.opened else proposing.choices(access),
        **editor.extra,
    }
    return render(request, template, context, status=status)


# --- telling


@dataclass(frozen=True, slots=True)
class Message:
    """What is said after a write."""

    tone: str
    title: str
    detail: str = ""


def message(outcome: Outcome) -> Message:
    """An outcome in words."""
    if isinstance(outcome, Pending):
        title = _("Sent for review as #%(number)d.") % {"number": outcome.change.number}
        return Message("warning", title, _("Nothing changes until it is approved."))
    if not isinstance(outcome, Applied):
        return Message("info", _("Nothing to change."), _("It was like this already."))
    if not outcome.published:
        return Message("success", _("Saved."), _("What SDKs are served did not change."))
    told = [
        _("version %(version)d in %(environment)s")
        % {"version": one.version, "environment": one.environment.name}
        for one in outcome.published
    ]
    near = [one for one in outcome.published if one.is_near_limit]
    detail = _("The document is near its size limit.") if near else ""
    if len(told) == 1:
        title = _("Saved as version %(version)d, announced.") % {
            "version": outcome.published[0].version
        }
        return Message("success", title, detail)
    title = _("Saved and announced: %(versions)s.") % {"versions": ", ".join(told)}
    return Message("success", title, detail)


def tell(request: HttpRequest, outcome: Outcome) -> None:
    """Leave an outcome's message for the next page."""
    leave(request, message(outcome))


def leave(request: HttpRequest, told: Message) -> None:
    """Leave a message for the next page."""
    levels = {"success": messages.SUCCESS, "warning": messages.WARNING, "info": messages.INFO}
    messages.add_message(request, levels[told.tone], f"{told.title} {told.detail}".strip())


def see_other(url: str) -> HttpResponseRedirect:
    """To another page, by GET, after a write."""
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response


def kept(sent: proposing.Sent) -> Message:
    """What was put aside, in words."""
    number = {"number": sent.request.number if sent.request else 0}
    if sent.then == proposing.ADD:
        return Message("success", _("Added to #%(number)d.") % number, _("Nothing changes yet."))
    title = _("Kept as draft #%(number)d.") % number
    return Message("success", title, _("Only you see it until you send it."))


def asked(request: HttpRequest, name: str) -> str:
    """What a button or the address of its question names."""
    return (request.POST.get(name) or request.GET.get(name, "")).replace("\0", "")


def version_seen(request: HttpRequest) -> int:
    """The version a button was drawn for: none was sent for what nobody has touched yet."""
    given = request.POST.get("expected_version", "0")
    return whole(given) if given.isascii() and given.isdigit() and len(given) < 10 else -1


def whole(text: str) -> int:
    """The number in a field, 0 when it holds none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
