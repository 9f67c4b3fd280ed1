"""Asking without leaving a trace: nothing is counted, nobody is exposed."""

from typing import Any

from wayfork.client.reading import NO_CONTEXT, Context, Read

# Inside the class these names are its methods.
Boolean = bool
Integer = int
Number = float


class Peek:
    """The client's typed questions, without their side effects."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def __call__(self, key: str, default: Any, context: Context = NO_CONTEXT) -> Any:
        """The value of a flag of any type."""
        return self._read(key, default, context, None)

    def bool(self, key: str, default: Boolean, context: Context = NO_CONTEXT) -> Boolean:
        """The value of a boolean flag."""
        return self._read(key, default, context, "boolean")

    def string(self, key: str, default: str, context: Context = NO_CONTEXT) -> str:
        """The value of a string flag."""
        return self._read(key, default, context, "string")

    def int(self, key: str, default: Integer, context: Context = NO_CONTEXT) -> Integer:
        """The value of an integer flag."""
        return self._read(key, default, context, "integer")

    def float(self, key: str, default: Number, context: Context = NO_CONTEXT) -> Number:
        """The value of a float flag, or of an integer flag."""
        return self._read(key, default, context, "float")

    def json(self, key: str, default: Any, context: Context = NO_CONTEXT) -> Any:
        """The value of a JSON flag. It is shared: do not change it in place."""
        return self._read(key, default, context, "json")
