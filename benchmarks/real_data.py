"""Repeat the analysis of a published A/B test from its file: python -m benchmarks.real_data PATH

The file is `cookie_cats.csv.gz`: 90,189 players of a mobile game, with a gate at level 30 or at
level 40 (columns userid, version, sum_gamerounds, retention_1, retention_7). It is loaded into a
PostgreSQL database of its own, as a team's events database would be; Wayfork connects to it as an
event source, reads it with a role that may only read, and analyzes it. `--database URL` uses a
server you have; else one is started from the development requirements.
"""

import argparse
import csv
import gzip
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

EXPECTED = """\
published figures: 44,700 and 45,489 units; retention_7 19.020 % -> 18.200 %, p = 0.00155;
retention_1 44.819 % -> 44.228 %, p = 0.0744; rounds 52.456 -> 51.299, p = 0.376; SRM p = 0.0086"""

ASSIGNMENTS = """\
SELECT 'cookie-cats' AS experiment_id, userid AS user_id,
       TIMESTAMP '2024-01-01' AS timestamp, version AS treatment
FROM players"""


def fact_sql(column: str) -> str:
    """One player's figure as a fact: a day after the assignment."""
    value = f"{column}::int" if column.startswith("retention") else column
    return (
        f"SELECT userid AS user_id, TIMESTAMP '2024-01-02' AS timestamp, {value} AS value"  # noqa: S608
        " FROM players"
    )


@contextmanager
def players(path: Path, server: str) -> Iterator[dict[str, Any]]:
    """The file in a database of its own, and a role that may only read it."""
    import psycopg  # noqa: PLC0415 - after the arguments are checked
    from psycopg import sql  # noqa: PLC0415

    name = f"players_{secrets.token_hex(4)}"
    password = secrets.token_hex(12)
    base = server.rpartition("/")[0]
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        admin.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                sql.Identifier(name), sql.Literal(password)
            )
        )
        try:
            with psycopg.connect(f"{base}/{name}") as own:
                _load(own, path)
                own.execute(sql.SQL("GRANT SELECT ON players TO {}").format(sql.Identifier(name)))
            parts = urlsplit(server)
            yield {
                "host": parts.hostname,
                "port": parts.port or 5432,
                "database": name,
                "user": name,
                "password": password,
                "sslmode": "prefer",
            }
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def _load(own: Any, path: Path) -> None:
    own.execute(
        "CREATE TABLE players (userid bigint PRIMARY KEY, version text NOT NULL,"
        " sum_gamerounds integer NOT NULL, retention_1 boolean NOT NULL, retention_7 boolean NOT NULL)"
    )
    with gzip.open(path, "rt", newline="") as file, own.cursor() as cursor:
        rows = csv.reader(file)
        next(rows)
        with cursor.copy("COPY players FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def analyze(owner: Any, connection: dict[str, Any]) -> Any:
    """What a person does in the tutorial, by the same verbs; returns the stored result.

    `owner` is an Access with every right at an environment.
    """
    from experiments import analysis, lifecycle, queries  # noqa: PLC0415 - Django must be up
    from experiments.design import MetricRole  # noqa: PLC0415
    from experiments.lifecycle import ArmPlan, Plan  # noqa: PLC0415
    from metrics.actions import definitions, sources  # noqa: PLC0415

    settings = {key: value for key, value in connection.items() if key != "password"}
    plan = sources.SourcePlan("Game events", "postgres", settings, connection["password"])
    sources.connect(owner, "game", plan)
    sources.define_assignment_query(
        owner, "game", "gate", name="Gate", unit_type="user", sql=ASSIGNMENTS
    )
    for column in ("retention_1", "retention_7", "sum_gamerounds"):
        fact = definitions.FactPlan(column, source="game", sql=fact_sql(column))
        definitions.define_fact(owner, column, fact)
        kind = "proportion" if column.startswith("retention") else "mean"
        definitions.define_metric(owner, column, definitions.MetricPlan(column, kind, column))
    experiment = Plan(
        name="Cookie Cats",
        hypothesis="If the first gate moves from level 30 to 40, more players come back.",
        assignment_query="gate",
        external_id="cookie-cats",
        arms=(
            ArmPlan("gate_30", 50_000, is_control=True, treatment="gate_30"),
            ArmPlan("gate_40", 50_000, treatment="gate_40"),
        ),
        metrics=(
            ("retention_7", MetricRole.PRIMARY),
            ("retention_1", MetricRole.SECONDARY),
            ("sum_gamerounds", MetricRole.SECONDARY),
        ),
    )
    lifecycle.create(owner, "cookie-cats", experiment)
    lifecycle.start(owner, "cookie-cats")
    return analysis.run(queries.experiment(owner, "cookie-cats"))


def report(result: Any) -> None:
    """The figures as a table."""
    document = result.document
    units = ", ".join(f"{arm} {n:,}" for arm, n in document["units"].items())
    print(f"\nunits           {units}")
    for metric in document["metrics"]:
        control, treatment = (metric["arms"][arm]["mean"] for arm in ("gate_30", "gate_40"))
        outcome = metric["comparisons"][0]["outcome"]
        scale, unit = (100, " %") if metric["kind"] == "proportion" else (1, "")
        print(
            f"{metric['metric']:<15} {control * scale:.3f}{unit} -> {treatment * scale:.3f}{unit}"
            f"   p = {outcome['p_value']:.5f}   {metric['comparisons'][0]['verdict']}"
        )
    print(f"SRM             p = {document['srm']['p_value']:.4f}")
    for finding in document["findings"]:
        print(f"{finding['level']:<15} {finding['sentence']}")
    print(f"\n{document['recommendation']['sentence']}")
    print(f"\nread in {result.seconds:.2f} s, {len(result.statements)} statements\n{EXPECTED}")


def main() -> int:
    """Load, analyze, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("path", type=Path, help="cookie_cats.csv.gz")
    parser.add_argument("--database", help="a PostgreSQL server to use (its role makes databases)")
    given = parser.parse_args()
    if not given.path.is_file():
        print(f"There is no file {given.path}.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(WAYFORK_DATA=folder, DJANGO_SETTINGS_MODULE="config.settings")
        for name in ("DATABASE_URL", "REDIS_URL"):
            os.environ.pop(name, None)
        _run(given.path, given.database)
    return 0


def _run(path: Path, database: str | None) -> None:
    import django  # noqa: PLC0415 - the environment had to be set first

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415

    from accounts import access  # noqa: PLC0415
    from accounts.actions import organizations  # noqa: PLC0415
    from accounts.models import User  # noqa: PLC0415
    from config.loopback_servers import postgres  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    user = User.objects.create_user("owner@example.org", secrets.token_hex(8))
    organizations.create_organization("game", "Game", user)
    organizations.create_project(access.of_member(user, "game"), "game", "Game")
    owner = access.of_member(user, "game", "game", "production")
    began = time.monotonic()
    if database:
        with players(path, database) as connection:
            report(analyze(owner, connection))
    else:
        with postgres() as server, players(path, server) as connection:
            report(analyze(owner, connection))
    print(f"all of it took {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
