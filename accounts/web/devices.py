"""What a browser calls itself, in words people recognize."""

from typing import Final

# The first word that is found names it: most browsers also claim to be others.
BROWSERS: Final = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("HeadlessChrome/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)
SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "Chromebook"),
    ("Linux", "Linux"),
)


def browser_of(user_agent: str) -> str:
    """As Firefox; empty when it is none we know."""
    return next((name for word, name in BROWSERS if word in user_agent), "")


def system_of(user_agent: str) -> str:
    """As Windows; empty when it is none we know."""
    return next((name for word, name in SYSTEMS if word in user_agent), "")
