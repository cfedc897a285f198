# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A single-node Kubernetes for the tests and the demo; `../README.md` says how it is built up."""

from __future__ import annotations

__all__: list[str] = []
