# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""A schedule in the five fields of cron, and the same times for systemd and for AWX. Pure.

Only what cron, Kubernetes, systemd and AWX understand alike is taken, so that a schedule means the
same wherever it is put.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["CronError", "Schedule", "calendar", "parse", "rrule"]

# Sources: crontab(5); github.com/robfig/cron v3, parser.go, which Kubernetes reads it by.
_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)
_FIELDS: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of the week", 0, 6, {name: number for number, name in enumerate(_DAYS)}),
)
_ITEM = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d{1,4}))?", re.ASCII)
_LONGEST = 200


class CronError(ValueError):
    """The text is no schedule; the message says what is wrong and how to write it."""


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """When to run; each field holds all of its values, or none where every one is meant."""

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]


def parse(text: str) -> Schedule:
    """Read a schedule such as ``17 * * * *``; Raises CronError."""
    words = _MACROS.get(text.strip().lower(), text).lower().split()
    if len(words) != len(_FIELDS) or len(text) > _LONGEST:
        raise CronError(
            "it has not the five fields minute, hour, day of the month, month and day of the week: "
            "write it as 17 * * * * for every hour at 17 minutes past, or as @hourly"
        )
    minutes, hours, days, months, weekdays = (
        _field(word, *bounds) for word, bounds in zip(words, _FIELDS, strict=True)
    )
    if days and weekdays:
        raise CronError(
            "it has a day of the month and a day of the week, which cron joins by or and others "
            "by and: leave one of them *"
        )
    return Schedule(
        text=" ".join(words),
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
    )


def _field(text: str, name: str, low: int, high: int, names: dict[str, int]) -> tuple[int, ...]:
    found: set[int] = set()
    for item in text.split(","):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise CronError(f"its {name} is {item!r}: give *, {low}-{high}, a list or */step")
        first, last, step = match["first"], match["last"], match["step"]
        if step is not None and first is not None and last is None:
            raise CronError(f"its {name} is {item!r}: write {first}-{high}/{step} for that")
        begin = low if first is None else _number(first, name, low, high, names)
        end = high if first is None else begin
        if last is not None:
            end = _number(last, name, low, high, names)
        if begin > end or step == "0":
            raise CronError(f"its {name} is {item!r}, which is never: correct the range or step")
        found.update(range(begin, end + 1, int(step or 1)))
    return () if len(found) == high - low + 1 else tuple(sorted(found))


def _number(text: str, name: str, low: int, high: int, names: dict[str, int]) -> int:
    number = names.get(text, int(text) if text.isdigit() and len(text) <= 2 else -1)
    if not low <= number <= high:
        also = f" or {', '.join(names)}" if names else ""
        sunday = "; Sunday is 0" if high == len(_DAYS) - 1 else ""
        raise CronError(f"its {name} is {text!r}: give {low} to {high}{also}{sunday}")
    return number


def calendar(schedule: Schedule) -> str:
    """The times as OnCalendar= of a systemd timer. Source: systemd.time(7)."""
    weekdays = ",".join(_DAYS[number].capitalize() for number in schedule.weekdays)
    date = f"*-{_padded(schedule.months)}-{_padded(schedule.days)}"
    time = f"{_padded(schedule.hours)}:{_padded(schedule.minutes)}:00"
    return " ".join(part for part in (weekdays, date, time) if part)


def _padded(values: tuple[int, ...]) -> str:
    return ",".join(f"{value:02d}" for value in values) or "*"


def rrule(schedule: Schedule, *, start: str = "20260101T000000Z", zone: str = "") -> str:
    """The times as AWX takes them. Source: RFC 5545, and AWX' own limits (api/serializers.py:
    one month and one day of the month at the most, INTERVAL always).

    Raises CronError for what AWX refuses.
    """
    for name, values in (("month", schedule.months), ("day of the month", schedule.days)):
        if len(values) > 1:
            raise CronError(f"AWX takes one {name} for each schedule: make one schedule for each")
    # The finest unit that is not given is what the rule counts; the others narrow it.
    frequency = "DAILY" if schedule.hours else "HOURLY"
    if not schedule.minutes:
        frequency = "MINUTELY"
    limits = {
        "BYMONTH": ",".join(map(str, schedule.months)),
        "BYMONTHDAY": ",".join(map(str, schedule.days)),
        "BYDAY": ",".join(_DAYS[number][:2].upper() for number in schedule.weekdays),
        "BYHOUR": ",".join(map(str, schedule.hours)),
        "BYMINUTE": ",".join(map(str, schedule.minutes)),
    }
    rule = "".join(f";{name}={value}" for name, value in limits.items() if value)
    begin = f"DTSTART;TZID={zone}:{start.rstrip('Z')}" if zone else f"DTSTART:{start}"
    return f"{begin} RRULE:FREQ={frequency};INTERVAL=1{rule}"
