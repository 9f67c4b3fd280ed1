"""Finds the published key that may have signed a token; never one of another kind."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import jwt

# Asymmetric only: a client secret must never double as a key that verifies (key confusion).
ALGORITHMS: Final[Mapping[str, str]] = {
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "PS256": "RSA",
    "PS384": "RSA",
    "PS512": "RSA",
    "ES256": "EC",
    "ES384": "EC",
    "ES512": "EC",
    "EdDSA": "OKP",
}
CURVES: Final[Mapping[str, str]] = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
LEAST_RSA_BITS: Final = 2048

Keys = Sequence[Mapping[str, Any]]


def matching(keys: Keys, header: Mapping[str, Any], algorithm: str) -> jwt.PyJWK | None:
    """The one key this header can mean, or None.

    A token that names no key is accepted only while a single key comes into question.
    """
    fitting = [key for key in keys if _fits(key, algorithm)]
    named = header.get("kid")
    if named is not None:
        fitting = [key for key in fitting if key.get("kid") == named]
    if len(fitting) != 1:
        return None
    return next(_loaded(fitting, algorithm), None)


def _fits(key: Mapping[str, Any], algorithm: str) -> bool:
    return (
        key.get("kty") == ALGORITHMS.get(algorithm)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and key.get("crv", CURVES.get(algorithm)) == CURVES.get(algorithm, key.get("crv"))
    )


def _loaded(keys: Keys, algorithm: str) -> Iterator[jwt.PyJWK]:
    for key in keys:
        try:
            loaded = jwt.PyJWK(dict(key), algorithm)
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        if getattr(loaded.key, "key_size", LEAST_RSA_BITS) < LEAST_RSA_BITS and key["kty"] == "RSA":
            continue
        yield loaded
