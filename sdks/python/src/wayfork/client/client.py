"""The client an application holds: asks its flags, follows their changes, reports what was served."""

import itertools
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, Unpack

from wayfork import __version__, keys
from wayfork.client import processes, reading
from wayfork.client.changes import Listener
from wayfork.client.details import Details, ExperimentDetail, Status
from wayfork.client.errors import EventsRejected, KeyRefused
from wayfork.client.options import DEFAULT_URL, OptionArguments, Options, from_environment
from wayfork.client.peeking import Peek
from wayfork.client.reading import NO_CONTEXT, Context, Expose, FastTable, Read
from wayfork.client.truth import Truth
from wayfork.client.units import units_in
from wayfork.engine import Compiled, Evaluation, Step

if TYPE_CHECKING:
    from wayfork.client.crew import Crew

T = TypeVar("T")

# Inside the class these names are its methods.
Boolean = bool
Integer = int
Number = float

log = logging.getLogger("wayfork")
EXIT_DEADLINE: Final = 2.0
_tokens: Final = itertools.count(1)


class BaseClient:
    """All of a client but the three calls that wait; those come in a plain and in an async form."""

    def __init__(
        self, key: str | None = None, url: str = DEFAULT_URL, **options: Unpack[OptionArguments]
    ) -> None:
        """Start in the background. Only a key that cannot be one (or an unknown option) raises."""
        self._options = Options.given({"url": url, **options})
        self._key = key or ""
        self._token = next(_tokens)
        self._has_overridden = False
        self._is_asleep = False
        self._is_sampling = False
        self._is_closed = False
        self._warned = False
        self._last_error: str | None = None
        self._lock = threading.Lock()
        # Who answers is exchanged by several threads: by the one that follows, by the one that sends.
        self._exchange = threading.RLock()
        self._tables: Mapping[str, FastTable] = {}
        self._install(reading.unready)
        environment = self._checked_environment()
        self._truth = Truth(self._options, environment, self._use, self._report)
        self._crew = self._assembled()
        self.peek = Peek(self._peeked)
        self._truth.remember()
        if not self._options.offline:
            processes.watch(self)
            self._start()

    @classmethod
    def from_env(cls, **options: Unpack[OptionArguments]) -> Self:
        """A client set up by WAYFORK_KEY, WAYFORK_URL and their kin; arguments win over them."""
        key, found = from_environment()
        return cls(key, **{**found, **options})  # type: ignore[arg-type]  # checked by Options.given

    # Asking

    # Five times the same on purpose: a shared function would be a fifth of the cost of the call.
    # Whatever is not plain (an unknown flag, an override, a forked child, a hostile context) raises
    # or is missing from the table, and is left to `_read`.

    def bool(self, key: str, default: Boolean, context: Context = NO_CONTEXT) -> Boolean:
        """The value of a boolean flag; the default when there is none to be had."""
        try:
            value: Boolean
            value, variation, run, counts = self._booleans[key]
            if run is not None:
                found = run(context, default)
                value, variation = found[0], found[1]
                if found[5] is not None:
                    self._met(found, key, context)
            counts[variation] += 1
        except Exception:  # noqa: BLE001 - never into the host application
            return self._read(key, default, context, "boolean")
        return value

    def string(self, key: str, default: str, context: Context = NO_CONTEXT) -> str:
        """The value of a string flag."""
        try:
            value: str
            value, variation, run, counts = self._strings[key]
            if run is not None:
                found = run(context, default)
                value, variation = found[0], found[1]
                if found[5] is not None:
                    self._met(found, key, context)
            counts[variation] += 1
        except Exception:  # noqa: BLE001 - never into the host application
            return self._read(key, default, context, "string")
        return value

    def int(self, key: str, default: Integer, context: Context = NO_CONTEXT) -> Integer:
        """The value of an integer flag."""
        try:
            value: Integer
            value, variation, run, counts = self._integers[key]
            if run is not None:
                found = run(context, default)
                value, variation = found[0], found[1]
                if found[5] is not None:
                    self._met(found, key, context)
            counts[variation] += 1
        except Exception:  # noqa: BLE001 - never into the host application
            return self._read(key, default, context, "integer")
        return value

    def float(self, key: str, default: Number, context: Context = NO_CONTEXT) -> Number:
        """The value of a float flag, or of an integer flag."""
        try:
            value: Number
            value, variation, run, counts = self._floats[key]
            if run is not None:
                found = run(context, default)
                value, variation = found[0], found[1]
                if found[5] is not None:
                    self._met(found, key, context)
            counts[variation] += 1
        except Exception:  # noqa: BLE001 - never into the host application
            return self._read(key, default, context, "float")
        return value

    def json(self, key: str, default: Any, context: Context = NO_CONTEXT) -> Any:
        """The value of a JSON flag. It is shared: do not change it in place."""
        try:
            value: Any
            value, variation, run, counts = self._documents[key]
            if run is not None:
                found = run(context, default)
                value, variation = found[0], found[1]
                if found[5] is not None:
                    self._met(found, key, context)
            counts[variation] += 1
        except Exception:  # noqa: BLE001 - never into the host application
            return self._read(key, default, context, "json")
        return value

    def details(
        self,
        key: str,
        default: Any,
        context: Context = NO_CONTEXT,
        wanted: str | None = None,
    ) -> Details:
        """The value and how it came about; counted and exposed as the plain question is."""
        evaluation = self._evaluation(key, default, context, wanted)
        exposed = False
        try:
            self._read(key, default, context, wanted)
            exposed = self._records and evaluation.unit_id is not None
        except Exception as fault:  # noqa: BLE001 - never into the host application
            self._report(fault)
        return self._detailed(evaluation, key, context, exposed=exposed)

    def all(self, context: Context = NO_CONTEXT) -> dict[str, Any]:
        """The values of all flags that have one; exposes nothing."""
        compiled = self._truth.compiled
        if self._is_sampling:
            self._notice(context)
        if compiled is not None and not self._has_overridden:
            try:
                found = {key: run(context, None) for key, run in compiled.table().items()}
                return {key: answer[0] for key, answer in found.items() if answer[7] is None}
            except Exception as fault:  # noqa: BLE001 - one flag at a time, then
                self._report(fault)
        names = list(compiled.snapshot.flags) if compiled else []
        names += [name for name in reading.overrides_of(self._token) if name not in names]
        answers = ((name, self._evaluation(name, None, context, None)) for name in names)
        return {name: answer.value for name, answer in answers if answer.error_code is None}

    def bootstrap(self, context: Context = NO_CONTEXT) -> dict[str, Any]:
        """The evaluated client-side flags, for a page to start with; exposes nothing."""
        compiled = self._truth.compiled
        if compiled is None:
            return {"epoch": 0, "version": 0, "flags": {}}
        flags: dict[str, Any] = {}
        for name, flag in compiled.snapshot.flags.items():
            found = self._evaluation(name, None, context, None)
            if not flag.client_side or found.error_code is not None:
                continue
            flags[name] = {
                "value": found.value,
                "variation": found.variation,
                "reason": found.reason,
            }
            if found.experiment is not None:
                flags[name]["experiment"] = found.experiment
        return {"epoch": compiled.epoch, "version": compiled.version, "flags": flags}

    # Telling

    def expose(self, key: str, context: Context = NO_CONTEXT) -> None:
        """Note that this unit has met the flag's experiment, after values taken with `peek`."""
        try:
            self._ensure_awake()
            found = self._evaluation(key, None, context, None)
            if found.experiment is not None:
                self._met(found, key, context)
        except Exception as fault:  # noqa: BLE001 - never into the host application
            self._report(fault)

    def track(
        self,
        event: str,
        context: Context = NO_CONTEXT,
        value: Number | None = None,
        **properties: Any,
    ) -> None:
        """Report that something happened; metrics are made of this."""
        if not self._records:
            return
        try:
            self._ensure_awake()
            self._add(self._tracked(event, context, value, properties))
        except Exception as fault:  # noqa: BLE001 - never into the host application
            self._report(fault)

    # Following

    def _wait_ready(self, timeout: Number | None) -> Boolean:
        if self._options.offline:
            return self._truth.belief is not None
        try:
            self._ensure_awake()
            patience = self._options.init_timeout if timeout is None else timeout
            self._truth.settled.wait(max(patience, 0.0))
        except Exception as fault:  # noqa: BLE001 - never into the host application
            self._report(fault)
        return self._truth.is_live

    def on_change(self, key: str | None, listener: Listener) -> Callable[[], None]:
        """Call the listener with each change of that flag (None: of any); returns how to stop it."""
        stop = self._truth.listen(key, listener)
        self._ensure_awake()
        return stop

    def status(self) -> Status:
        """How the client is doing, for health pages and logs."""
        self._ensure_awake()
        belief, age, crew = self._truth.belief, self._truth.age(), self._crew
        is_fresh = age is not None and age <= self._options.stale_after
        return Status(
            state="offline" if self._options.offline else crew.follower.state,
            source=belief.source if belief else "none",
            epoch=belief.compiled.epoch if belief else None,
            version=belief.compiled.version if belief else None,
            age=age,
            stale=not is_fresh and not self._options.offline,
            last_error=self._last_error,
            rejected_snapshots=self._truth.rejected,
            queued_events=crew.outbox.waiting,
            dropped_events=crew.outbox.dropped,
            rejected_events=crew.outbox.rejected,
            instance=crew.identity.instance,
            sdk_version=__version__,
        )

    @contextmanager
    def override(self, values: Mapping[str, object]) -> Iterator[None]:
        """Force values inside a `with` block; only this thread or task and what it starts sees them."""
        if not self._has_overridden:
            with self._exchange:
                self._has_overridden = True
                self._install(self._plain)
        token = reading.OVERRIDDEN.set(reading.overrides_with(self._token, values))
        try:
            yield
        finally:
            # A generator may be finished from another context than the one it began in.
            with suppress(ValueError):
                reading.OVERRIDDEN.reset(token)

    # Ending

    def _flush(self, timeout: Number) -> Boolean:
        if not self._is_sending:
            return True
        try:
            self._ensure_awake()
            return self._crew.outbox.flush(timeout)
        except Exception as fault:  # noqa: BLE001 - never into the host application
            self._report(fault)
            return False

    def _close(self, timeout: Number) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        processes.unwatch(self)
        if self._options.offline or self._is_asleep:
            return
        try:
            deadline = time.monotonic() + max(timeout, 0.0)
            if self._is_sending:
                self._crew.outbox.close(timeout)
            self._crew.follower.close(max(deadline - time.monotonic(), 0.2))
        except Exception as fault:  # noqa: BLE001 - never into the host application
            self._report(fault)

    # Processes

    def wake_in_child(self) -> None:
        """Called in a forked child: threads are gone and start again with the first question."""
        self._lock = threading.Lock()
        self._exchange = threading.RLock()
        self._is_sampling = False
        self._crew.follower.forsake()
        self._crew.outbox.forsake()
        self._truth.revive()
        self._is_asleep = True
        self._crew = self._assembled()
        compiled = self._truth.compiled
        if compiled is not None:
            self._use(compiled)
        else:
            self._install(reading.unready)

    def leave(self) -> None:
        """Called before the process ends."""
        self._close(EXIT_DEADLINE)

    def _waking_read(self, key: str, default: T, context: Context, wanted: str | None) -> T:
        self._ensure_awake()
        return self._read(key, default, context, wanted)

    def _ensure_awake(self) -> None:
        if not self._is_asleep:
            return
        with self._lock:
            if not self._is_asleep:
                return
            with self._exchange:
                self._is_asleep = False
                self._install(self._plain)
        processes.leave_with_multiprocessing()
        self._start()

    # Inside

    @property
    def _is_sending(self) -> Boolean:
        return self._options.events and not self._options.offline

    @property
    def _records(self) -> Boolean:
        return self._is_sending

    def _add(self, item: dict[str, Any]) -> None:
        self._crew.outbox.add(item)

    def _checked_environment(self) -> str | None:
        if self._options.offline and not self._key:
            return None
        if not isinstance(self._key, str):
            raise keys.MalformedKey("The key is not text.", "Pass the environment's server key.")
        parsed = keys.parse_sdk_key(self._key)
        if parsed.kind != keys.SERVER:
            raise keys.MalformedKey(
                "This is a client key, which is for browsers and apps and never sees rules.",
                "Use the environment's server key (srv_).",
            )
        return parsed.environment

    def _assembled(self) -> "Crew":
        # HTTP, TLS and the like take as long to import as all the rest: not before there is a client,
        # and not in a thread of ours either, where a fork could cut the import in two.
        from wayfork.client.crew import Reports, assemble  # noqa: PLC0415 - deliberately delayed

        reports = Reports(self._report, self._on_refused, self._add, self._set_sampling)
        return assemble(self._key, self._options, self._truth, reports)

    def _start(self) -> None:
        try:
            self._crew.follower.start()
            if self._options.events:
                self._crew.outbox.start()
        except RuntimeError as fault:
            # No more threads to be had: the flags answer from what is on disk or bundled.
            self._report(fault)

    def _use(self, compiled: Compiled) -> None:
        counts = self._crew.counting.open(compiled)
        self._crew.sampler.follow(compiled)
        tables = {wanted: reading.fast_table(compiled, counts, wanted) for wanted in reading.TYPES}
        with self._exchange:
            # Called with each answer that an experiment gave.
            self._met: Expose = self._crew.exposures.add if self._records else reading.unnoticed
            self._tables = tables
            self._install(reading.observed(compiled, counts, self._met))

    def _install(self, read: Read) -> None:
        self._plain = read
        is_plain = not (self._is_asleep or self._has_overridden or self._is_sampling)
        fast = self._tables if is_plain else {}
        self._booleans = fast.get("boolean", {})
        self._strings = fast.get("string", {})
        self._integers = fast.get("integer", {})
        self._floats = fast.get("float", {})
        self._documents = fast.get("json", {})
        if self._is_sampling:
            read = reading.noticed(read, self._notice)
        if self._is_asleep:
            self._read = self._waking_read
        elif self._has_overridden:
            self._read = reading.overridable(self._token, read)
        else:
            self._read = read

    def _set_sampling(self, is_open: Boolean) -> None:
        """Let contexts be looked at, or no longer; an application's thread does not wait for it."""
        if is_open == self._is_sampling or not self._exchange.acquire(blocking=is_open):
            return
        try:
            self._is_sampling = is_open and self._records and not self._is_closed
            self._install(self._plain)
        finally:
            self._exchange.release()

    def _notice(self, context: Context) -> None:
        try:
            self._crew.sampler.see(context)
        except Exception as fault:  # noqa: BLE001 - never into the host application
            self._set_sampling(False)  # noqa: FBT003 - a door is open or not
            self._report(fault)

    def _evaluation(
        self, key: str, default: object, context: Context, wanted: str | None
    ) -> Evaluation:
        try:
            self._ensure_awake()
            if self._has_overridden:
                found = reading.override_of(self._token, key, default, wanted)
                if found is not None:
                    return found
            compiled = self._truth.compiled
            if compiled is None:
                return reading.fault(default, reading.NOT_READY, "no snapshot has arrived yet")
            return compiled.evaluate(key, default, context, wanted)
        except Exception as fault:  # noqa: BLE001 - never into the host application
            return reading.fault(default, reading.GENERAL, f"the evaluation failed: {fault!r}")

    def _peeked(self, key: str, default: T, context: Context, wanted: str | None) -> T:
        value: T = self._evaluation(key, default, context, wanted).value
        return value

    def _detailed(
        self, found: Evaluation, key: str, context: Context, *, exposed: Boolean
    ) -> Details:
        experiment = None
        if found.experiment is not None and found.variation is not None:
            experiment = ExperimentDetail(found.experiment, found.variation, exposed)
        compiled = self._truth.compiled

        def trace() -> tuple[Step, ...]:
            try:
                return compiled.trace(key, context).steps if compiled else ()
            except Exception as fault:  # noqa: BLE001 - never into the host application
                self._report(fault)
                return ()

        return Details(
            value=found.value,
            variation=found.variation,
            reason=found.reason,
            error_code=found.error_code,
            error_message=found.error_message,
            rule=found.rule,
            bucket=found.bucket,
            version=found.version,
            age=self._truth.age(),
            experiment=experiment,
            _trace=trace,
        )

    def _tracked(
        self, event: object, context: Context, value: object, properties: dict[str, Any]
    ) -> dict[str, object]:
        if not isinstance(event, str) or not event:
            raise EventsRejected("an event needs a name")
        if value is not None and not _is_finite(value):
            raise EventsRejected(f"the value of {event} is a {type(value).__name__}, not a number")
        private = self._options.private
        told = {name: found for name, found in properties.items() if name not in private}
        item: dict[str, object] = {
            "kind": "track",
            "event": event,
            "value": value,
            "properties": told,
        }
        units = self._truth.units()
        if units is None:
            # Which attributes are units is in the snapshot; the outbox waits for it.
            item["context"] = dict(context)
        else:
            item["units"] = units_in(context, units)
        return item

    def _on_refused(self, fault: KeyRefused) -> None:
        self._crew.outbox.refuse()
        if not self._warned:
            self._warned = True
            log.warning("Wayfork refuses the key, flags stay as they are: %s", fault)

    def _report(self, fault: Exception) -> None:
        self._last_error = f"{type(fault).__name__}: {fault}"
        log.debug("wayfork: %s", self._last_error)
        if self._options.on_error is not None:
            with suppress(Exception):
                self._options.on_error(fault)


class Client(BaseClient):
    """Feature flags for one environment. Make one per process and keep it."""

    def wait_ready(self, timeout: Number | None = None) -> Boolean:
        """Wait until the server has sent or confirmed the flags; False when it has not in time."""
        return self._wait_ready(timeout)

    def flush(self, timeout: Number = EXIT_DEADLINE) -> Boolean:
        """Send what is queued now; whether all of it left in time."""
        return self._flush(timeout)

    def close(self, timeout: Number = EXIT_DEADLINE) -> None:
        """Send what is queued and stop; the flags go on answering with what they have."""
        self._close(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
