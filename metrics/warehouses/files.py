"""Which database files may be opened: real files below a folder the operator opened, never our own."""

from pathlib import Path

from metrics.warehouses.connections import Policy
from metrics.warehouses.errors import FileNotFound, ForbiddenFile, NotADatabaseFile


def locate(text: str, policy: Policy) -> Path:
    """The real path of a database file, with every link followed before it is judged."""
    if not text.strip() or "\0" in text:
        raise ForbiddenFile("The path is empty.", hint="Give the path of a database file.")
    try:
        path = Path(text).resolve()
        folders = [folder.resolve() for folder in policy.allowed_folders]
    except (OSError, RuntimeError) as error:
        raise FileNotFound(f"“{text}” cannot be followed to a file.") from error
    # Judged before it is looked for: outside the folders nobody learns what exists.
    if not any(path.is_relative_to(folder) for folder in folders):
        raise ForbiddenFile(f"“{text}” lies outside the folders opened for event sources.")
    if path in [own.resolve() for own in policy.refused_files]:
        raise ForbiddenFile(
            "That file is this installation's own database.", hint="Name the team's own file."
        )
    if not path.exists():
        raise FileNotFound(f"There is no file “{text}”.")
    if not path.is_file():
        raise NotADatabaseFile(f"“{text}” is not a file.")
    return path
