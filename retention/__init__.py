"""How long things live, and what keeps them: policies, legal holds, runs.

    retention.policies    which policy counts for what, and why (`explain`)
    retention.schedules   the periods of one rule at one moment, as its rule asks for them
    retention.engine      runs: one at a time, taken up again when they were interrupted; dry runs
    retention.clock       what time it is, for what goes for good
    retention.holds       what is held, for whoever is about to remove something
    retention.services    policies are made and changed, holds placed and lifted
    retention.wiring      what those to the right hand over

What lives how long is declared by each app in its `retention.py` (`core.retention`).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from retention.policies import explain

__all__ = ["explain"]


def __getattr__(name: str) -> Any:
    """`explain`, imported when first used: the package itself is imported before there are models."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from retention import policies

    return policies.explain
