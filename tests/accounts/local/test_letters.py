"""Letters about accounts lead to this installation, whatever host a request says it is for."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.test import Client

from accounts.models import User
from tests.accounts.local.people import confirm, sign_in
from tests.world.cast import PASSWORD, World

HOME = "https://flags.solar.example"
EVIL = "evil.example"
NEW = "cloudy-roof-panels"
LINK = re.compile(r"https?://\S+")


@pytest.fixture(autouse=True)
def any_host(settings: Any) -> None:
    """An operator behind a proxy that checks hosts; somebody gets past it all the same."""
    settings.ALLOWED_HOSTS = ["*"]
    settings.WAYFORK_URL = HOME
    settings.WAYFORK_OPEN_SIGN_UP = True
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"


def elsewhere() -> Client:
    """A browser, or a script, that names another host."""
    return Client(headers={"host": EVIL})


def signed_in(world: World) -> Client:
    return sign_in(world.max.user, host=EVIL)


def forget_password(_world: World) -> None:
    elsewhere().post("/accounts/password/reset/", {"email": "max@solar.example"})


def forget_an_unknown_password(_world: World) -> None:
    elsewhere().post("/accounts/password/reset/", {"email": "nobody@solar.example"})


def sign_up(_world: World) -> None:
    given = {"name": f"Win at https://{EVIL}", "email": "nora@new.example", "password1": NEW}
    elsewhere().post("/accounts/signup/", given)


def sign_up_again(_world: World) -> None:
    elsewhere().post("/accounts/signup/", {"email": "max@solar.example", "password1": NEW})


def add_an_address(world: World) -> None:
    client = signed_in(world)
    confirm(client)
    client.post("/accounts/email/", {"action_add": "1", "email": "max@home.example"})


def change_the_password(world: World) -> None:
    given = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    signed_in(world).post("/accounts/password/change/", given)


WAYS: tuple[Callable[[World], None], ...] = (
    forget_password,
    forget_an_unknown_password,
    sign_up,
    sign_up_again,
    add_an_address,
    change_the_password,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_forged_host_never_reaches_a_letter(world: World, way: Callable[[World], None]):
    way(world)
    assert mail.outbox, "a letter was sent"
    for letter in mail.outbox:
        whole = f"{letter.subject} {letter.body} {letter.message()}"
        assert EVIL not in whole
        links = LINK.findall(str(letter.body))
        assert links
        assert all(link.startswith(HOME) for link in links), links


def test_the_link_in_a_letter_works(world: World):
    forget_password(world)
    (link,) = (one for one in LINK.findall(str(mail.outbox[0].body)) if "/key/" in one)
    client = Client()
    place = client.get(urlsplit(link).path).headers["Location"]
    client.post(place, {"password1": NEW, "password2": NEW})
    assert User.objects.get(pk=world.max.user.pk).check_password(NEW)


def test_another_host_begins_no_new_count_of_guesses(world: World):
    for number in range(6):
        client = Client(headers={"host": f"host-{number}.example"}, REMOTE_ADDR=f"10.1.0.{number}")
        answer = client.post("/accounts/login/", {"login": "max@solar.example", "password": "no"})
    assert "Too many failed login attempts" in answer.content.decode()
