"""Keys say what they are, and what is wrong with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfork import keys
from wayfork.keys import Key, MalformedKey

environments = st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True)


@given(st.sampled_from(["srv", "cli"]), environments)
def test_an_sdk_key_names_its_kind_and_environment(kind, environment):
    made = keys.make(kind, environment)
    assert keys.parse(made) == keys.parse_sdk_key(made) == Key(kind, environment)
    assert len(made) == len(kind) + len(environment) + 40


def test_a_management_token_belongs_to_no_environment():
    assert keys.parse(keys.make("mgt", None)) == Key("mgt", None)


def test_no_two_keys_are_alike():
    assert len({keys.make("srv", "production") for _ in range(1000)}) == 1000


@given(st.data())
def test_a_single_wrong_character_is_noticed(data):
    made = keys.make("srv", "production")
    place = data.draw(st.integers(0, len(made) - 1))
    other = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567_-"))
    if made[place] != other:
        with pytest.raises(MalformedKey):
            keys.parse(made[:place] + other + made[place + 1 :])


@given(st.text(max_size=60))
def test_any_other_text_is_refused_and_never_shown(text):
    with pytest.raises(MalformedKey) as caught:
        keys.parse(text)
    assert caught.value.hint
    assert len(text) < 8 or text not in str(caught.value)


@pytest.mark.parametrize(
    ("spoil", "hint"),
    [
        (lambda key: "", "WAYFORK_KEY"),
        (lambda key: f" {key}", "Paste"),
        (lambda key: f"{key}\n", "Paste"),
        (lambda key: f'"{key}"', "quotes"),
        (lambda key: f"Bearer{key}", "alone"),
        (lambda key: key[:-3], "very end"),
        (lambda key: f"{key}x", "what follows"),
        (lambda key: key[4:], "srv_"),
        (lambda key: key.upper(), "srv_"),
        (lambda key: "srv_", "whole key"),
    ],
)
def test_the_hint_says_what_to_do(spoil, hint):
    with pytest.raises(MalformedKey) as caught:
        keys.parse(spoil(keys.make("srv", "production")))
    assert hint in caught.value.hint


def test_a_management_token_is_refused_where_an_sdk_key_is_wanted():
    with pytest.raises(MalformedKey) as caught:
        keys.parse_sdk_key(keys.make("mgt", None))
    assert "srv_" in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "environment"),
    [
        ("srv", None),
        ("mgt", "production"),
        ("xyz", "production"),
        ("srv", "Production"),
        ("cli", ""),
    ],
)
def test_a_key_that_could_not_be_read_is_not_made(kind, environment):
    with pytest.raises(ValueError, match=r"environment|no kind"):
        keys.make(kind, environment)
