"""The chart of the report: for each workload a rate and what it costs in CPU time, beside the other server if any."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.results import Measured
from benchmarks.workloads import Workload

matplotlib.use("Agg")

_OURS, _PEER = "#1f6f8b", "#b8b8b8"


def draw(shown: Sequence[tuple[Workload, Measured]], target: Path) -> None:
    """Bars are medians, whiskers the lowest and highest round."""
    charted = [(workload, measured) for workload, measured in shown if workload.charted]
    if not charted:
        return
    figure = Figure(figsize=(2.6 * len(charted), 5.4), layout="constrained")
    grid = figure.subplots(2, len(charted), squeeze=False)
    for column, (workload, measured) in enumerate(charted):
        for row, name in enumerate(workload.charted):
            _bars(grid[row][column], measured, name)
        grid[0][column].set_title(workload.title, fontsize=10, fontweight="bold")
    figure.suptitle("Above: the more the better.  Below: CPU time, the less the better.", fontsize=9)
    figure.savefig(target, dpi=110, metadata={"Software": None})


def _bars(axes: Axes, measured: Measured, name: str) -> None:
    both = [("Parley", measured.spread(name), _OURS), (measured.peer_name, measured.peer_spread(name), _PEER)]
    for place, (whose, spread, colour) in enumerate((who, spread, c) for who, spread, c in both if spread is not None):
        whiskers = [[spread.middle - spread.least], [spread.most - spread.middle]]
        axes.bar(place, spread.middle, 0.65, color=colour, yerr=whiskers, capsize=4, label=whose)
        axes.annotate(
            f"{spread.middle:,.0f}" if spread.middle >= 100 else f"{spread.middle:.2g}",
            (place, spread.most),
            ha="center",
            va="bottom",
            fontsize=9,
        )
    names = [who for who, spread, _ in both if spread is not None]
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.set_ylabel(name, fontsize=8)
    axes.tick_params(axis="y", labelsize=7)
    axes.margins(y=0.15)
    axes.spines[["top", "right"]].set_visible(False)
