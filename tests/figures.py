"""Reading `/metrics` as Prometheus does."""

from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families


class Figures:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def value(self, name: str, **labels: Any) -> float:
        """The sum over all series that have these labels; 0 for none. `name` without its prefix."""
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == f"parley_{name}" and sample.labels.items() >= {**labels}.items()
        )

    def has(self, name: str) -> bool:
        return any(sample.name == f"parley_{name}" for sample in self.samples)


def scrape(url: str, **headers: str) -> Figures:
    """The figures that whoever asks there gets; asking has to succeed."""
    answer = httpx.get(f"{url}/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return Figures(answer.text)
