"""One hub per process: what each environment in use is served, and which sockets listen.

It needs the database only for a cold environment or key; what it has, it goes on serving. The
announcement on the channel layer is a hint; a version check every few seconds is the truth.
"""

import asyncio
import contextlib
import gzip
import json
import logging
import time
import uuid
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.conf import settings
from django.db import DatabaseError, close_old_connections
from django.db.models import Q
from django.utils import timezone

from accounts.access import environment_by_id
from accounts.actions import credentials
from accounts.errors import DomainError
from accounts.models import SdkKey
from flags import announcements
from flags.delivery.limits import Limits
from flags.models import SdkConnection, SnapshotHead
from flags.models import Snapshot as SnapshotRow
from wayfork import keys
from wayfork.engine import Compiled, checksum_of, compile_snapshot, parse_snapshot
from wayfork.engine.document import sealed

log = logging.getLogger(__name__)
T = TypeVar("T")

PING_SECONDS: Final = 25
PRESENCE_SECONDS: Final = 0.3
SEEN_SECONDS: Final = 30
KEY_TRUST_SECONDS: Final = 60
BAD_KEY_SECONDS: Final = 5
MOST_BAD_KEYS: Final = 10_000
# Keys being looked up at a time: what came beyond would stand in the way of new versions.
MOST_LOOK_UPS: Final = 200
LONGEST_KEY: Final = 200
KEYS_IN_MESSAGE: Final = 200
# Above this a change is told, and each SDK fetches it compressed.
INLINE_LIMIT: Final = 100_000
# A database that does not answer is as far away as one that refuses.
TRUTH_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Credential:
    """An SDK key that was found good."""

    digest: str
    environment_id: UUID
    kind: str
    last_four: str

    @property
    def is_server(self) -> bool:
        """Whether it may read the whole snapshot."""
        return self.kind == SdkKey.Kind.SERVER


@dataclass(frozen=True, slots=True)
class Served:
    """One version of one environment, ready to be sent."""

    environment_id: UUID
    epoch: int
    version: int
    body: bytes
    zipped: bytes
    etag: bytes
    zipped_etag: bytes
    changed: str
    # The same, a line end and the document: one frame, made once for however many sockets.
    # Empty where the document is too long for it.
    changed_inline: bytes

    @property
    def place(self) -> tuple[int, int]:
        """What orders versions."""
        return self.epoch, self.version


class Socket(Protocol):
    """What the hub asks of a connected SDK."""

    id: UUID
    credential: Credential
    # Empty where streams are not counted by it.
    address: str

    def offer(self, served: Served) -> None:
        """Put the newest version into the one-place slot."""

    def ping(self) -> None:
        """Show that the line is alive."""

    def dismiss(self, code: int) -> None:
        """Close, soon."""

    def presence(self) -> SdkConnection:
        """The row others read."""


class ColdAndUnreachable(DomainError):
    """Nothing was loaded yet and the database is away."""

    code = "not_ready"
    status = 503
    hint = "Try again in a few seconds."


@dataclass(slots=True)
class _Known:
    credential: Credential | None
    until: float


