# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One schedule in the words of cron, systemd and AWX, compared by the times that they mean."""

from __future__ import annotations

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from ansible.errors import AnsibleFilterError
from dateutil.rrule import rrulestr

from ansible_collections.kubedebug.core.plugins.filter.on_calendar import on_calendar
from ansible_collections.kubedebug.core.plugins.filter.rrule import rrule as rrule_filter
from ansible_collections.kubedebug.core.plugins.module_utils._schedule.cron import (
    CronError,
    Schedule,
    calendar,
    parse,
    rrule,
)

__all__: list[str] = []

_CASES = [
    pytest.param("17 * * * *", "*-*-* *:17:00", "FREQ=HOURLY;INTERVAL=1;BYMINUTE=17", id="hourly"),
    pytest.param("* * * * *", "*-*-* *:*:00", "FREQ=MINUTELY;INTERVAL=1", id="each-minute"),
    pytest.param(
        "*/20 * * * *", "*-*-* *:00,20,40:00", "FREQ=HOURLY;INTERVAL=1;BYMINUTE=0,20,40", id="step"
    ),
    pytest.param(
        "5 4,16 * * *",
        "*-*-* 04,16:05:00",
        "FREQ=DAILY;INTERVAL=1;BYHOUR=4,16;BYMINUTE=5",
        id="list",
    ),
    pytest.param(
        "0 6 * * mon-wed",
        "Mon,Tue,Wed *-*-* 06:00:00",
        "FREQ=DAILY;INTERVAL=1;BYDAY=MO,TU,WE;BYHOUR=6;BYMINUTE=0",
        id="days-by-name",
    ),
    pytest.param(
        "30 2 1 FEB *",
        "*-02-01 02:30:00",
        "FREQ=DAILY;INTERVAL=1;BYMONTH=2;BYMONTHDAY=1;BYHOUR=2;BYMINUTE=30",
        id="yearly",
    ),
    pytest.param(
        "* 9-10 * * 0",
        "Sun *-*-* 09,10:*:00",
        "FREQ=MINUTELY;INTERVAL=1;BYDAY=SU;BYHOUR=9,10",
        id="each-minute-of-some",
    ),
    pytest.param(
        "1-10/4 * * * *", "*-*-* *:01,05,09:00", "FREQ=HOURLY;INTERVAL=1;BYMINUTE=1,5,9", id="range"
    ),
    pytest.param(
        "@Daily", "*-*-* 00:00:00", "FREQ=DAILY;INTERVAL=1;BYHOUR=0;BYMINUTE=0", id="macro"
    ),
]
_START = datetime(2026, 1, 1, tzinfo=UTC)


def _matches(schedule: Schedule, at: datetime) -> bool:
    """What cron does each minute."""
    fields = (
        (schedule.minutes, at.minute),
        (schedule.hours, at.hour),
        (schedule.days, at.day),
        (schedule.months, at.month),
        (schedule.weekdays, at.isoweekday() % 7),
    )
    return all(not values or value in values for values, value in fields)


def _times(schedule: Schedule, count: int) -> list[datetime]:
    minutes = (_START + timedelta(minutes=number) for number in range(60 * 24 * 60))
    return list(islice((at for at in minutes if _matches(schedule, at)), count))


@pytest.mark.parametrize(("text", "systemd", "rule"), _CASES)
def test_the_words(text: str, systemd: str, rule: str) -> None:
    schedule = parse(text)

    assert calendar(schedule) == on_calendar(text) == systemd
    assert rrule(schedule) == rrule_filter(text) == f"DTSTART:20260101T000000Z RRULE:{rule}"


@pytest.mark.parametrize(("text", "systemd", "rule"), _CASES)
def test_the_rule_means_the_times_of_cron(text: str, systemd: str, rule: str) -> None:
    wanted = _times(parse(text), 12)

    found = rrulestr(rrule(parse(text)).replace(" ", "\n"))

    assert wanted
    assert list(islice(found, len(wanted))) == wanted


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here to ask")
@pytest.mark.parametrize(("text", "systemd", "rule"), _CASES)
def test_systemd_means_the_times_of_cron(text: str, systemd: str, rule: str) -> None:
    wanted = _times(parse(text), 5)
    before = (_START - timedelta(minutes=1)).strftime("%Y-%m-%d %H:%M:%S UTC")

    done = subprocess.run(
        [
            "systemd-analyze",
            "calendar",
            f"--base-time={before}",
            "--iterations=5",
            f"{systemd} UTC",
        ],
        capture_output=True,
        text=True,
        check=True,
        env={"LC_ALL": "C", "TZ": "UTC"},
    )

    lines = [line for line in done.stdout.splitlines() if "elapse:" in line or "Iter. #" in line]
    found = [line.partition(": ")[2].strip() for line in lines][: len(wanted)]
    assert found == [at.strftime("%a %Y-%m-%d %H:%M:%S UTC") for at in wanted]


def test_a_time_zone_goes_with_the_rule() -> None:
    assert rrule_filter("0 6 * * *", "Europe/Berlin").startswith(
        "DTSTART;TZID=Europe/Berlin:20260101T000000 RRULE:"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "five fields", id="empty"),
        pytest.param("1 2 3 4", "five fields", id="four"),
        pytest.param("1 2 3 4 5 6", "five fields", id="six"),
        pytest.param("@every 1h", "five fields", id="every"),
        pytest.param("CRON_TZ=UTC 1 2 3 4 5", "five fields", id="zone"),
        pytest.param("60 * * * *", "minute is '60': give 0 to 59", id="high"),
        pytest.param("* * 0 * *", "day of the month is '0': give 1 to 31", id="low"),
        pytest.param("* * * * 7", "Sunday is 0", id="seven"),
        pytest.param("* * * * monday", "give 0 to 6 or sun, mon", id="long-name"),
        pytest.param("* * * x *", "month is 'x'", id="no-name"),
        pytest.param("5/15 * * * *", "write 5-59/15 for that", id="step-of-one"),
        pytest.param("*/0 * * * *", "never", id="step-of-nothing"),
        pytest.param("30-10 * * * *", "never", id="backwards"),
        pytest.param("1,,2 * * * *", "minute is ''", id="gap"),
        pytest.param("? * * * *", "minute is '?'", id="question"),
        pytest.param("0 0 1 * mon", "leave one of them", id="or-and"),
        pytest.param("\u0661 * * * *", "minute is '\u0661'", id="other-digits"),
        pytest.param("1 * * * *\n* * * * * evil", "five fields", id="second-line"),
    ],
)
def test_what_is_none(text: str, message: str) -> None:
    with pytest.raises(CronError) as error:
        parse(text)
    assert message in str(error.value)


@pytest.mark.parametrize("text", ["0 0 1,15 * *", "0 0 1 1,7 *"])
def test_what_awx_would_refuse(text: str) -> None:
    with pytest.raises(AnsibleFilterError, match="make one schedule for each"):
        rrule_filter(text)


def test_a_filter_names_itself_and_what_it_was_given() -> None:
    with pytest.raises(AnsibleFilterError, match="on_calendar: 'often': it has not the five"):
        on_calendar("often")
