"""What works in the background for a client; all of the SDK that needs the network is behind this."""

from collections.abc import Callable
from dataclasses import dataclass

from wayfork.client.counting import Counting
from wayfork.client.errors import KeyRefused
from wayfork.client.exposures import Exposures, Item
from wayfork.client.following import Follower
from wayfork.client.identity import Identity
from wayfork.client.options import Options
from wayfork.client.outbox import Outbox, Source
from wayfork.client.sampling import Sampler
from wayfork.client.truth import Truth


@dataclass(frozen=True, slots=True)
class Reports:
    """Whom the background tells what."""

    fault: Callable[[Exception], None]
    refused: Callable[[KeyRefused], None]
    exposure: Callable[[Item], None]
    door: Callable[[bool], None]


@dataclass(frozen=True, slots=True)
class Crew:
    """One process's threads and queues; a forked child gets others."""

    identity: Identity
    counting: Counting
    outbox: Outbox
    follower: Follower
    exposures: Exposures
    sampler: Sampler


def assemble(key: str, options: Options, truth: Truth, reports: Reports) -> Crew:
    """Everything made, nothing started."""
    identity = Identity(key, options.app)
    counting = Counting()
    sampler = Sampler(options, reports.door)
    source = Source(truth.units, counting.news, sampler.tell, reports.fault)
    outbox = Outbox(options, identity, source)
    follower = Follower(options, identity, truth, reports.fault, reports.refused)
    exposures = Exposures(reports.exposure, options.shared_attributes)
    return Crew(identity, counting, outbox, follower, exposures, sampler)
