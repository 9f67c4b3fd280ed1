"""The operators' admin: it shows, and it changes nothing."""

import pytest
from django.test import Client

from accounts.actions import credentials
from accounts.models import SdkKey, User
from tests.world.cast import World

TABLES = (
    "user",
    "organization",
    "project",
    "environment",
    "membership",
    "sdkkey",
    "accesstoken",
    "auditentry",
)


@pytest.fixture
def operator(world: World) -> Client:
    """Somebody who runs the installation and belongs to no organization."""
    client = Client()
    client.force_login(User.objects.create_superuser("operator@example.org", "x" * 12))
    return client


@pytest.mark.parametrize("table", TABLES)
def test_an_operator_looks_at_a_table_and_touches_nothing(operator: Client, table: str):
    assert operator.get(f"/admin/accounts/{table}/", {"q": "solar"}).status_code == 200
    assert operator.get(f"/admin/accounts/{table}/add/").status_code == 403


def test_a_key_is_shown_without_its_digest_and_cannot_be_removed(world: World, operator: Client):
    key = credentials.create_sdk_key(world.ada.at(), "server", "Shop").key
    page = operator.get(f"/admin/accounts/sdkkey/{key.pk}/change/")
    assert page.status_code == 200
    assert key.digest.encode() not in page.content
    assert operator.post(f"/admin/accounts/sdkkey/{key.pk}/delete/").status_code == 403
    assert SdkKey.objects.within(world.production).exists()


def test_people_of_an_organization_do_not_get_into_the_admin(world: World):
    assert world.olivia.client.get("/admin/").status_code == 302
