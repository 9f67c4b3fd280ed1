"""What an application sees when it asks: values, details, overrides, and never an exception."""

import asyncio
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wayfork
from sdks.python.tests.client.snapshots import ANN, KEY, document, flag, flags, snapshot
from wayfork import keys
from wayfork.client import Client


@pytest.fixture
def offline(make_client):
    return make_client(key=None, offline=True, bootstrap=snapshot().to_json())


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("", "WAYFORK_KEY"),
        ("hello", "srv_"),
        (KEY + " ", "spaces"),
        (KEY[:-3], "cut short"),
        (keys.make("mgt", None), "management token"),
        (keys.make("cli", "production"), "server key (srv_)"),
        (42, "not text"),
    ],
    ids=["empty", "no key", "space", "cut", "management", "client", "number"],
)
def test_a_key_that_cannot_be_one_raises_at_once_with_what_to_do(key, says):
    with pytest.raises(keys.MalformedKey) as caught:
        Client(key)
    assert says in str(caught.value)


def test_an_unknown_option_is_a_type_error_that_lists_the_options():
    with pytest.raises(TypeError, match=r"unknown option polling.*poll_interval"):
        Client(KEY, polling=True)  # type: ignore[call-arg]  # the mistake under test


@pytest.mark.parametrize(
    "wrong", [{"poll_interval": "often"}, {"flush_interval": None}, {"url": 7}]
)
def test_an_option_of_the_wrong_type_is_a_type_error_that_names_it(wrong):
    with pytest.raises(TypeError, match=next(iter(wrong))):
        Client(**{"key": KEY, **wrong})


def test_intervals_that_would_run_in_circles_are_lifted(make_client):
    client = make_client(poll_interval=0, flush_interval=float("nan"), request_timeout=-1)
    options = client._options
    assert (options.poll_interval, options.flush_interval, options.request_timeout) == (
        0.05,
        0.01,
        0.1,
    )


def test_the_environment_sets_up_a_client(monkeypatch, server, tmp_path):
    monkeypatch.setenv("WAYFORK_KEY", KEY + "\n")
    monkeypatch.setenv("WAYFORK_URL", server.url + "/")
    monkeypatch.setenv("WAYFORK_APP", "shop")
    monkeypatch.setenv("WAYFORK_SNAPSHOT_PATH", str(tmp_path / "flags.json"))
    with wayfork.Client.from_env(app="till") as client:
        assert client.wait_ready(5)
        assert client._crew.identity.app == "till"
    assert (tmp_path / "flags.json").exists()
    monkeypatch.delenv("WAYFORK_KEY")
    with pytest.raises(keys.MalformedKey):
        Client.from_env()
    monkeypatch.setenv("WAYFORK_OFFLINE", "1")
    assert Client.from_env().status().state == "offline"


def test_a_wrong_typed_question_gets_its_default(offline):
    assert offline.bool("title", True, ANN) is True
    assert offline.string("checkout", "-", ANN) == "-"
    assert offline.int("checkout", 3, ANN) == 3
    assert offline.int("ratio", 3, ANN) == 3
    assert offline.float("limit", 0.0, ANN) == 7
    assert offline.json("title", {"d": 1}, ANN) == {"d": 1}
    found = offline.details("title", default=True, context=ANN, wanted="boolean")
    assert (found.value, found.reason, found.error_code) == (True, "ERROR", "TYPE_MISMATCH")


def test_an_unknown_flag_gets_its_default_and_says_so(offline):
    assert offline.int("no-such-flag", 3, ANN) == 3
    assert offline.details("no-such-flag", 3, ANN).error_code == "FLAG_NOT_FOUND"


def test_details_say_how_an_answer_came_about(client):
    found = client.details("price", 0, ANN)
    assert found.value == {"low": 9, "high": 12}[found.variation]
    assert (found.reason, found.rule, found.version) == ("SPLIT", "r1", 1)
    assert found.experiment == ("price-test", found.variation, True)
    assert found.age is not None
    assert found.error_code is None
    assert found.trace()


def test_all_gives_every_flag_that_has_a_value(offline):
    values = offline.all(ANN)
    assert values.keys() == flags().keys()
    assert values["title"] == "Hello"


def test_the_bootstrap_of_a_page_holds_client_side_flags_only(offline):
    assert offline.bootstrap(ANN) == {
        "epoch": 1,
        "version": 1,
        "flags": {"layout": {"value": {"columns": 2}, "variation": "a", "reason": "DEFAULT"}},
    }


def test_without_a_snapshot_there_is_nothing_to_tell(make_client):
    client = make_client(key=None, offline=True)
    assert client.all(ANN) == {}
    assert client.bootstrap(ANN)["flags"] == {}
    assert client.details("checkout", default=True).trace() == []
    assert client.wait_ready(0) is False


# Overrides


def test_an_override_holds_inside_its_block_and_nests(offline):
    with offline.override({"checkout": True, "limit": 1}):
        assert offline.bool("checkout", False, ANN) is True
        assert offline.details("checkout", default=False, context=ANN).reason == "OVERRIDE"
        with offline.override({"limit": 2, "new": "x"}):
            assert offline.bool("checkout", False, ANN) is True
            assert offline.int("limit", 0) == 2
            assert offline.all()["new"] == "x"
        assert offline.int("limit", 0) == 1
    assert offline.bool("checkout", True, ANN) is False
    assert offline.int("limit", 0) == 7


