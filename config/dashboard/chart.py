"""Messages per hour as the bars of a picture (SVG): where each is, in units of its view box. Drawn by the template."""

from collections.abc import Sequence
from typing import NamedTuple

from config.dashboard.figures import Hour

WIDTH, HEIGHT = 1080, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 6, 46, 14, 26
_GAP = 4
_EVERY = 3
"""Hours between two labels."""


class Bar(NamedTuple):
    """One hour; `label` is empty where the axis has none."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    hour: Hour
    label: str


class Line(NamedTuple):
    """A line across, and what it stands for."""

    y: float
    label: str


class Chart(NamedTuple):
    bars: list[Bar]
    lines: list[Line]
    total: int
    most: Hour
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def summary(self) -> str:
        """The picture in a sentence."""
        if not self.total:
            return "None in the last 24 hours."
        most = f"the most in the hour from {self.most.begin:%H:%M} UTC on: {self.most.messages:,}"
        return f"{self.total:,} in the last 24 hours, {most}."


def chart_of(hours: Sequence[Hour]) -> Chart:
    """The picture of these hours, of which there is at least one."""
    top = _round_up(max(hour.messages for hour in hours))
    floor, room = HEIGHT - _BOTTOM, HEIGHT - _BOTTOM - _TOP
    step = (WIDTH - _LEFT - _RIGHT) / len(hours)

    def bar(place: int, hour: Hour) -> Bar:
        # What is there is seen, be it ever so little.
        height = max(room * hour.messages / top, 2.0 if hour.messages else 0.0)
        x = _LEFT + place * step + _GAP / 2
        label = f"{hour.begin:%H:%M}" if hour.begin.hour % _EVERY == 0 else ""
        return Bar(round(x, 2), round(floor - height, 2), round(step - _GAP, 2), round(height, 2), 0.0, hour, label)

    bars = [bar(place, hour) for place, hour in enumerate(hours)]
    return Chart(
        bars=[one._replace(middle=round(one.x + one.width / 2, 2)) for one in bars],
        lines=[Line(round(floor - room * part / 2, 2), f"{top * part // 2:,}") for part in range(3)],
        total=sum(hour.messages for hour in hours),
        most=max(hours, key=lambda hour: hour.messages),
    )


def _round_up(most: int) -> int:
    """The first of 2, 4, 6, 8, 10, 20, 40 … that is no less: half of it is a whole number too."""
    size = 1
    while True:
        for part in (2, 4, 6, 8, 10):
            if most <= part * size:
                return part * size
        size *= 10
