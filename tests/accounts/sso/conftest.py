"""The providers of these tests, and Solar's own among them."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import IdentityProvider
from tests.identity_provider.hostile import Hostile, hostile_provider
from tests.identity_provider.running import RealProvider, two_providers
from tests.identity_provider.visitors import Browser, make_provider, owner_of
from tests.world.cast import World


@pytest.fixture(autouse=True)
def loopback_is_allowed(settings: Any) -> None:
    """The operator lets outbound calls reach the providers of the tests."""
    settings.OUTBOUND_ALLOW = ["127.0.0.0/8"]


@pytest.fixture(scope="session")
def _hostile() -> Iterator[Hostile]:
    with hostile_provider() as hostile:
        yield hostile


@pytest.fixture
def hostile(_hostile: Hostile) -> Hostile:
    """A provider that says what the test wants; honest to begin with."""
    _hostile.reset()
    return _hostile


@pytest.fixture(scope="session")
def real_providers() -> Iterator[tuple[RealProvider, RealProvider]]:
    """Two certified providers."""
    with two_providers() as both:
        yield both


@pytest.fixture
def north(real_providers: tuple[RealProvider, RealProvider]) -> RealProvider:
    """The first of them, with nobody in it."""
    real_providers[0].has_accounts()
    return real_providers[0]


@pytest.fixture
def south(real_providers: tuple[RealProvider, RealProvider]) -> RealProvider:
    """The second."""
    real_providers[1].has_accounts()
    return real_providers[1]


@pytest.fixture
def okta(world: World, hostile: Hostile) -> IdentityProvider:
    """The hostile provider as Solar's own."""
    return make_provider(owner_of(world), hostile.issuer)


@pytest.fixture
def browser(hostile: Hostile) -> Browser:
    """Nobody is signed in yet."""
    return Browser(hostile)
