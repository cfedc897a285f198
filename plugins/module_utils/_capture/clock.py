# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for this collection only; it may change in any release.
"""How far the clocks of nodes are apart, as far as that can be known; pure.

A node is asked for its time over the API, and what it says was true somewhere between the question
and the answer. So each offset has an uncertainty, which is half of that time; nothing finer can be
had this way, and NTP on the nodes is finer. Timestamps are evidence: an offset is told and never
applied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Reading", "apart", "best"]

# What a node without fractions of a second in its date is taken to be uncertain by, in seconds.
_WHOLE_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Reading:
    """By how many seconds a node's clock is ahead of this machine's, plus or minus."""

    offset: float
    uncertainty: float

    @classmethod
    def between(cls, asked: float, told: float, answered: float) -> Reading:
        """From the time of this machine before and after, and what the node said in between."""
        extra = _WHOLE_SECONDS if told == int(told) else 0.0
        return cls(
            offset=told + extra - (asked + answered) / 2,
            uncertainty=max(0.0, answered - asked) / 2 + extra,
        )


def best(readings: Sequence[Reading]) -> Reading | None:
    """The one with the least uncertainty."""
    return min(readings, key=lambda reading: reading.uncertainty, default=None)


def apart(nodes: Mapping[str, Sequence[Reading]]) -> list[str]:
    """A text for each node whose clock certainly differs from that of the first one."""
    known = [(node, reading) for node in sorted(nodes) if (reading := best(nodes[node]))]
    if not known:
        return []
    first, base = known[0]
    texts = []
    for node, reading in known[1:]:
        difference = reading.offset - base.offset
        bound = reading.uncertainty + base.uncertainty
        if abs(difference) > bound:
            texts.append(
                f"the clock of node {node} is {difference:+.3f} s (plus or minus {bound:.3f} s) "
                f"from that of node {first}: their packets are not in the order of events"
            )
    return texts
