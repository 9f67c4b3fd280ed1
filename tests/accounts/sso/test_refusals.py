"""A provider that lies in one respect signs nobody in, and the page says so."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import FederatedIdentity, IdentityProvider, User
from tests.identity_provider.hostile import ABSENT, Hostile, published
from tests.identity_provider.visitors import Browser, kept_in, last_cause
from tests.world.cast import World

Token = Callable[[Hostile, str], Any]


def changed(**claims: Any) -> Token:
    """A well-signed token in which one thing is wrong."""
    return lambda hostile, nonce: hostile.sign(hostile.claims(nonce, **claims))


def confused(hostile: Hostile, nonce: str) -> str:
    """Signed with the published key taken for an HMAC secret."""
    public = json.dumps(published("first")).encode()
    head, body, _none = hostile.unsigned(hostile.claims(nonce), "HS256").split(".")
    mac = hmac.new(public, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def keyed_by_secret(hostile: Hostile, nonce: str) -> str:
    """Signed with the client secret."""
    head, body, _none = hostile.unsigned(hostile.claims(nonce), "HS256").split(".")
    mac = hmac.new(b"s3cret-of-the-client", f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def tampered(hostile: Hostile, nonce: str) -> str:
    """Signed, then given another subject."""
    head, _body, mac = hostile.sign(hostile.claims(nonce)).split(".")
    _head, body, _mac = hostile.sign(hostile.claims(nonce, sub="somebody-else")).split(".")
    return f"{head}.{body}.{mac}"


NOW = int(time.time())
LIES: dict[str, tuple[str, Token]] = {
    "another issuer": ("issuer", changed(iss="https://id.stranger.example")),
    "an issuer with a slash more": ("issuer", lambda h, n: h.sign(h.claims(n, iss=f"{h.issuer}/"))),
    "no issuer": ("claim_missing", changed(iss=ABSENT)),
    "another audience": ("audience", changed(aud="another-application")),
    "an audience that begins alike": ("audience", changed(aud="wayfork-2")),
    "a list of other audiences": ("audience", changed(aud=["one", "two"])),
    "no audience": ("claim_missing", changed(aud=ABSENT)),
    "an empty audience": ("audience", changed(aud=[])),
    "two audiences and no authorized party": ("audience", changed(aud=["wayfork", "other"])),
    "another authorized party": ("audience", changed(azp="other")),
    "two audiences, another party": ("audience", changed(aud=["wayfork", "other"], azp="other")),
    "expired": ("expired", changed(exp=NOW - 3600, iat=NOW - 30)),
    "no expiry": ("claim_missing", changed(exp=ABSENT)),
    "an expiry that is a text": ("claim_missing", changed(exp="tomorrow")),
    "an expiry that is true": ("claim_missing", changed(exp=True)),
    "an expiry without end": ("token_malformed", changed(exp=float("inf"))),
    "an expiry that is no number": ("token_malformed", changed(exp=float("nan"))),
    "an expiry beyond all numbers": ("token_malformed", changed(exp=10**400)),
    "an expiry in the year 30000": ("claim_missing", changed(exp=884_541_340_800)),
    "an expiry of milliseconds": ("claim_missing", changed(exp=(NOW + 300) * 1000)),
    "an expiry before there was time": ("claim_missing", changed(exp=-NOW)),
    "a time of issue without end": ("token_malformed", changed(iat=float("-inf"))),
    "a time of issue that is no number": ("token_malformed", changed(iat=float("nan"))),
    "a time of issue that is true": ("claim_missing", changed(iat=True)),
    "a beginning without end": ("token_malformed", changed(nbf=float("inf"))),
    "a beginning that is huge": ("claim_missing", changed(nbf=1e300)),
    "a beginning that is a text": ("claim_missing", changed(nbf="now")),
    "a subject no database keeps": ("token_malformed", changed(sub="nina\ud800")),
    "a name no database keeps": ("token_malformed", changed(name="Ni\0na")),
    "a list of claims": ("token_malformed", lambda h, n: h.sign([h.claims(n)])),
    "no time of issue": ("claim_missing", changed(iat=ABSENT)),
    "issued long ago": ("not_fresh", changed(iat=NOW - 7200, exp=NOW + 7200)),
    "issued tomorrow": ("not_fresh", changed(iat=NOW + 86_400, exp=NOW + 90_000)),
    "not to be used before tomorrow": ("not_fresh", changed(nbf=NOW + 86_400)),
    "no subject": ("claim_missing", changed(sub=ABSENT)),
    "an empty subject": ("claim_missing", changed(sub="")),
    "a subject that is a list": ("claim_missing", changed(sub=["nina"])),
    "an endless subject": ("claim_missing", changed(sub="x" * 300)),
    "no nonce": ("nonce", changed(nonce=ABSENT)),
    "another nonce": ("nonce", changed(nonce="of-yesterday")),
    "a nonce that is a list": ("nonce", lambda h, n: h.sign(h.claims(n, nonce=[n]))),
    "unsigned": ("algorithm", lambda h, n: h.unsigned(h.claims(n))),
    "unsigned, in capitals": ("algorithm", lambda h, n: h.unsigned(h.claims(n), "NONE")),
    "unsigned, saying RS256": ("signature", lambda h, n: h.unsigned(h.claims(n), "RS256")),
    "signed by the public key as secret": ("algorithm", confused),
    "signed by the client secret": ("algorithm", keyed_by_secret),
    "signed by a key nobody published": (
        "signature",
        lambda h, n: h.sign(h.claims(n), key="second", kid="first"),
    ),
    "naming an unknown key": ("key_unknown", lambda h, n: h.sign(h.claims(n), kid="unheard-of")),
    "naming a key by a number": ("token_malformed", lambda h, n: h.sign(h.claims(n), kid=7)),
    "tampered with": ("signature", tampered),
    "with critical extensions": (
        "token_malformed",
        lambda h, n: h.sign(h.claims(n), crit=["http://example.com/x"]),
    ),
    "no token at all": ("token_malformed", lambda h, n: ""),
    "two parts only": ("token_malformed", lambda h, n: "e30.e30"),
    "noise": ("token_malformed", lambda h, n: "não é um token"),
    "null": ("token_malformed", lambda h, n: None),
    "an unverified address": ("email_unverified", changed(email_verified=False)),
    "an address verified by a text": ("email_unverified", changed(email_verified="true")),
    "an address unverified by a text": ("email_unverified", changed(email_verified="false")),
    "an address verified by a number": ("email_unverified", changed(email_verified=1)),
    "no word on the address": ("email_unverified", changed(email_verified=ABSENT)),
    "no address": ("email_missing", changed(email=ABSENT)),
    "an address that is none": ("email_missing", changed(email="nina")),
    "an address that is a list": ("email_missing", changed(email=["nina@solar.example"])),
    "an address of another domain": ("domain_unproved", changed(email="nina@gmail.example")),
    "an address of a domain below": ("domain_unproved", changed(email="nina@x.solar.example")),
    "an address of a look-alike": ("email_missing", changed(email="nina@sol\u0430r.example")),
    "an address with a second @": ("email_missing", changed(email="a@evil.example@solar.example")),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_provider_that_lies_signs_nobody_in(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile, lie: str
) -> None:
    cause, token = LIES[lie]
    known = User.objects.count()
    answer = browser.sign_in(okta.key, token=lambda nonce: token(hostile, nonce))
    assert answer.status_code in {403, 503}
    assert browser.person is None
    assert User.objects.count() == known
    assert not FederatedIdentity.objects.within(world.organization).exists()
    assert last_cause(world) == cause
    said = answer.content.decode()
    assert "nothing was changed" in said
    assert world.ledger()[-1].request_id in said


def test_there_are_forty_lies() -> None:
    assert len(LIES) >= 40


def test_an_honest_provider_signs_somebody_in(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    assert browser.sign_in(okta.key).status_code == 302
    assert browser.person is not None
    assert browser.person.email == "nina@solar.example"


def test_an_expired_token_counts_for_a_minute_longer_since_clocks_differ(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    now = int(time.time())
    assert browser.sign_in(okta.key, exp=now - 30, iat=now - 60).status_code == 302


def test_userinfo_that_speaks_of_somebody_else_is_refused(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    asked = browser.begin(okta.key)
    hostile.id_token = hostile.sign(hostile.claims(asked["nonce"]))
    hostile.told = {"sub": "olivia", "email": "olivia@solar.example", "email_verified": True}
    assert browser.come_back(okta.key, state=asked["state"]).status_code == 403
    assert last_cause(world) == "subject"


def test_userinfo_cannot_overrule_the_signed_subject_or_issuer(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    asked = browser.begin(okta.key)
    claims = hostile.claims(asked["nonce"], email=ABSENT, email_verified=ABSENT)
    hostile.id_token = hostile.sign(claims)
    hostile.told = {
        "sub": "nina",
        "iss": "https://elsewhere.example",
        "sid": "forged",
        "email": "nina@solar.example",
        "email_verified": True,
    }
    assert browser.come_back(okta.key, state=asked["state"]).status_code == 302
    identity = FederatedIdentity.objects.within(world.organization).get()
    assert identity.subject == "nina"
    assert identity.sessions.get().sid == ""


# --- state, nonce, PKCE, who answered


def test_an_answer_without_a_state_begun_here_is_refused_and_floods_no_ledger(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    before = len(world.ledger())
    assert browser.come_back(okta.key, state="made-up").status_code == 403
    assert browser.come_back(okta.key).status_code == 403
    assert len(world.ledger()) == before


def test_a_state_works_once(world: World, okta: IdentityProvider, browser: Browser) -> None:
    asked = browser.begin(okta.key)
    assert browser.answered(okta.key, asked).status_code == 302
    other = Browser(browser.hostile, browser.client)
    assert other.answered(okta.key, asked).status_code == 403


def test_a_state_is_used_up_by_a_failure_too(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    asked = browser.begin(okta.key)
    assert browser.answered(okta.key, asked, aud="other").status_code == 403
    assert browser.answered(okta.key, asked).status_code == 403
    assert browser.person is None


def test_a_state_of_another_browser_is_refused(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    asked = Browser(hostile).begin(okta.key)
    assert browser.answered(okta.key, asked).status_code == 403


def test_a_token_of_an_earlier_sign_in_cannot_be_replayed(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    first = browser.begin(okta.key)
    stolen = hostile.sign(hostile.claims(first["nonce"]))
    assert browser.answered(okta.key, first).status_code == 302
    thief = Browser(hostile)
    assert thief.sign_in(okta.key, token=lambda _nonce: stolen).status_code == 403
    assert thief.person is None
    assert last_cause(world) == "nonce"


def test_the_code_is_handed_in_with_the_proof_its_challenge_asks_for(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    asked = browser.begin(okta.key)
    assert asked["code_challenge_method"] == "S256"
    browser.answered(okta.key, asked)
    verifier = hostile.received[0]["code_verifier"]
    digest = hashlib.sha256(verifier.encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]


def test_a_refused_code_says_what_an_owner_should_check(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    hostile.status = 400
    answer = browser.sign_in(okta.key)
    assert answer.status_code == 403
    assert "client id" in answer.content.decode()


def test_a_provider_that_is_broken_is_told_from_one_that_refuses(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    hostile.status = 502
    assert browser.sign_in(okta.key).status_code == 503


@pytest.mark.parametrize("answer", [b"[" * 64_000, b'{"id_token": "a\\u0000b"}', b"[]", b"no"])
def test_an_answer_that_cannot_be_kept_is_refused(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile, answer: bytes
) -> None:
    hostile.raw = answer
    assert browser.sign_in(okta.key).status_code == 403
    assert last_cause(world) == "bad_answer"
    hostile.status = 400
    assert browser.sign_in(okta.key).status_code == 403
    assert last_cause(world) == "exchange_refused"


@pytest.mark.parametrize("sender", ["https://evil.example", ""])
def test_an_answer_that_names_another_sender_is_refused(
    world: World, okta: IdentityProvider, browser: Browser, sender: str
) -> None:
    asked = browser.begin(okta.key)
    assert browser.come_back(okta.key, state=asked["state"], iss=sender).status_code == 403
    assert last_cause(world) == "mixed_up"


def test_a_provider_that_promised_to_name_itself_must(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    okta.metadata["authorization_response_iss_parameter_supported"] = True
    okta.save()
    assert browser.sign_in(okta.key).status_code == 403
    asked = browser.begin(okta.key)
    browser.hostile.id_token = browser.hostile.sign(browser.hostile.claims(asked["nonce"]))
    browser.hostile.told = {"sub": "nina"}
    answer = browser.come_back(okta.key, state=asked["state"], iss=browser.hostile.issuer)
    assert answer.status_code == 302


def test_what_a_provider_says_in_an_error_is_not_repeated_on_the_page(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    asked = browser.begin(okta.key)
    answer = browser.come_back(
        okta.key, state=asked["state"], error="call 0900-1234", error_description="<b>now</b>"
    )
    assert answer.status_code == 403
    assert "0900" not in answer.content.decode()
    assert "now</b>" not in answer.content.decode()


def test_somebody_the_provider_turned_away_is_told_so(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    asked = browser.begin(okta.key)
    answer = browser.come_back(okta.key, state=asked["state"], error="access_denied")
    assert "did not let you in" in answer.content.decode()


# --- tokens anybody can send


def tell(okta: IdentityProvider, token: str) -> int:
    """Send a logout token, without cookies."""
    return Client().post(f"/sso/{okta.key}/back-channel", {"logout_token": token}).status_code


@pytest.mark.parametrize("header", [{"alg": "a\0b"}, {"alg": "\ud800"}, {"alg": ["\0"]}])
def test_a_header_that_no_database_keeps_is_refused_and_recorded(
    world: World, okta: IdentityProvider, hostile: Hostile, header: dict[str, Any]
) -> None:
    assert tell(okta, hostile.sign(hostile.logout_claims(), **header)) == 400
    line = world.ledger()[-1]
    assert line.action == "sso.refused"
    detail = kept_in(line)["detail"]
    assert detail.startswith("signed by")
    assert "\0" not in detail
    assert detail.encode()


def test_a_header_nested_without_end_is_refused(world: World, okta: IdentityProvider) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 60_000).decode()
    assert tell(okta, f"{deep}.e30.e30") == 400


# --- keys


def test_a_new_key_is_found_by_asking_once_more(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    hostile.keys = [published("first"), published("second")]
    answer = browser.sign_in(
        okta.key, token=lambda nonce: hostile.sign(hostile.claims(nonce), key="second")
    )
    assert answer.status_code == 302
    assert hostile.asked.count("/keys") == 2  # discovery, and the one refetch


def test_invented_key_ids_do_not_make_us_ask_again_and_again(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    for number in range(5):
        asked = browser.begin(okta.key)
        hostile.id_token = hostile.sign(hostile.claims(asked["nonce"]), kid=f"k{number}")
        browser.come_back(okta.key, state=asked["state"])
    assert hostile.asked.count("/keys") == 2


def test_a_provider_that_is_down_is_asked_for_its_keys_once_in_a_while(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    hostile.keys = None
    okta.jwks = {}
    okta.save()
    hostile.asked.clear()
    for _ in range(3):
        assert browser.sign_in(okta.key).status_code == 503
        assert last_cause(world) == "unreachable"
    assert hostile.asked.count("/keys") == 1


def test_invented_key_ids_do_not_keep_old_keys_from_being_renewed(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    _cause, invented = LIES["naming an unknown key"]
    browser.sign_in(okta.key, token=lambda nonce: invented(hostile, nonce))
    assert last_cause(world) == "key_unknown"
    okta.jwks = {}
    okta.save()
    assert browser.sign_in(okta.key).status_code == 302


def test_a_provider_that_is_down_is_asked_for_its_document_once_a_minute(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    okta.discovered_at = timezone.now() - timedelta(days=2)
    okta.save()
    hostile.document = {}
    hostile.asked.clear()
    for _ in range(3):
        browser.begin(okta.key)
    assert hostile.asked == ["/.well-known/openid-configuration"]


def test_a_token_that_names_no_key_is_accepted_while_there_is_one(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    hostile.keys = [{name: v for name, v in published("first").items() if name != "kid"}]
    okta.jwks = {}
    okta.save()
    answer = browser.sign_in(
        okta.key, token=lambda nonce: hostile.sign(hostile.claims(nonce), kid=ABSENT)
    )
    assert answer.status_code == 302


def test_a_token_that_names_no_key_is_refused_where_two_come_into_question(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile
) -> None:
    hostile.keys = [published("first"), published("second")]
    okta.jwks = {}
    okta.save()
    answer = browser.sign_in(
        okta.key, token=lambda nonce: hostile.sign(hostile.claims(nonce), kid=ABSENT)
    )
    assert answer.status_code == 403
    assert last_cause(world) == "key_unknown"


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "first"},
        {"kty": "RSA", "kid": "first", "n": "x", "e": "AQAB"},
        published("first", use="enc"),
        published("first", alg="RS512"),
        {"kid": "first"},
        "first",
    ],
    ids=["symmetric", "broken", "for encryption", "for another method", "empty", "a text"],
)
def test_a_key_that_cannot_have_signed_is_not_used(
    world: World, okta: IdentityProvider, browser: Browser, hostile: Hostile, key: Any
) -> None:
    hostile.keys = [key]
    okta.jwks = {}
    okta.save()
    assert browser.sign_in(okta.key).status_code == 403
    assert last_cause(world) == "key_unknown"


# --- assurance


def test_the_required_way_of_signing_in_is_asked_for_and_insisted_on(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    okta.required_acr = "urn:example:mfa urn:example:key"
    okta.save()
    asked = browser.begin(okta.key)
    assert asked["acr_values"] == "urn:example:mfa urn:example:key"
    assert browser.answered(okta.key, asked, acr="pwd").status_code == 403
    assert browser.sign_in(okta.key).status_code == 403
    assert browser.sign_in(okta.key, acr="urn:example:key").status_code == 302


@pytest.mark.parametrize(
    "amr", [["pwd"], [], "mfa", "m", {"mfa": 1}, [["mfa"]], None, ["MFA"]], ids=str
)
def test_a_sign_in_without_one_of_the_required_means_is_refused(
    world: World, okta: IdentityProvider, browser: Browser, amr: Any
) -> None:
    okta.required_amr = "mfa hwk"
    okta.save()
    assert browser.sign_in(okta.key, amr=amr).status_code == 403
    assert last_cause(world) == "assurance"
    assert browser.sign_in(okta.key).status_code == 403
    assert browser.sign_in(okta.key, amr=["pwd", "hwk"]).status_code == 302


def test_way_and_means_are_both_insisted_on(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    okta.required_acr, okta.required_amr = "gold", "mfa"
    okta.save()
    assert browser.sign_in(okta.key, acr="gold", amr=["pwd"]).status_code == 403
    assert browser.sign_in(okta.key, acr="silver", amr=["mfa"]).status_code == 403
    assert browser.sign_in(okta.key, acr="gold", amr=["mfa"]).status_code == 302


def test_a_renewal_without_the_required_means_ends_the_session(
    world: World, okta: IdentityProvider, browser: Browser
) -> None:
    browser.sign_in(okta.key)
    okta.required_amr = "mfa"
    okta.save()
    browser.answered(okta.key, browser.begin(okta.key, "renew"), amr=["pwd"])
    assert browser.person is None
