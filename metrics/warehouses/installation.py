"""What this installation allows event sources, read from its settings."""

from pathlib import Path

from django.conf import settings

from metrics.warehouses.connections import Limits, Policy


def policy() -> Policy:
    """The operator's switches, and the product's own database as the place nobody's query reaches."""
    own = settings.DATABASES["default"]
    is_file = own["ENGINE"].endswith("sqlite3")
    address = (str(own.get("HOST") or ""), int(own.get("PORT") or 5432), str(own["NAME"]))
    return Policy(
        allow_private=bool(settings.EVENT_PRIVATE_HOSTS),
        allowed_folders=tuple(Path(folder) for folder in settings.EVENT_FILE_FOLDERS),
        refused_files=(Path(own["NAME"]),) if is_file else (),
        refused_databases=() if is_file else (address,),
        limits=Limits(seconds=float(settings.EVENT_QUERY_SECONDS)),
    )
