"""The client for asyncio: the same questions, and waiting that does not hold up the loop."""

import asyncio
from typing import Self

from wayfork.client.client import EXIT_DEADLINE, BaseClient

# Inside the class these names are its methods.
Boolean = bool
Number = float


class AsyncClient(BaseClient):
    """Feature flags for one environment, in an asyncio program. Only what waits is awaited."""

    async def wait_ready(self, timeout: Number | None = None) -> Boolean:  # noqa: ASYNC109 - as in Client
        """Wait until the server has sent or confirmed the flags; False when it has not in time."""
        return await asyncio.to_thread(self._wait_ready, timeout)

    async def flush(self, timeout: Number = EXIT_DEADLINE) -> Boolean:  # noqa: ASYNC109 - as in Client
        """Send what is queued now; whether all of it left in time."""
        return await asyncio.to_thread(self._flush, timeout)

    async def close(self, timeout: Number = EXIT_DEADLINE) -> None:  # noqa: ASYNC109 - as in Client
        """Send what is queued and stop; the flags go on answering with what they have."""
        await asyncio.to_thread(self._close, timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
