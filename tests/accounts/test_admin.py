"""The operators' admin: it shows what there is, hides every secret, and changes no tenant's data."""

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts import proofs
from accounts.access import Origin
from accounts.actions import credentials, operators
from accounts.errors import NotPermitted
from accounts.models import (
    AuditEntry,
    ClaimedDomain,
    Delivery,
    DeliveryAttempt,
    Destination,
    DirectoryToken,
    FederatedIdentity,
    GroupRole,
    IdentityProvider,
    Invitation,
    SdkKey,
    SsoSession,
    Team,
    User,
)
from accounts.windows import ReadOnlyAdmin
from tests.world.cast import World
from tests.world.factories import make_flag

SECRET = "hush-hush-never-shown"
WINDOWS = [model._meta.label_lower for model in admin.site._registry]
PASSWORD = "x" * 12


@pytest.fixture
def operator(world: World) -> Client:
    """Somebody who runs the installation and belongs to no organization."""
    client = Client()
    client.force_login(User.objects.create_superuser("operator@example.org", PASSWORD))
    return client


@pytest.fixture
def full(world: World, operator: Client) -> World:
    """A row in every table that holds something secret, and in some others."""
    organization, vera = world.organization, world.vera.user
    sealed, soon = SECRET.encode(), timezone.now() + timedelta(hours=1)
    make_flag(world.max.at(), on=True)
    credentials.create_sdk_key(world.ada.at(), "server", "Shop")
    world.olivia.token()
    world.vera.client.get(world.url("flags/"))
    provider = IdentityProvider.objects.create(
        organization=organization, key="corp", name="Corp", client_secret=sealed
    )
    GroupRole.objects.create(provider=provider, group="devs")
    ClaimedDomain.objects.create(
        organization=organization, provider=provider, domain="corp.example", token=SECRET
    )
    identity = FederatedIdentity.objects.create(provider=provider, subject="s-1", user=vera)
    SsoSession.objects.create(
        identity=identity,
        session_key=f"{SECRET}-2",
        sid=SECRET,
        id_token=sealed,
        renew_at=soon,
        ends_at=soon,
    )
    DirectoryToken.objects.create(
        organization=organization, label="scim", digest=SECRET, last_four="1234"
    )
    Invitation.objects.create(organization=organization, digest=SECRET, expires_at=soon)
    Team.objects.create(organization=organization, key="t", name="T")
    destination = Destination.objects.create(
        organization=organization, kind="slack", name="Chat", url=sealed, secret=sealed
    )
    delivery = Delivery.objects.create(destination=destination, action="x", body=SECRET)
    DeliveryAttempt.objects.create(delivery=delivery, at=timezone.now())
    UserSession.objects.create(user=vera, ip="192.0.2.1", session_key=SECRET, data={"x": SECRET})
    Authenticator.objects.create(user=vera, type="totp", data={"secret": SECRET})
    proofs.keep_proofs(settings.DATA_DIR / "no-anchors", whole=True)
    return world


def address(label: str, page: str = "changelist", *args: Any) -> str:
    return reverse(f"admin:{label.replace('.', '_')}_{page}", args=args)


@pytest.mark.parametrize("label", WINDOWS)
def test_an_operator_lists_searches_and_opens_without_a_secret_or_a_form(
    full: World, operator: Client, label: str
):
    listed = operator.get(address(label))
    assert listed.status_code == 200
    assert operator.get(address(label), {"q": "solar"}).status_code == 200
    assert operator.get(address(label, "add")).status_code == 403
    model, _window = next(
        (model, window)
        for model, window in admin.site._registry.items()
        if model._meta.label_lower == label
    )
    row = model._base_manager.first()
    pages = [listed]
    if row is not None:
        pages.append(operator.get(address(label, "change", row.pk)))
        assert pages[-1].status_code == 200
        assert b'name="_save"' not in pages[-1].content
        assert operator.post(address(label, "change", row.pk), {}).status_code == 403
        assert operator.post(address(label, "delete", row.pk), {"post": "yes"}).status_code == 403
    digests = [key.digest for key in SdkKey.objects.within(full.production)]
    for page in pages:
        shown = page.content.decode()
        assert not [one for one in (SECRET, *digests, "argon2", "md5$") if one in shown]
        assert not re.search(r"<(script|style)(?![^>]*\bsrc=)[^>]*>\s*\S", shown), "inline"
        assert " style=" not in shown


def test_the_ledger_is_shown_newest_first_under_a_plural_people_write(
    full: World, operator: Client
):
    page = operator.get(address("accounts.auditentry")).content.decode()
    assert "Audit entries" in page
    shown = [int(number) for number in re.findall(r'class="field-sequence">(\d+)<', page)]
    organizations = re.findall(r'class="field-place[^"]*"><a[^>]*>([^<]+)<', page)
    solar = [number for number, name in zip(shown, organizations, strict=True) if name == "Solar"]
    assert len(solar) > 5
    assert solar == sorted(solar, reverse=True)


