"""Shares as the engine counts them and as people write them."""

from decimal import ROUND_HALF_UP, Decimal


def steps_of(share: Decimal) -> int:
    """A share in percent as steps of 100,000."""
    return int((share * 1000).quantize(Decimal(1), ROUND_HALF_UP))


def share_text(steps: int) -> str:
    """Steps as the number a form shows."""
    return f"{steps / 1000:g}"
