"""line.py - one figure of `penstock-bench targets`: a value, what it is held against, and whether the target is met."""

import dataclasses
import json


@dataclasses.dataclass
class Line:
    id: str                          # of the target, "T1"
    what: str
    value: float
    unit: str
    target: str                      # in words
    met: bool = None                 # None: told for comparison only
    rival: str = None
    rival_value: float = None
    ratio: float = None              # of value to rival_value
    spread: float = None             # of the runs: (largest - smallest) / median
    runs: int = None
    extra: dict = dataclasses.field(default_factory=dict)  # datagrams per request, percentiles, ...

    def json(self):
        fields = dataclasses.asdict(self)
        extra = fields.pop("extra")
        kept = {key: _round(value) for key, value in {**fields, **extra}.items() if value is not None}
        return json.dumps(kept, ensure_ascii=False)

    def text(self):
        verdict = {True: "met", False: "NOT met", None: "for comparison"}[self.met]
        words = [f"{self.id:<4}{_number(self.value):>12} {self.unit}: {self.what}", f"target {self.target}: {verdict}"]
        if self.rival_value is not None:
            words.append(f"{self.rival} {_number(self.rival_value)}" +
                         (f", ratio {self.ratio:.3g}" if self.ratio is not None else ""))
        if self.spread is not None:
            words.append(f"spread {self.spread:.0%} of {self.runs}")
        words += [f"{key} {_number(value)}" for key, value in self.extra.items()]
        return "; ".join(words)


def _round(value):
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _number(value):
    if not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def median(values):
    return sorted(values)[len(values) // 2]


def spread(values):
    return (max(values) - min(values)) / median(values) if len(values) > 1 and median(values) else None
