from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import Q


def require_coherent_people(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Which is wrong, the role or the rights, only the operator knows; and such a change belongs in the log."""
    users = apps.get_model("accounts", "User").objects.using(schema_editor.connection.alias)
    odd = users.exclude(role="staff").filter(Q(is_staff=True) | Q(is_superuser=True)).values_list("username", flat=True)
    if found := sorted(odd):
        raise RuntimeError(
            f"People with rights whose role is not staff: {', '.join(found)}. With the version before this one, give "
            "them that role in the admin or take their rights away; then migrate again."
        )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_username_prefix")]

    operations = [
        migrations.RunPython(require_coherent_people, migrations.RunPython.noop),
        migrations.AddField(
            model_name="user",
            name="sign_outs",
            field=models.PositiveIntegerField(
                default=0, editable=False, verbose_name="how often all their sessions were ended"
            ),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=Q(("role", "staff"), Q(("is_staff", False), ("is_superuser", False)), _connector="OR"),
                name="user_rights_are_for_staff",
                violation_error_message="Only people whose role is staff may use the admin or be superusers.",
            ),
        ),
    ]
