"""Retention in the admin: policies with a preview before anything changes, legal holds, and what runs took away."""

from retention.admin.holds import HoldAdmin
from retention.admin.policies import PolicyAdmin
from retention.admin.runs import RunAdmin

__all__ = ["HoldAdmin", "PolicyAdmin", "RunAdmin"]
