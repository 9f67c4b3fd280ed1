"""SDK keys and access tokens: shown once, kept as digests, worthless when revoked."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.actions import credentials
from accounts.errors import InvalidInput, NotFound, NotPermitted
from accounts.models import AccessToken, SdkKey
from tests.world.cast import World
from wayfork import keys


def test_a_key_is_shown_once_and_kept_only_as_a_digest(world: World):
    made = credentials.create_sdk_key(world.ada.at(), "server", "Shop")
    parsed = keys.parse(made.secret)
    assert (parsed.kind, parsed.environment) == ("srv", "production")
    row = SdkKey.objects.within(world.production).get()
    assert made.secret not in str(vars(row))
    assert credentials.sdk_key(made.secret).pk == row.pk


def test_several_keys_live_at_once_and_revoking_one_leaves_the_other(world: World):
    old, new = (credentials.create_sdk_key(world.ada.at(), "server", one) for one in ("old", "new"))
    credentials.revoke_sdk_key(world.ada.at(), old.key.id)
    with pytest.raises(credentials.BadKey):
        credentials.sdk_key(old.secret)
    assert credentials.sdk_key(new.secret).label == "new"


def test_a_key_may_end_by_itself(world: World):
    soon = timezone.now() + timedelta(days=30)
    made = credentials.create_sdk_key(world.ada.at(), "server", "Shop", soon)
    assert credentials.sdk_key(made.secret).label == "Shop"
    with time_machine.travel(soon), pytest.raises(credentials.BadKey, match="expired"):
        credentials.sdk_key(made.secret)
    with pytest.raises(InvalidInput):
        credentials.create_sdk_key(world.ada.at(), "server", "late", timezone.now())


def test_an_editor_makes_no_keys(world: World):
    with pytest.raises(NotPermitted):
        credentials.create_sdk_key(world.max.at(), "server", "mine")


def test_a_key_of_another_environment_cannot_be_revoked_from_here(world: World):
    made = credentials.create_sdk_key(world.ada.at("staging"), "server", "Shop")
    with pytest.raises(NotFound):
        credentials.revoke_sdk_key(world.ada.at("production"), made.key.id)


def test_a_token_stands_for_its_person_until_it_expires(world: World):
    made = credentials.create_token(world.max.at(), "script")
    found = credentials.token(made.secret).membership
    assert found is not None
    assert found.user == world.max.user
    AccessToken.across_tenants.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(credentials.BadKey):
        credentials.token(made.secret)


def test_a_token_of_a_deactivated_person_is_worthless(world: World):
    made = credentials.create_token(world.max.at(), "script")
    world.max.user.is_active = False
    world.max.user.save()
    with pytest.raises(credentials.BadKey):
        credentials.token(made.secret)


def test_nobody_revokes_the_token_of_somebody_else(world: World):
    made = credentials.create_token(world.max.at(), "script")
    with pytest.raises(NotFound):
        credentials.revoke_token(world.ada.at(), made.token.id)
