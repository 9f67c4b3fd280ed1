"""PostgreSQL refuses UPDATE and DELETE on the ledger, whoever asks."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE ON accounts_auditentry
    FOR EACH ROW EXECUTE FUNCTION refuse_ledger_change();
"""
BACKWARD = """
DROP TRIGGER ledger_is_append_only ON accounts_auditentry;
DROP FUNCTION refuse_ledger_change();
"""


def run(statement):
    def apply(apps, schema_editor):
        if schema_editor.connection.vendor == "postgresql":
            # Without parameters, so that the percent sign stays one.
            schema_editor.execute(statement, params=None)

    return apply


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunPython(run(FORWARD), run(BACKWARD))]