@dataclass(eq=False)
class Hub:
    """The registry of one event loop."""

    process: str = field(default_factory=lambda: uuid.uuid4().hex)
    served: dict[UUID, Served] = field(default_factory=dict)
    sockets: dict[UUID, set[Socket]] = field(default_factory=dict)
    stale_since: float | None = None
    limits: Limits = field(default_factory=Limits)
    # Whether it was told that a proxy seems to be missing in the settings.
    doubts_proxies: bool = False
    _asking: int = 0
    _keys: dict[str, _Known] = field(default_factory=dict)
    _compiled: dict[UUID, tuple[tuple[int, int], Compiled]] = field(default_factory=dict)
    _loading: dict[object, asyncio.Future[Any]] = field(default_factory=dict)
    _dirty: set[Socket] = field(default_factory=set)
    _exposed: set[str] = field(default_factory=set)
    _written: set[UUID] = field(default_factory=set)
    _gone: set[UUID] = field(default_factory=set)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _asides: set[asyncio.Task[None]] = field(default_factory=set)
    _threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(4, thread_name_prefix="hub")
    )

    def start(self) -> None:
        """Begin to listen and to check; called on the loop that serves."""
        self._forget_the_dead()
        loop = asyncio.get_running_loop()
        announcements.listen_on(loop)
        every = settings.VERSION_CHECK_SECONDS
        self._tasks = [
            loop.create_task(self._listen()),
            loop.create_task(_forever(every, self._check)),
            loop.create_task(_forever(PING_SECONDS, self._ping_all)),
            loop.create_task(_forever(PRESENCE_SECONDS, self._write_presence)),
            loop.create_task(_forever(SEEN_SECONDS, self._mark_seen)),
        ]

    def _forget_the_dead(self) -> None:
        """Where one process is all there is, rows of another are of one that was stopped."""
        if isinstance(get_channel_layer(), InMemoryChannelLayer):
            self._threads.submit(_clean(lambda: _write_rows([], [], _rows_of_others(self.process))))

    async def stop(self) -> None:
        """End the tasks and say that this process's sockets are gone."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    # --- keys

    async def credential(self, secret: str, whence: Callable[[], str] = str) -> Credential:
        """Who this key is; raises BadKey, or ColdAndUnreachable when it cannot be looked up.

        An address that `whence` tells too many unknown ones is refused with TooOften.
        """
        known = self._keys.get(secret)
        now = time.monotonic()
        if known is None or (known.credential is None and known.until < now):
            known = await self._meet(secret, whence)
        elif known.until < now:
            self._look_again(secret, known)
        if known.credential is None:
            raise credentials.BadKey("This SDK key is unknown or was revoked.")
        return known.credential

    def _look_again(self, secret: str, known: _Known) -> None:
        """Nobody waits for a key that was good a minute ago; the check tells if it was revoked."""
        known.until = time.monotonic() + KEY_TRUST_SECONDS
        again = asyncio.get_running_loop().create_task(self._confirm(secret))
        self._asides.add(again)
        again.add_done_callback(self._asides.discard)

    async def _confirm(self, secret: str) -> None:
        # A key that was good stays good while nobody can be asked.
        with contextlib.suppress(ColdAndUnreachable):
            await self._look_up(secret)

    async def _meet(self, secret: str, whence: Callable[[], str]) -> _Known:
        """Look up a key this process does not know; whoever only tries some is slowed down."""
        _refuse_malformed(secret)
        if ("key", secret) in self._loading:
            return await self._look_up(secret)
        if self._asking >= MOST_LOOK_UPS:
            raise ColdAndUnreachable("Too many keys are looked up just now.")
        address = whence()
        self.limits.count_unknown_key(address)
        self._asking += 1
        try:
            known = await self._look_up(secret)
        except ColdAndUnreachable:
            self.limits.forgive_unknown_key(address)
            raise
        finally:
            self._asking -= 1
        if known.credential is not None:
            self.limits.forgive_unknown_key(address)
        return known

    async def _look_up(self, secret: str) -> _Known:
        try:
            found: Credential | None = await self._once(("key", secret), lambda: _find_key(secret))
        except credentials.BadKey:
            found = None
        except DatabaseError as error:
            raise ColdAndUnreachable("The key cannot be looked up just now.") from error
        if len(self._keys) > MOST_BAD_KEYS:
            self._keys = {key: one for key, one in self._keys.items() if one.credential}
        seconds = KEY_TRUST_SECONDS if found else BAD_KEY_SECONDS
        fresh = _Known(found, time.monotonic() + seconds)
        self._keys[secret] = fresh
        return fresh

    def forget_key(self, digest: str) -> None:
        """A key was revoked: close what it opened, trust it no more."""
        self._keys = {
            secret: known
            for secret, known in self._keys.items()
            if known.credential is None or known.credential.digest != digest
        }
        for sockets in list(self.sockets.values()):
            for socket in list(sockets):
                if socket.credential.digest == digest:
                    socket.dismiss(4401)

    def exposed(self, credential: Credential) -> None:
        """A browser sent this server key: it is written down aside, and nobody waits for that."""
        if credential.digest in self._exposed:
            return
        self._exposed.add(credential.digest)
        what = ("exposed", credential.digest)
        telling = self._once(what, lambda: credentials.tell_of_exposed(credential.digest))
        aside = asyncio.get_running_loop().create_task(_quietly(telling))
        self._asides.add(aside)
        aside.add_done_callback(self._asides.discard)

    # --- versions

    async def current(self, environment_id: UUID) -> Served:
        """What the environment is served; loads it when it is cold."""
        served = self.served.get(environment_id)
        return served if served is not None else await self.load(environment_id)

    async def load(self, environment_id: UUID) -> Served:
        """Read the newest version, once however many ask, and offer it to the sockets."""
        try:
            served = await self._once(("snapshot", environment_id), lambda: _load(environment_id))
        except DatabaseError as error:
            self.stale_since = self.stale_since or time.time()
            have = self.served.get(environment_id)
            if have is not None:
                return have
            raise ColdAndUnreachable("This environment cannot be loaded just now.") from error
        self._take(served)
        return self.served[environment_id]

    async def compiled(self, served: Served) -> Compiled:
        """The engine for a version, made when somebody first asks for values: most environments
        are read by server keys alone, and compiling a thousand flags takes most of a second."""
        known = self._compiled.get(served.environment_id)
        if known is not None and known[0] == served.place:
            return known[1]
        what = ("compile", served.environment_id, served.place)
        made = await self._once(what, lambda: compile_snapshot(parse_snapshot(served.body)))
        self._compiled[served.environment_id] = (served.place, made)
        return made

    def _take(self, served: Served) -> None:
        have = self.served.get(served.environment_id)
        if have is not None and have.place >= served.place:
            return
        self.served[served.environment_id] = served
        for socket in tuple(self.sockets.get(served.environment_id, ())):
            socket.offer(served)

    async def _once(self, what: object, work: Callable[[], T]) -> T:
        """Run blocking work in a thread; whoever asks meanwhile gets the same answer."""
        running = self._loading.get(what)
        if running is None:
            loop = asyncio.get_running_loop()
            running = asyncio.ensure_future(loop.run_in_executor(self._threads, _clean(work)))
            self._loading[what] = running
            running.add_done_callback(lambda _done: self._loading.pop(what, None))
        answer: T = await asyncio.shield(running)
        return answer

    # --- sockets

    def join(self, socket: Socket) -> None:
        """A socket is open; raises TooOften where as many are as may be."""
        self.limits.open_stream(socket.credential.digest, socket.address)
        self.sockets.setdefault(socket.credential.environment_id, set()).add(socket)
        self._dirty.add(socket)

    def leave(self, socket: Socket) -> None:
        """A socket is closed."""
        here = self.sockets.get(socket.credential.environment_id, set())
        if socket in here:
            here.discard(socket)
            self.limits.close_stream(socket.credential.digest, socket.address)
        self._dirty.discard(socket)
        self._gone.add(socket.id)

    def touched(self, socket: Socket) -> None:
        """A socket acknowledged a version: its row is written soon."""
        self._dirty.add(socket)

    @property
    def stale_seconds(self) -> int | None:
        """How long the truth has been out of reach; None while it is in reach."""
        return None if self.stale_since is None else int(time.time() - self.stale_since)

    # --- background

    async def _listen(self) -> None:
        while True:
            layer, name = get_channel_layer(), ""
            try:
                name = await layer.new_channel()
                await layer.group_add(announcements.GROUP, name)
                while True:
                    await self._hear(await layer.receive(name))
            except Exception:
                log.exception("the channel layer failed; versions are still checked")
                with contextlib.suppress(Exception):
                    # Else every announcement would go on filling a queue nobody reads.
                    await layer.group_discard(announcements.GROUP, name)
                await asyncio.sleep(1)

    async def _hear(self, message: dict[str, Any]) -> None:
        environment_id = UUID(message["environment"])
        if environment_id not in self.served and environment_id not in self.sockets:
            return
        # Twice, because a load that was under way may have read the version before.
        for _ in range(2):
            have = self.served.get(environment_id)
            if have is None or have.place < (message["epoch"], message["version"]):
                await self.load(environment_id)

    async def _check(self) -> None:
        """The truth, every few seconds: newer versions, and keys that were revoked."""
        in_use = list(self.served)
        digests = {known.credential.digest for known in self._keys.values() if known.credential}
        if not in_use and not digests:
            return
        try:
            asked = self._once("truth", lambda: (_heads(in_use), _revoked(digests)))
            heads, revoked = await asyncio.wait_for(asked, TRUTH_SECONDS)
        except (DatabaseError, TimeoutError):
            self.stale_since = self.stale_since or time.time()
            return
        self.stale_since = None
        for digest in revoked:
            self.forget_key(digest)
        for environment_id, place in heads.items():
            have = self.served.get(environment_id)
            if have is not None and have.place < place:
                await self.load(environment_id)

    async def _ping_all(self) -> None:
        for sockets in list(self.sockets.values()):
            for socket in list(sockets):
                socket.ping()

    async def _write_presence(self) -> None:
        if not self._dirty and not self._gone:
            return
        sockets, gone = set(self._dirty), set(self._gone)
        rows = [self._stamped(socket) for socket in sockets]
        new = [row for row in rows if row.id not in self._written]
        old = [row for row in rows if row.id in self._written]
        self._dirty -= sockets
        try:
            await self._once("presence", lambda: _write_rows(new, old, list(gone)))
        except DatabaseError:
            self._dirty |= {socket for socket in sockets if self._is_open(socket)}
            raise
        # Not before: rows that were not removed would be taken for live ones for ever.
        self._gone -= gone
        self._written |= {row.id for row in new}
        self._written -= gone

    def _is_open(self, socket: Socket) -> bool:
        return socket in self.sockets.get(socket.credential.environment_id, ())

    def _stamped(self, socket: Socket) -> SdkConnection:
        row = socket.presence()
        row.process = self.process
        row.seen_at = timezone.now()
        return row

    async def _mark_seen(self) -> None:
        await self._once("seen", lambda: _mark_process_seen(self.process))


_HUBS: Final[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]] = (
    weakref.WeakKeyDictionary()
)


def here() -> Hub:
    """The hub of the running loop, started on first use (daphne knows no lifespan)."""
    loop = asyncio.get_running_loop()
    hub = _HUBS.get(loop)
    if hub is None:
        hub = _HUBS[loop] = Hub()
        hub.start()
    return hub


async def _forever(seconds: float, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except DatabaseError as error:
            log.warning("the database is away: %s", error)
        except Exception:
            log.exception("a task of the hub failed and will be tried again")


async def _quietly(work: Coroutine[Any, Any, object]) -> None:
    """What nobody waits for may fail, and says so in the log."""
    try:
        await work
    except Exception:
        log.exception("something nobody waits for has failed")


def _clean(work: Callable[[], T]) -> Callable[[], T]:
    def run() -> T:
        close_old_connections()
        try:
            return work()
        finally:
            close_old_connections()

    return run


def _refuse_malformed(secret: str) -> None:
    """What cannot be a key costs no query and is not remembered, however long it is."""
    if len(secret) > LONGEST_KEY:
        raise credentials.BadKey("This is too long to be an SDK key.")
    try:
        keys.parse_sdk_key(secret)
    except keys.MalformedKey as error:
        raise credentials.BadKey(error.message, hint=error.hint) from None


def _find_key(secret: str) -> Credential:
    key = credentials.sdk_key(secret)
    return Credential(key.digest, key.environment_id, key.kind, key.last_four)


def _heads(environment_ids: list[UUID]) -> dict[UUID, tuple[int, int]]:
    rows = SnapshotHead.across_tenants.filter(environment_id__in=environment_ids)
    return {row.environment_id: (row.epoch, row.version) for row in rows}


def _revoked(digests: set[str]) -> set[str]:
    """Those that are good no more: revoked, ended, or gone or archived with their environment."""
    rows = SdkKey.across_tenants.filter(
        Q(expires_at=None) | Q(expires_at__gt=timezone.now()),
        digest__in=digests,
        revoked_at__isnull=True,
        environment__archived_at__isnull=True,
    )
    return digests - set(rows.values_list("digest", flat=True))


def _load(environment_id: UUID) -> Served:
    row: SnapshotRow | None = (
        SnapshotRow.across_tenants.filter(environment_id=environment_id)
        .order_by("-epoch", "-version")
        .first()
    )
    if row is None:
        return _empty(environment_id)
    return _made(
        environment_id,
        (row.epoch, row.version),
        bytes(row.document),
        row.checksum,
        row.changed_keys,
    )


def _empty(environment_id: UUID) -> Served:
    """An environment that never published: version 0 and no flags."""
    environment = environment_by_id(environment_id)
    document = sealed(
        {
            "schema": 1,
            "project": environment.project.key,
            "environment": environment.key,
            "epoch": 1,
            "version": 0,
            "publishedAt": "",
            "checksum": "",
            "units": [],
            "flags": {},
            "segments": {},
            "holdouts": {},
        }
    )
    return _made(environment_id, (1, 0), document, checksum_of(document), [])


def _made(
    environment_id: UUID,
    place: tuple[int, int],
    document: bytes,
    checksum: str,
    keys: list[str],
) -> Served:
    epoch, version = place
    changed = {
        "type": "changed",
        "epoch": epoch,
        "version": version,
        "keys": keys[:KEYS_IN_MESSAGE],
    }
    told = json.dumps(changed, separators=(",", ":"))
    return Served(
        environment_id=environment_id,
        epoch=epoch,
        version=version,
        body=document,
        zipped=gzip.compress(document, 6, mtime=0),
        etag=f'"{checksum}"'.encode(),
        zipped_etag=f'"{checksum}-gzip"'.encode(),
        changed=told,
        changed_inline=b"%b\n%b" % (told.encode(), document)
        if len(document) <= INLINE_LIMIT
        else b"",
    )


def _write_rows(new: list[SdkConnection], old: list[SdkConnection], gone: list[UUID]) -> None:
    """Add the new, and tell the old ones' progress: after a change a thousand sockets say the same
    thing, which is one UPDATE and not a thousand rows to build."""
    if gone:
        SdkConnection.across_tenants.filter(id__in=gone).delete()
    left = set(gone)
    SdkConnection.objects.bulk_create(
        [row for row in new if row.id not in left], ignore_conflicts=True, batch_size=500
    )
    alike: dict[tuple[int, int, str], list[SdkConnection]] = {}
    for row in old:
        if row.id not in left:
            alike.setdefault((row.epoch, row.version, row.last_error), []).append(row)
    for (epoch, version, error), rows in alike.items():
        SdkConnection.across_tenants.filter(id__in=[row.id for row in rows]).update(
            epoch=epoch,
            version=version,
            last_error=error,
            acked_at=max((row.acked_at for row in rows if row.acked_at), default=None),
            seen_at=rows[0].seen_at,
        )


def _rows_of_others(process: str) -> list[UUID]:
    return list(SdkConnection.across_tenants.exclude(process=process).values_list("id", flat=True))


def _mark_process_seen(process: str) -> None:
    now = timezone.now()
    SdkConnection.across_tenants.filter(process=process).update(seen_at=now)
    # A process that died leaves rows behind; they are swept once they are surely stale.
    SdkConnection.across_tenants.filter(seen_at__lt=now - timedelta(minutes=10)).delete()
