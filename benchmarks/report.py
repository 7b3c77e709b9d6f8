"""docs/benchmarks.md and docs/benchmarks.png, from what was measured."""

from pathlib import Path

from benchmarks import chart, machine
from benchmarks.results import DISTURBED, Measured, Spread
from benchmarks.workloads import WORKLOADS, Workload

_PAGE = Path("docs/benchmarks.md")
_CHART = Path("docs/benchmarks.png")

_HEAD = """\
# Benchmarks

Written by `make bench`; do not edit. What is measured stands in `benchmarks/`, where the time goes in
[performance.md](performance.md).

## How to read this

- Each figure is the median over the rounds, with the lowest and highest round in brackets. A round starts the server
  anew, waits until it is warm, and then measures for some seconds.
- **CPU time says more than rates.** The generator, the databases and the server share one machine, and others may share
  it with them: a rate depends on what is left over, CPU time per message hardly does. It is that of whole process
  trees, in user and kernel mode: the server, PostgreSQL, Redis, and Parley's worker, which seals the audit log.
- Where there is a second server, both are measured one right after the other in each round, each first in every other
  round. The ratio is Parley's figure divided by the other's: the median of the ratios within the rounds.
- A row is void where the generator took more than 85 % of a core, where the hypervisor took more than 5 % of the
  machine away, or where something acknowledged did not arrive; it says so.
- The limits per user are raised: the generator is a few people who write very fast. Everything else is as shipped:
  validation, permissions, encryption, event log, audit entries.
"""

_AGAIN = """\
## Measure it yourself

```sh
make bench                              # one round of everything, about four minutes
make bench ROUNDS=5 ONLY=W1,W2,W4       # W1 send, W2 fan-out, W3 idle, W4 history, CROSSING, EMBEDDED, FILES
make bench DURATION=10                  # seconds that each run is measured; 5 without it
make bench PLACEMENT=pinned             # the server on one core, everything else on the others
```

To measure another server beside it, start it, give it people and conversations, and describe them in a fixture
(`benchmarks/targets.py`): `PEER_URL=http://127.0.0.1:4000 PEER_FIXTURE=… PEER_PIDS="server=… PostgreSQL=… Redis=…"
PEER_DIALECT=socket.io PEER_NAME=… PEER_TOLD=… make bench ROUNDS=5`. Another protocol is a class in
`benchmarks/dialects.py`.

## What this does not measure

Networks: everything runs over loopback, without TLS. Disks of other machines: the commit of a group waits for this
one's. More than one machine. Long runs: each measurement is seconds. Scanning of files, and storage that is not a
local folder. Search and calls.
"""


def write(results: dict[str, Measured]) -> None:
    """The page and its chart; nothing when nothing was ever measured."""
    shown = [(workload, results[workload.key]) for workload in WORKLOADS if workload.key in results]
    if not shown:
        return
    chart.draw(shown, _CHART)
    peers = sorted({(measured.peer_name, measured.peer_told) for _, measured in shown if measured.peer})
    sections = [
        _HEAD,
        *(f"The other server, {name}: {told}\n" for name, told in peers),
        f"![Parley beside the other server]({_CHART.name})\n" if peers else f"![Parley's figures]({_CHART.name})\n",
        "## The machine\n\n" + "\n".join(f"- {sentence}" for sentence in machine.sentences()) + "\n",
        "## Figures\n",
        *(_section(workload, measured) for workload, measured in shown),
        _AGAIN,
    ]
    _PAGE.write_text("\n".join(sections))


def _section(workload: Workload, measured: Measured) -> str:
    rounds = len(measured.ours)
    lines = [f"### {workload.title} ({workload.family})", "", workload.told, ""]
    lines += [f"{workload.on.value[0].upper()}{workload.on.value[1:]}. {measured.placement}", ""]
    lines += [*_table(measured), ""]
    what = f"{rounds} round{'s' * (rounds > 1)} of {measured.seconds:g} s"
    lines += [f"{what}, {measured.when}, at `{measured.commit or 'unknown'}`.", ""]
    lines += [f"**Void**: {doubt}." for doubt in measured.doubts()]
    if measured.disturbance() > DISTURBED:
        lines += [f"Other programs took {measured.disturbance():.0%} of the machine meanwhile, so rates are too low."]
    return "\n".join(lines).rstrip() + "\n"


def _table(measured: Measured) -> list[str]:
    if not measured.peer:
        rows = [f"| {name} | {_shown(measured.spread(name))} |" for name in measured.names()]
        return ["| | Parley |", "|---|---|", *rows]
    head = [f"| | Parley | {measured.peer_name} | ratio |", "|---|---|---|---|"]
    return head + [_compared(measured, name) for name in measured.names()]


def _compared(measured: Measured, name: str) -> str:
    peer, ratio = measured.peer_spread(name), measured.ratio(name)
    cells = [name, _shown(measured.spread(name)), "-" if peer is None else _shown(peer)]
    return f"| {' | '.join([*cells, '-' if ratio is None else f'{ratio:.2f} x'])} |"


def _shown(spread: Spread) -> str:
    if spread.least == spread.most:
        return _number(spread.middle)
    return f"{_number(spread.middle)} ({_number(spread.least)} to {_number(spread.most)})"


def _number(value: float) -> str:
    if not value:
        return "0"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"
