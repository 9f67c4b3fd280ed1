"""A person's own account: passwords, factors, sessions; each change ends what it must."""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core import mail
from django.test import Client

from accounts.models import User
from tests.accounts.local.people import (
    acts,
    code,
    confirm,
    give_factor,
    is_in,
    sign_in,
    sign_in_with_code,
)
from tests.world.cast import PASSWORD, World

NEW = "cloudy-roof-panels"


def test_a_new_password_ends_every_other_session(world: World):
    here, there = sign_in(world.max.user), sign_in(world.max.user)
    here.post(
        "/accounts/password/change/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    )
    assert (is_in(here), is_in(there)) == (True, False)
    assert is_in(sign_in(world.max.user, NEW))
    assert "account.password_changed" in acts(world.ledger())
    assert "Something about your account changed" in mail.outbox[-1].body


def test_a_changed_password_needs_the_old_one(world: World):
    client = sign_in(world.max.user)
    answer = client.post(
        "/accounts/password/change/", {"oldpassword": "wrong", "password1": NEW, "password2": NEW}
    )
    assert answer.status_code == 200
    assert not is_in(sign_in(world.max.user, NEW))


def test_a_forgotten_password_is_reset_by_a_link_that_works_once(world: World):
    before = sign_in(world.max.user)
    Client().post("/accounts/password/reset/", {"email": world.max.user.email})
    link = re.search(
        r"http://127.0.0.1:8000(/accounts/password/reset/key/\S+)", str(mail.outbox[-1].body)
    )
    assert link is not None
    client = Client()
    place = client.get(link[1]).headers["Location"]
    client.post(place, {"password1": NEW, "password2": NEW})
    assert is_in(sign_in(world.max.user, NEW))
    assert not is_in(before)
    assert "account.password_reset" in acts(world.ledger())
    assert b"used or is too old" in Client().get(link[1]).content


def test_resetting_tells_nobody_whether_there_is_an_account(world: World):
    answers = [
        Client().post("/accounts/password/reset/", {"email": email})
        for email in ("max@solar.example", "nobody@solar.example")
    ]
    assert {answer.headers["Location"] for answer in answers} == {"/accounts/password/reset/done/"}


def test_a_factor_is_set_up_only_by_who_knows_the_password(world: World):
    client = sign_in(world.max.user)
    place = "/accounts/second-factor/totp/activate/"
    assert "reauthenticate" in client.get(place).headers["Location"]
    assert client.get("/account/second-factor/code.svg").status_code == 404
    confirm(client)
    assert client.get(place).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_setting_up_an_authenticator_app_from_picture_to_ledger(transactional_db: None):
    from tests.world.cast import make_world  # noqa: PLC0415

    world = make_world()
    client = sign_in(world.max.user)
    confirm(client)
    page = client.get("/accounts/second-factor/totp/activate/").content.decode()
    found = re.search(r'id="totp-secret">(\w+)<', page)
    assert found is not None
    picture = client.get("/account/second-factor/code.svg")
    assert picture.headers["Content-Type"] == "image/svg+xml"
    assert "no-store" in picture.headers["Cache-Control"]
    assert b"<svg" in picture.content
    client.post("/accounts/second-factor/totp/activate/", {"code": code(found[1])})
    shown = client.get("/accounts/second-factor/recovery-codes/").content.decode()
    codes = re.search(r'id="recovery-codes">([\d\s]+)<', shown)
    assert codes is not None
    assert len(codes[1].split()) == 10
    again = client.get("/accounts/second-factor/recovery-codes/").content.decode()
    assert codes[1].split()[0] not in again
    assert acts(world.ledger()) == ["account.signed_in", "account.authenticator_added"]


def test_turning_the_app_off_is_written_and_mailed(world: World):
    give_factor(world.max.user)
    client = sign_in_with_code(world.max.user)
    confirm(client)
    client.post("/accounts/second-factor/totp/deactivate/")
    assert not Authenticator.objects.exists()
    assert acts(world.ledger())[-1] == "account.authenticator_removed"
    assert len(mail.outbox) == 1


def test_a_session_is_ended_from_the_list(world: World):
    phone = sign_in(world.max.user, **{"User-Agent": "Mozilla (iPhone) Safari/1"})
    here = sign_in(world.max.user, **{"User-Agent": "Mozilla (Windows) Firefox/1"})
    page = here.get("/account/sessions/").content.decode()
    assert "Safari on iPhone" in page
    assert page.index("Firefox on Windows") < page.index("this browser") < page.index("Safari")
    other = UserSession.objects.get(user_agent__contains="iPhone")
    here.post(f"/account/sessions/{other.id}/end")
    assert (is_in(phone), is_in(here)) == (False, True)
    assert acts(world.ledger())[-1] == "account.session_ended"


def test_nobody_ends_the_session_of_somebody_else(world: World):
    theirs = sign_in(world.rita.user)
    row = UserSession.objects.get()
    answer = sign_in(world.max.user).post(f"/account/sessions/{row.id}/end")
    assert answer.status_code == 404
    assert is_in(theirs)


def test_all_other_sessions_end_at_once(world: World):
    others = [sign_in(world.max.user) for _ in range(3)]
    here = sign_in(world.max.user)
    here.post("/account/sessions/end-others")
    assert [is_in(client) for client in (*others, here)] == [False, False, False, True]
    assert world.ledger()[-1].after == {"sessions": 3}


def test_a_session_that_did_not_begin_at_our_form_is_listed_too(world: World):
    assert b"this browser" in world.max.client.get("/account/sessions/").content


def test_a_name_is_saved_and_told_to_colleagues(world: World):
    world.max.client.post("/account/profile/", {"name": " Max M. "})
    assert User.objects.get(pk=world.max.user.pk).name == "Max M."
    assert acts(world.ledger()) == ["account.renamed"]


def test_a_second_address_counts_after_its_link_was_followed(world: World):
    client = sign_in(world.max.user)
    confirm(client)
    client.post("/accounts/email/", {"action_add": "1", "email": "max@home.example"})
    assert not EmailAddress.objects.get(email="max@home.example").verified
    link = re.search(
        r"http://127.0.0.1:8000(/accounts/confirm-email/\S+)", str(mail.outbox[-1].body)
    )
    assert link is not None
    client.post(link[1])
    assert EmailAddress.objects.get(email="max@home.example").verified


def test_nobody_signs_in_by_an_address_they_have_not_proved(world: World):
    client = sign_in(world.max.user)
    confirm(client)
    for email in (world.rita.user.email, "ceo@solar.example"):
        client.post("/accounts/email/", {"action_add": "1", "email": email})
        client.post("/accounts/email/", {"action_primary": "1", "email": email})
        assert User.objects.get(pk=world.max.user.pk).email == "max@solar.example"
    assert is_in(sign_in(world.rita.user))


# --- making an account


@pytest.fixture
def open_doors(settings):
    settings.WAYFORK_OPEN_SIGN_UP = True
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"


def test_whoever_signs_up_is_in_after_following_the_link(world: World, open_doors: None):
    client = Client()
    given = {"name": "Nora", "email": "nora@new.example", "password1": NEW}
    client.post("/accounts/signup/", given)
    assert not is_in(client)
    assert not is_in(sign_in(User.objects.get(email="nora@new.example"), NEW))
    link = re.search(
        r"http://127.0.0.1:8000(/accounts/confirm-email/\S+)", str(mail.outbox[0].body)
    )
    assert link is not None
    Client().post(link[1])
    nora = User.objects.get(email="nora@new.example")
    assert nora.name == "Nora"
    assert is_in(sign_in(nora, NEW))


def test_members_need_not_prove_an_address_their_colleagues_vouch_for(
    world: World, open_doors: None
):
    assert is_in(sign_in(world.max.user))


def test_signing_up_with_a_taken_address_tells_nothing(world: World, open_doors: None):
    answer = Client().post(
        "/accounts/signup/", {"email": world.max.user.email, "password1": NEW, "name": ""}
    )
    assert answer.headers["Location"] == "/accounts/confirm-email/"
    assert mail.outbox[0].to == [world.max.user.email]
    assert User.objects.filter(email__iexact=world.max.user.email).count() == 1


def test_strangers_make_no_accounts_where_sign_up_is_closed(world: World):
    Client().post("/accounts/signup/", {"email": "nora@new.example", "password1": NEW})
    assert not User.objects.filter(email="nora@new.example").exists()