def test_an_override_of_the_wrong_type_gives_the_default(offline):
    with offline.override({"checkout": "yes", "limit": True, "ratio": 2}):
        assert offline.bool("checkout", False) is False
        assert offline.int("limit", 5) == 5
        assert offline.float("ratio", 0.0) == 2
        assert (
            offline.details("checkout", default=False, wanted="boolean").error_code
            == "TYPE_MISMATCH"
        )


def test_an_override_is_seen_by_its_own_thread_alone(offline):
    seen = []
    with offline.override({"checkout": True}):
        thread = threading.Thread(target=lambda: seen.append(offline.bool("checkout", False)))
        thread.start()
        thread.join()
    assert seen == [False]


async def test_an_override_is_seen_by_its_own_task_alone(offline):
    inside, outside = asyncio.Event(), asyncio.Event()

    async def overriding() -> object:
        with offline.override({"checkout": True}):
            inside.set()
            await outside.wait()
            return offline.bool("checkout", False)

    task = asyncio.create_task(overriding())
    await inside.wait()
    assert offline.bool("checkout", False) is False
    outside.set()
    assert await task is True


def test_two_clients_do_not_share_their_overrides(offline, make_client):
    other = make_client(key=None, offline=True, bootstrap=snapshot().to_json())
    with offline.override({"checkout": True}):
        assert other.bool("checkout", False) is False
        with other.override({"limit": 1}):
            assert offline.bool("checkout", False) is True


def test_an_override_outlives_a_new_snapshot(server, client):
    with client.override({"title": "Bye"}):
        server.publish(document(2, value=True))
        deadline = time.monotonic() + 5
        while not client.bool("checkout", False) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert client.bool("checkout", False) is True
        assert client.string("title", "") == "Bye"


# Never an exception

# Halves of surrogate pairs included: a browser can send them.
TEXT = st.text(st.characters(exclude_categories=()))
WEIRD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=6,
)
CONTEXTS = WEIRD | st.dictionaries(
    st.sampled_from(["userId", "targetingKey", "organizationId", "country"]), WEIRD
)
KEYS = WEIRD | st.sampled_from(sorted(flags()))
RELAXED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(key=KEYS, default=WEIRD, context=CONTEXTS)
@RELAXED
def test_no_question_however_odd_raises(offline, key, default, context):
    for ask in (offline.bool, offline.string, offline.int, offline.float, offline.json):
        ask(key, default, context)
    for ask in (offline.peek, offline.peek.bool, offline.details):
        ask(key, default, context)
    offline.details(key, default, context).trace()
    offline.all(context)
    offline.bootstrap(context)
    offline.expose(key, context)


@given(key=KEYS, default=WEIRD, context=CONTEXTS, event=WEIRD, value=WEIRD)
@RELAXED
def test_no_event_however_odd_raises(offline, key, default, context, event, value):
    online = online_without_a_server()
    online.track(event, context, value=value, thing=default)
    online.int(key, default, context)
    online.expose(key, context)
    with online.override({"checkout": value}):
        online.bool(key, default, context)
        online.details(key, default, context)


_online: list[Client] = []


def online_without_a_server() -> Client:
    if not _online:
        _online.append(Client(KEY, "http://127.0.0.1:9", bootstrap=snapshot().to_json()))
    return _online[0]


class Hostile(dict[str, object]):
    """A context that raises whatever is done to it."""

    def get(self, *_):
        raise RuntimeError("hostile")

    __getitem__ = __iter__ = __len__ = keys = items = __contains__ = get


def test_a_context_that_raises_harms_nobody(offline):
    assert offline.int("price", 5, Hostile()) in {5, 9}
    offline.track("purchase", Hostile())
    offline.all(Hostile())
    offline.expose("price", Hostile())
    online_without_a_server().track("purchase", Hostile())


@pytest.mark.parametrize(
    "url", ["", "nonsense", "http://", "http://[::1", "http://x:99999999", "ftp://x"]
)
def test_an_address_that_is_none_raises_nowhere(make_client, url):
    client = make_client(url)
    assert client.wait_ready(0.2) is False
    assert client.bool("checkout", True) is True
    assert client.status().last_error
    client.close(0.5)


def test_odd_timeouts_raise_nowhere(client):
    for odd in (-1, 0, "soon", float("nan")):
        client.wait_ready(odd)
        client.flush(odd)
    client.close("soon")


def test_importing_the_package_loads_no_client():
    code = "import sys, wayfork, wayfork.engine; print('wayfork.client' in sys.modules)"
    assert _printed(code) == "False"


def test_importing_the_client_takes_no_third_party_package_but_mmh3():
    code = (
        "import sys; before = set(sys.modules); import wayfork.client;"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "print(*sorted(name for name in new - sys.stdlib_module_names if name != 'wayfork'))"
    )
    assert _printed(code) == "mmh3"


def _printed(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_flags_of_a_snapshot_that_changed_type_keep_answering(make_client):
    changed = {**flags(), "checkout": flags()["title"]}
    client = make_client(key=None, offline=True, bootstrap=document(2, flags=changed))
    assert client.bool("checkout", True) is True
    assert client.string("checkout", "-") == "Hello"
    assert flag().type == "boolean"
