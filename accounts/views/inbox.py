"""A member's inbox, what they wish to be mailed, and what they follow."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import inbox
from accounts.actions import notices
from accounts.models import Mail
from accounts.notices import KINDS
from accounts.web.place import environment_access, organization_access


@never_cache
@require_GET
@login_required
def lines(request: HttpRequest, organization: str) -> HttpResponse:
    """The person's lines in this organization, newest first; unread ones unless all are asked for."""
    access = organization_access(request, organization)
    shows_all = request.GET.get("show") == "all"
    kind = request.GET.get("kind", "")
    found = inbox.page(
        access, only_unread=not shows_all, kind=kind, before=request.GET.get("before", "")
    )
    asked = {"show": "all" if shows_all else "", "kind": kind if kind in KINDS else ""}
    rest = "".join(f"&{name}={value}" for name, value in asked.items() if value)
    context = {
        "nav": "inbox",
        "page": found,
        "kinds": [(key, one.title) for key, one in KINDS.items()],
        "kind": kind,
        "shows_all": shows_all,
        "unread": inbox.unread(access),
        "older_url": f"?before={found.older}{rest}" if found.older else "",
    }
    template = "accounts/_inbox_rows.html" if request.htmx else "accounts/inbox.html"  # type: ignore[attr-defined]
    return render(request, template, context)


@require_GET
@login_required
def open_line(request: HttpRequest, organization: str, notice_id: UUID) -> HttpResponse:
    """Lead to what a line is about; following the link is reading it."""
    access = organization_access(request, organization)
    return redirect(notices.mark_read(access, notice_id).url)


@require_POST
@login_required
def read_all(request: HttpRequest, organization: str) -> HttpResponse:
    """Take every line as read."""
    notices.mark_all_read(organization_access(request, organization))
    return redirect("accounts:inbox", organization)


@require_http_methods(["GET", "POST"])
@login_required
def wishes(request: HttpRequest, organization: str) -> HttpResponse:
    """What is mailed when, and what the person follows."""
    access = organization_access(request, organization)
    if request.method == "POST":
        said = {kind: request.POST[kind] for kind in KINDS if kind in request.POST}
        notices.wish(access, said)
        messages.success(request, _("Saved: letters are sent as you wish."))
        return redirect("accounts:inbox-wishes", organization)
    member = inbox.member_of(access)
    context = {
        "nav": "inbox",
        "wishes": inbox.wishes(member),
        "times": [
            (Mail.AT_ONCE, _("At once")),
            (Mail.DAILY, _("Once a day")),
            (Mail.NEVER, _("Never")),
        ],
        "followed": inbox.followed(member),
    }
    return render(request, "accounts/inbox_wishes.html", context)


@csrf_exempt
@require_http_methods(["GET", "POST"])
def leave(request: HttpRequest, leaving_token: str) -> HttpResponse:
    """Mail no more of one kind. Mail programs press this by themselves (RFC 8058): the signed
    link is the proof, so neither a sign-in nor a CSRF token is asked for."""
    if request.method == "POST":
        member, kind = notices.leave(leaving_token)
    else:
        member, kind = notices.of_leaving_token(leaving_token)
    context = {
        "organization": member.organization,
        "title": KINDS[kind].title,
        "done": request.method == "POST",
    }
    return render(request, "accounts/inbox_leave.html", context)


@require_http_methods(["GET", "POST"])
@login_required
def follow(request: HttpRequest, kind: str, key: str, **place: str) -> HttpResponse:
    """The button that follows something: a fragment, which answers with itself."""
    access = environment_access(request, **place)
    if request.method == "POST":
        notices.follow(access, kind, key, on=request.POST.get("on") == "true")
        if not request.htmx:  # type: ignore[attr-defined]
            return redirect("accounts:inbox-wishes", access.organization.key)
    context = {
        "kind": kind,
        "key": key,
        "follows": inbox.follows(access, access.project, kind, key),
    }
    return render(request, "accounts/_inbox_follow.html", context)
