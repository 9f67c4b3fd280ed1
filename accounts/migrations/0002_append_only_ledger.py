"""The database refuses to change, remove or empty the ledger, whoever asks."""

from django.db import migrations

TABLES = ("accounts_auditentry", "accounts_auditsubject")

FUNCTION = """
CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$
"""
POSTGRESQL = (
    "CREATE TRIGGER {table}_refuses_change BEFORE UPDATE OR DELETE ON {table}"
    " FOR EACH ROW EXECUTE FUNCTION refuse_ledger_change()",
    "CREATE TRIGGER {table}_refuses_emptying BEFORE TRUNCATE ON {table}"
    " FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change()",
)
# Django remakes a table of SQLite to alter it, and the triggers go with the old one: a migration
# that alters the ledger lays them again.
SQLITE = (
    "CREATE TRIGGER {table}_refuses_change BEFORE UPDATE ON {table}"
    " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: UPDATE refused'); END",
    "CREATE TRIGGER {table}_refuses_emptying BEFORE DELETE ON {table}"
    " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: DELETE refused'); END",
)


def lay(apps, schema_editor):
    on_postgresql = schema_editor.connection.vendor == "postgresql"
    if on_postgresql:
        # Without parameters, so that the percent sign stays one.
        schema_editor.execute(FUNCTION, params=None)
    for table in TABLES:
        for statement in POSTGRESQL if on_postgresql else SQLITE:
            schema_editor.execute(statement.format(table=table), params=None)


def lift(apps, schema_editor):
    on_postgresql = schema_editor.connection.vendor == "postgresql"
    for table in TABLES:
        for name in ("change", "emptying"):
            where = f" ON {table}" if on_postgresql else ""
            schema_editor.execute(f"DROP TRIGGER {table}_refuses_{name}{where}")
    if on_postgresql:
        schema_editor.execute("DROP FUNCTION refuse_ledger_change()")


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunPython(lay, lift)]
