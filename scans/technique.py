"""The settings of an acquisition that one volume has one of: echo time, b-value, tube voltage, thickness and such."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scans.header import Header
from scans.sequence import b_value_of

TIME_TOLERANCE = 0.05  # relative; packages and triggers move a repetition time by less, contrasts differ by more
ECHO_TOLERANCE = 0.01  # relative; echo times are written as set (90) or as played out (90.002)
THICKNESS_TOLERANCE = 0.05  # relative; thicknesses are set in steps of a fifth and more, and written with rounding
VOLTAGE_TOLERANCE = 0.02  # relative; below the step from 135 to 140 kV
SMALLEST = 0.01  # ms, degrees, kV or s/mm2; below this a difference is a rounding
B_VALUE = "b-value"  # the name of that setting
MOST_TOLD = 4  # values in one sentence

Value = float | str
NO_VALUES: tuple[Value, ...] = (0.0, "")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: what a slice says of it, and what counts as the same. No value, 0 and "" are alike: not told."""

    name: str
    of: Callable[[Header], Value | None]
    tolerance: float = 0.0  # relative; words are the same or not
    unit: str = ""
    is_absence_a_value: bool = False  # slices that do not tell it differ from those that do
    is_time: bool = False  # of a time series, it tells its points apart and not its contrasts

    def groups(self, headers: Sequence[Header], indices: Sequence[int], *, untold_apart: bool) -> list[list[int]]:
        """Return the slices by value; those that do not tell one join the others where these all say the same.

        Args:
            headers: Of all slices.
            indices: The slices meant.
            untold_apart: Slices that do not tell the setting are a group of their own in any case.
        """
        told: dict[Value, list[int]] = {}
        for index in indices:
            told.setdefault(self.of(headers[index]) or 0.0, []).append(index)
        untold = told.pop(0.0, [])
        groups = self._near(told)
        if untold and len(groups) == 1 and not (untold_apart or self.is_absence_a_value):
            return [sorted([*groups[0], *untold])]
        return [*groups, untold] if untold else groups

    def facts(self, headers: Sequence[Header], groups: Sequence[Sequence[int]]) -> str:
        """Return how many slices have which value, the most frequent one first."""
        values = [(min((self.of(headers[i]) or 0.0 for i in some), key=str), len(some)) for some in groups]
        values.sort(key=lambda pair: (-pair[1], str(pair[0])))
        told = [f"{self._written(value)} ({n})" for value, n in values]
        more = f" and {len(told) - MOST_TOLD} more" if len(told) > MOST_TOLD else ""
        return f"{self.name} (slices): {', '.join(told[:MOST_TOLD])}{more}"

    def _written(self, value: Value) -> str:
        if value in NO_VALUES:
            return "not told"
        return f"{value:g}{self.unit}" if isinstance(value, float | int) else value

    def _near(self, told: Mapping[Value, list[int]]) -> list[list[int]]:
        """Join near values; no two of a group differ by more than the tolerance, however many lie between."""
        groups: list[list[int]] = [list(told[word]) for word in sorted(v for v in told if isinstance(v, str))]
        lowest: float | None = None
        for value in sorted(v for v in told if not isinstance(v, str)):
            if lowest is not None and value - lowest <= max(self.tolerance * abs(value), SMALLEST):
                groups[-1] += told[value]
            else:
                lowest = value
                groups.append(list(told[value]))
        return [sorted(group) for group in groups]


def _words(values: Sequence[str]) -> str:
    return "\\".join(sorted({value for value in values if value}))


SETTINGS: tuple[Setting, ...] = (
    Setting("echo number", lambda h: h.echo_number),
    Setting("echo time", lambda h: h.echo_time_ms, ECHO_TOLERANCE, " ms"),
    Setting(B_VALUE, b_value_of, TIME_TOLERANCE, " s/mm2", is_absence_a_value=True),
    Setting("repetition time", lambda h: h.repetition_time_ms, TIME_TOLERANCE, " ms"),
    Setting("inversion time", lambda h: h.inversion_time_ms, TIME_TOLERANCE, " ms"),
    Setting("flip angle", lambda h: h.flip_angle_deg, TIME_TOLERANCE, " degrees"),
    Setting("tube voltage", lambda h: h.kvp, VOLTAGE_TOLERANCE, " kV"),
    Setting("slice thickness", lambda h: h.slice_thickness_mm, THICKNESS_TOLERANCE, " mm"),
    Setting("scanning sequence", lambda h: _words(h.scanning_sequence)),
    Setting("cardiac phase", lambda h: h.cardiac_phase, unit=" %", is_time=True),
    Setting("fat saturation", lambda h: "FS" if "FS" in h.scan_options else "", is_absence_a_value=True),
    Setting("sequence variant", lambda h: _words(h.sequence_variant)),
)
