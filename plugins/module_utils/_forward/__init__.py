# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A port of a pod on the loopback address, kept open by a process of its own for a while."""
