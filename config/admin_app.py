"""Django's admin with `config.admin_site.Site` in place of its own site."""

from django.contrib.admin.apps import AdminConfig as DjangosAdminConfig


class AdminConfig(DjangosAdminConfig):
    default_site = "config.admin_site.Site"
