"""The WebSocket SDKs hold open: hello, changed, ping; they answer ack or nack."""

import asyncio
import json
import uuid
from typing import Any, Final
from urllib.parse import parse_qs

from channels.consumer import get_handler_name
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.utils import timezone

from accounts.errors import DomainError
from flags.delivery import hub as hubs
from flags.delivery.http import Asked, admitted, asked, count, public_address
from flags.delivery.hub import INLINE_LIMIT, Credential, Hub, Served
from flags.delivery.limits import READY
from flags.models import SdkConnection

BAD_KEY: Final = 4401
TRY_LATER: Final = 1013
TOO_LONG: Final = 1009
FRAME_LIMIT: Final = 64_000
# A closing frame has room for 123 bytes.
LONGEST_REASON: Final = 120
PING: Final = '{"type":"ping"}'


class StreamConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One connected SDK. Not a member of any channel-layer group: the hub fans out."""

    channel_layer_alias = "none"

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Hand a message over at once.

        Channels would first look after database connections, in a thread: with a thousand sockets
        that is a thousand hops for every change acknowledged. This consumer has none; the hub does.
        """
        await getattr(self, get_handler_name(message))(message)

    async def connect(self) -> None:
        """Accept, find out who asks, say hello. A bad key is told by its close code."""
        self.id = uuid.uuid4()
        self.hub: Hub = hubs.here()
        self.newest: Served | None = None
        self.sending: asyncio.Task[None] | None = None
        self.inline = self._inline()
        await self.accept()
        try:
            served = await self._enter()
        except DomainError as error:
            code = BAD_KEY if error.status in {401, 403} else TRY_LATER
            await self.close(code, str(error)[:LONGEST_REASON])
            return
        try:
            await self._greet(served)
        except BaseException:
            # The line is gone already, and nobody will tell.
            self.hub.leave(self)
            raise

    async def _enter(self) -> Served:
        headers = asked(self.scope)
        self.credential: Credential = await admitted(self.hub, headers)
        count(self.hub, self.credential, headers, READY)
        served = await self.hub.current(self.credential.environment_id)
        self.address = public_address(self.credential, headers)
        self.hub.join(self)
        self.row = self._described(headers)
        return served

    async def _greet(self, served: Served) -> None:
        hello = {
            "type": "hello",
            "epoch": served.epoch,
            "version": served.version,
            "window": settings.RECONNECT_WINDOW_SECONDS,
        }
        await self.send(json.dumps(hello, separators=(",", ":")))
        # A version may have been published between the lookup and joining.
        now = self.hub.served.get(self.credential.environment_id)
        if now is not None and now.place > served.place:
            self.offer(now)

    def _inline(self) -> int:
        query = parse_qs(self.scope.get("query_string", b"").decode("latin-1"))
        given = query.get("inline", ["0"])[0]
        return min(int(given), INLINE_LIMIT) if given.isdigit() else 0

    def _described(self, asking: Asked) -> SdkConnection:
        headers = {name: _words(value.decode("latin-1")) for name, value in self.scope["headers"]}
        return SdkConnection(
            id=self.id,
            environment_id=self.credential.environment_id,
            key_last_four=self.credential.last_four,
            instance=headers.get(b"wayfork-instance", "")[:64],
            app=headers.get(b"wayfork-app", "")[:80],
            sdk=headers.get(b"wayfork-sdk", "")[:40],
            address=asking.address(),
            connected_at=timezone.now(),
        )

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """An answer of the SDK; anything else is ignored, and what is too long ends the line."""
        if len(text_data or bytes_data or "") > FRAME_LIMIT:
            await self.close(TOO_LONG)
            return
        if not text_data or not hasattr(self, "row"):
            return
        try:
            message = json.loads(text_data)
        except (ValueError, RecursionError):
            return
        if isinstance(message, dict):
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        epoch, version = _counter(message.get("epoch")), _counter(message.get("version"))
        if epoch is None or version is None:
            return
        if message.get("type") == "ack":
            self.row.epoch, self.row.version = epoch, version
            self.row.acked_at, self.row.last_error = timezone.now(), ""
        elif message.get("type") == "nack":
            self.row.last_error = _words(str(message.get("reason", "refused")))[:200]
        else:
            return
        self.hub.touched(self)

    async def disconnect(self, code: int) -> None:
        """The line is gone."""
        if hasattr(self, "row"):
            self.hub.leave(self)

    # --- what the hub calls

    def offer(self, served: Served) -> None:
        """One-place slot: a slow reader skips to the newest version (state, not a log)."""
        self.newest = served
        if self.sending is None or self.sending.done():
            self.sending = asyncio.get_running_loop().create_task(_quietly(self._pump()))

    async def _pump(self) -> None:
        while self.newest is not None:
            served, self.newest = self.newest, None
            frame = served.changed_inline if self.credential.is_server else b""
            if 0 < len(frame) <= self.inline:
                await self.send(bytes_data=frame)
            else:
                await self.send(served.changed)

    def ping(self) -> None:
        """Keeps proxies from closing a quiet line."""
        self._later(self.send(PING))

    def dismiss(self, code: int) -> None:
        """Close from the hub's side."""
        self._later(self.close(code))

    def presence(self) -> SdkConnection:
        """The row as it should be read now."""
        return self.row

    def _later(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self.background = task


async def _quietly(work: Any) -> None:
    """A line may close while something is being said on it; that is no fault."""
    try:
        await work
    except (RuntimeError, OSError, asyncio.CancelledError):
        return


def _words(text: str) -> str:
    """What an SDK says, without what a database cannot hold: one row would spoil a whole batch."""
    return "".join(character for character in text if character.isprintable())


def _counter(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value < 2**31 else None
