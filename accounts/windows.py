"""The operators' admin: our own sign-in, windows that show and change nothing, no library's forms."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.contrib import admin
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from accounts.errors import NotPermitted
from accounts.models import User
from accounts.web import company_sign_in, second_factor

# The class takes its model in brackets for the type checker alone.
if TYPE_CHECKING:
    Window = admin.ModelAdmin[Any]
    Lines = admin.TabularInline[Any, Any]
else:
    Window = admin.ModelAdmin
    Lines = admin.TabularInline

NAIVE_PLURAL: Final = re.compile(r"(?<=[^aeiou])ys$")


class OperatorsOnly(NotPermitted):
    """The admin is for those who run the installation."""

    code = "operators_only"
    hint = "Ask whoever runs this installation; operators sign in with a second factor."


class Untouched:
    """Tenants' data changes through verbs and `flags.changes` alone: nothing can be edited here."""

    def has_add_permission(self, *_args: Any) -> bool:
        return False

    def has_change_permission(self, *_args: Any) -> bool:
        return False

    def has_delete_permission(self, *_args: Any) -> bool:
        return False


class ReadOnlyAdmin(Untouched, Window):
    """A window onto one table."""


class ReadOnlyLines(Untouched, Lines):
    """Rows that belong to the object looked at."""

    extra = 0
    show_change_link = True


class OperatorsSite(AdminSite):
    """Only windows come in: what libraries would register (sessions, factors, tasks) stays out."""

    site_header = "Wayfork, for operators"
    site_title = "Wayfork operators"
    index_title = "What this installation holds"

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: Any = None,
        **options: Any,
    ) -> None:
        if not isinstance(admin_class, type) or not issubclass(admin_class, ReadOnlyAdmin):
            return
        super().register(model_or_iterable, admin_class, **options)
        for known in self._registry:
            # The plural as people write it, where Django only adds an s.
            plural = str(known._meta.verbose_name_plural)
            known._meta.verbose_name_plural = NAIVE_PLURAL.sub("ies", plural)

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        if not isinstance(user, User) or not user.is_active or not user.is_staff:
            return False
        if not company_sign_in.opens_account(request, user):
            return False
        return not settings.ADMIN_SECOND_FACTOR or second_factor.factor_used(request, user)

    def login(
        self,
        request: HttpRequest,
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002 - Django's signature
    ) -> HttpResponse:
        """Through our own sign-in, with its second factor and its limits, never a form of its own."""
        following = request.GET.get("next", reverse("admin:index"))
        if not isinstance(request.user, User):
            return redirect_to_login(following, reverse(settings.LOGIN_URL))
        if self.has_permission(request):
            return redirect("admin:index")
        raise OperatorsOnly("This part is for those who run the installation.")

    def password_change(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002 - Django's signature
    ) -> Any:
        return redirect("account_change_password")


def link(target: Model | None) -> SafeString | str:
    """To the window onto another object, where there is one."""
    if target is None:
        return "-"
    names = (target._meta.app_label, target._meta.model_name)
    try:
        address = reverse("admin:{}_{}_change".format(*names), args=[target.pk])
    except NoReverseMatch:
        return str(target)
    return format_html('<a href="{}">{}</a>', address, str(target))


def link_to_many(count: int, model: type[Model], **which: Any) -> SafeString | str:
    """A number that leads to the rows it counts."""
    if not count:
        return "0"
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return format_html('<a href="{}?{}">{}</a>', address, urlencode(which), count)
