"""Commands of an operator at the terminal."""

import io

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Membership
from tests.world.cast import World


@pytest.mark.django_db
def test_the_first_organization_is_made_with_an_owner_who_can_sign_in():
    out = io.StringIO()
    call_command("create_organization", "acme", "Acme", owner="boss@acme.example", stdout=out)
    membership = Membership.across_tenants.select_related("user").get()
    assert membership.is_owner
    password = out.getvalue().split("password: ")[1].split(" ")[0]
    assert membership.user.check_password(password)


def test_a_taken_key_is_told_and_nothing_is_left_behind(world: World):
    with pytest.raises(CommandError, match="taken"):
        call_command("create_organization", "solar", "Again", owner="new@acme.example")
    assert not Membership.across_tenants.filter(user__email="new@acme.example").exists()
