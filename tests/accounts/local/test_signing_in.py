"""Signing in with a password, a code, a recovery code; and what the ledger keeps of it."""

from django.test import Client

from accounts.actions import organizations
from tests.accounts.local.people import (
    acts,
    code,
    give_factor,
    is_in,
    sign_in,
    sign_in_with_code,
)
from tests.world.cast import PASSWORD, World


def test_signing_in_is_written_with_how_and_from_where(world: World):
    assert is_in(sign_in(world.max.user))
    line = world.ledger()[-1]
    assert (line.action, line.target) == ("account.signed_in", "max@solar.example")
    assert line.after == {"by": ["password"]}
    assert line.address == "127.0.0.1"


def test_every_organization_of_a_person_hears_and_no_other(world: World):
    organizations.create_organization("second", "Second", world.max.user)
    sign_in(world.max.user)
    assert acts(world.ledger()) == ["account.signed_in"]
    assert "account.signed_in" not in [line.action for line in ledger_of("stranger")]
    assert [line.action for line in ledger_of("second")][-1] == "account.signed_in"


def ledger_of(key: str):
    from accounts.models import AuditEntry  # noqa: PLC0415

    return AuditEntry.across_tenants.filter(organization__key=key).order_by("sequence")


def test_wrong_passwords_are_written_once_for_many_tries_and_name_no_actor(world: World):
    for _ in range(4):
        assert not is_in(sign_in(world.max.user, "wrong"))
    assert acts(world.ledger()) == ["account.sign_in_failed"]
    line = world.ledger()[-1]
    assert (line.actor, line.actor_label, line.target) == (None, "somebody", world.max.user.email)


def test_guessing_ends_after_five_tries_even_with_the_right_password(world: World):
    for _ in range(5):
        sign_in(world.max.user, "wrong")
    assert not is_in(sign_in(world.max.user))
    assert is_in(sign_in(world.rita.user)), "the limit is the account's, not everybody's"


def test_limits_see_the_client_behind_the_trusted_proxy(world: World, settings):
    settings.TRUSTED_PROXIES = 1
    settings.ACCOUNT_RATE_LIMITS = {"login": "2/m/ip"}
    tries = [
        Client(headers={"X-Forwarded-For": f"203.0.113.9, {peer}"}).post("/accounts/login/", {})
        for peer in ("198.51.100.1", "198.51.100.1", "198.51.100.1", "198.51.100.2")
    ]
    assert [answer.status_code for answer in tries] == [200, 200, 429, 200]
    assert b"Too many tries" in tries[2].content


def test_without_trusted_proxies_nobody_chooses_their_own_address(world: World, settings):
    settings.ACCOUNT_RATE_LIMITS = {"login": "2/m/ip"}
    tries = [
        Client(headers={"X-Forwarded-For": f"198.51.100.{last}"}).post("/accounts/login/", {})
        for last in range(3)
    ]
    assert tries[-1].status_code == 429


def test_a_person_with_a_factor_is_in_only_after_the_code(world: World):
    give_factor(world.max.user)
    client = sign_in(world.max.user)
    assert not is_in(client)
    client.post("/accounts/second-factor/authenticate/", {"code": "000000"})
    assert not is_in(client)
    client.post("/accounts/second-factor/authenticate/", {"code": code()})
    assert is_in(client)
    assert acts(world.ledger()) == ["account.sign_in_failed", "account.signed_in"]
    assert world.ledger()[-1].after == {"by": ["password", "totp"]}


def test_a_code_works_once(world: World):
    give_factor(world.max.user)
    assert is_in(sign_in_with_code(world.max.user))
    assert not is_in(sign_in_with_code(world.max.user))


def test_a_recovery_code_lets_in_once(world: World):
    first, *_others = give_factor(world.max.user)
    for expected in (True, False):
        client = sign_in(world.max.user)
        client.post("/accounts/second-factor/authenticate/", {"code": first})
        assert is_in(client) is expected


def test_codes_of_somebody_else_are_worthless(world: World):
    theirs = give_factor(world.rita.user)
    give_factor(world.max.user)
    client = sign_in(world.max.user)
    client.post("/accounts/second-factor/authenticate/", {"code": theirs[0]})
    assert not is_in(client)


def test_secrets_of_factors_are_sealed_in_the_table(world: World):
    from allauth.mfa.models import Authenticator  # noqa: PLC0415

    from tests.accounts.local.people import SECRET  # noqa: PLC0415

    codes = give_factor(world.max.user)
    kept = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert SECRET not in kept
    assert not any(one in kept for one in codes)


def test_a_person_who_is_not_active_does_not_get_in(world: World):
    world.max.user.is_active = False
    world.max.user.save()
    assert not is_in(sign_in(world.max.user))


def test_an_unknown_address_and_a_wrong_password_read_the_same(world: World):
    pages = [
        Client().post("/accounts/login/", {"login": email, "password": "wrong"}).content
        for email in ("max@solar.example", "nobody@solar.example")
    ]
    told = [
        page.decode().partition("You are not signed in")[2].partition("</p>")[0] for page in pages
    ]
    assert told[0]
    assert told[0] == told[1]


def test_the_password_of_a_person_with_a_factor_alone_opens_no_page(world: World):
    give_factor(world.max.user)
    client = Client()
    client.post("/accounts/login/", {"login": world.max.user.email, "password": PASSWORD})
    assert client.get(world.url("flags/")).status_code == 302
    assert client.get("/api/v1/me").status_code == 401