@pytest.mark.parametrize("page", ["/admin/", "/admin/accounts/user/"])
def test_pages_name_their_icon_so_that_browsers_ask_for_no_other(operator: Client, page: str):
    found = re.search(r'<link rel="icon" href="([^"]+)"', operator.get(page).content.decode())
    assert found is not None
    assert operator.get(found[1]).status_code == 200


def test_every_window_only_shows():
    assert len(WINDOWS) > 25
    assert all(isinstance(window, ReadOnlyAdmin) for window in admin.site._registry.values())
    forbidden = {"django_celery_beat.periodictask", "account.emailaddress", "auth.group"}
    assert not forbidden & set(WINDOWS)


@pytest.mark.parametrize("label", ["accounts.user", "accounts.organization", "accounts.membership"])
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(
    full: World, operator: Client, label: str, django_assert_max_num_queries: DjangoAssertNumQueries
):
    with django_assert_max_num_queries(14):
        operator.get(address(label))


def test_people_of_an_organization_do_not_get_into_the_admin(world: World):
    client = world.olivia.client
    assert client.get("/admin/").status_code == 302
    refused = client.get("/admin/login/?next=/admin/")
    assert refused.status_code == 403
    assert b"those who run the installation" in refused.content
    assert client.get(address("accounts.user")).status_code == 302


def test_the_admin_has_no_sign_in_form_of_its_own(operator: Client):
    stranger = Client()
    led = stranger.get("/admin/login/?next=/admin/accounts/user/")
    assert led.status_code == 302
    assert led["Location"] == "/accounts/login/?next=/admin/accounts/user/"
    given = {"username": "operator@example.org", "password": PASSWORD}
    assert stranger.post("/admin/login/", given).status_code == 302
    assert SESSION_KEY not in stranger.session


def test_where_a_second_factor_is_asked_a_password_alone_does_not_open_the_admin(
    operator: Client, settings: Any
):
    assert operator.get("/admin/").status_code == 200
    settings.ADMIN_SECOND_FACTOR = True
    assert operator.get("/admin/").status_code == 302
    assert operator.get("/admin/login/").status_code == 403
    session = operator.session
    session["account_authentication_methods"] = [{"method": "mfa", "at": 0, "type": "totp"}]
    session["account_authentication_methods_user"] = session[SESSION_KEY]
    session.save()
    assert operator.get("/admin/").status_code == 200


def act(operator: Client, action: str, *people: User) -> None:
    chosen = [str(person.pk) for person in people]
    operator.post(address("accounts.user"), {"action": action, "_selected_action": chosen})


def test_a_deactivated_person_is_out_everywhere_and_each_organization_is_told(
    full: World, operator: Client
):
    vera, token, client = full.vera.user, full.vera.token(), full.vera.client
    assert client.get(full.url("flags/")).status_code == 200
    strangers = AuditEntry.across_tenants.filter(organization__key="stranger").count()
    act(operator, "deactivate", vera)
    vera.refresh_from_db()
    assert not vera.is_active
    assert client.get(full.url("flags/")).status_code == 302
    answer = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401
    line, refused = full.ledger()[-2:]
    assert refused.action == "refusal.token"
    assert (line.action, line.target) == ("account.deactivated", vera.email)
    assert line.actor_label == "operator operator@example.org"
    assert AuditEntry.across_tenants.filter(organization__key="stranger").count() == strangers
    act(operator, "reactivate", vera)
    vera.refresh_from_db()
    assert vera.is_active
    assert full.ledger()[-1].action == "account.reactivated"


def test_an_operator_stays_in(full: World, operator: Client):
    me = User.objects.get(email="operator@example.org")
    act(operator, "deactivate", me)
    me.refresh_from_db()
    assert me.is_active


def test_staff_without_every_right_only_look(full: World):
    staff = User.objects.create_user("staff@example.org", PASSWORD, is_staff=True)
    client = Client()
    client.force_login(staff)
    act(client, "deactivate", full.vera.user)
    full.vera.user.refresh_from_db()
    assert full.vera.user.is_active
    assert client.get(address("accounts.user")).status_code == 403
    with pytest.raises(NotPermitted), transaction.atomic():
        operators.deactivate(staff, full.vera.user, Origin())


def test_ended_sessions_are_gone(full: World, operator: Client):
    before = Session.objects.count()
    assert full.max.client.get(full.url("flags/")).status_code == 200
    assert Session.objects.count() == before + 1
    act(operator, "deactivate", full.max.user)
    assert Session.objects.count() == before
