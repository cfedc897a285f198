#!/usr/bin/python
# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: debug_report
short_description: A report of a debug session
version_added: 0.1.0
description:
  - Puts the results of the other modules together into one account of a session, pod by pod, and
    shows it on the terminal as plain text.
  - With O(evidence_dir) it also writes the account as JSON, as text and as one HTML page that loads
    nothing from elsewhere.
  - What was found in the pods is shown as it is. Characters that act on a terminal are shown,
    an escape as V(\\x1b), and nothing is expanded as a template.
extends_documentation_fragment:
  - kubedebug.core.attributes
attributes:
  check_mode:
    support: full
    details: Shows the report; tells of the files that would be written, and writes none.
  diff_mode:
    support: full
    details: Compares the text of the report with that in O(evidence_dir).
  idempotent:
    support: full
    details:
      - A report whose content is the same keeps its time, and its files are left alone.
options:
  title:
    description:
      - Heading of the report.
    type: str
    default: Debug report
  owner:
    description:
      - Who the session belongs to.
    type: str
  reason:
    description:
      - Why it was held.
    type: str
  ticket:
    description:
      - The ticket that it was held for.
    type: str
  sessions:
    description:
      - What M(kubedebug.core.ephemeral_container) returned as its list of pods.
    type: list
    elements: dict
    default: []
  probes:
    description:
      - What M(kubedebug.core.pod_probe) returned as its list of pods.
    type: list
    elements: dict
    default: []
  namespaces:
    description:
      - What M(kubedebug.core.pod_namespaces_info) returned as its list of pods.
    type: list
    elements: dict
    default: []
  captures:
    description:
      - What M(kubedebug.core.pod_capture) returned as its list of pods. A pod may be in it more
        than once.
    type: list
    elements: dict
    default: []
  merged:
    description:
      - What M(kubedebug.core.pod_capture) returned as its merged file.
    type: dict
  commands:
    description:
      - The commands that were run, each with its C(argv), with the C(pods) that
        M(kubedebug.core.ephemeral_command) returned, and with its C(msg) where it failed.
    type: list
    elements: dict
    default: []
  cleanup:
    description:
      - What M(kubedebug.core.ephemeral_container) returned as its list of pods when stopping.
    type: list
    elements: dict
    default: []
  problems:
    description:
      - What went wrong with a step as a whole, each with its C(step) (V(session), V(probe),
        V(namespaces), V(capture), V(command), V(cleanup) or another name) and its C(msg). Errors of
        single pods are taken from their results; where a step has some, its own text is left out.
    type: list
    elements: dict
    default: []
  notes:
    description:
      - What a reader should know besides, such as why a step was left out.
    type: list
    elements: str
    default: []
  kept:
    description:
      - Whether the debuggers were left running on purpose.
    type: bool
    default: false
  evidence_dir:
    description:
      - Folder for C(report.json), C(report.html) and C(report.txt), on the host of the task. It is
        made with mode V(0700) where it is missing. The files have mode V(0600) and are replaced as
        a whole.
    type: path
  time:
    description:
      - Time of the report, of the form of RFC 3339; now by default.
    type: str
  show:
    description:
      - Whether to show the text on the terminal. It is not shown with a callback that writes JSON,
        nor with C(no_log).
    type: bool
    default: true
  width:
    description:
      - Columns that the text is folded to. Lines that are there to be copied are never folded.
    type: int
    default: 100
  most_lines:
    description:
      - How many lines of each output the text has, from its beginning. The page has more of them.
    type: int
    default: 20
seealso:
  - module: kubedebug.core.ephemeral_container
  - module: kubedebug.core.ephemeral_command
  - module: kubedebug.core.pod_probe
  - module: kubedebug.core.pod_namespaces_info
  - module: kubedebug.core.pod_capture
author:
  - The kubedebug.core authors (@kubedebug)
"""

EXAMPLES = r"""
- name: Open a session
  kubedebug.core.ephemeral_container:
    namespace: shop
    name: web-0
  register: session

- name: Probe the pod
  kubedebug.core.pod_probe:
    namespace: shop
    name: web-0
    port: 80
  register: probe

- name: Show what was found, and keep it
  kubedebug.core.debug_report:
    title: Why web-0 is slow
    ticket: OPS-17
    sessions: "{{ session.pods }}"
    probes: "{{ probe.pods }}"
    kept: true
    evidence_dir: ./evidence
"""

RETURN = r"""
text:
  description: The report as text, bounded.
  returned: success
  type: str
  sample: |
    shop/web-0   container web, node node-1
      debugger     kubedebug-3f1c2b9a70 (created)
outcome:
  description: V(ok), or V(failed) where there is a problem.
  returned: success
  type: str
  sample: ok
problems:
  description:
    - What went wrong, with the step, the pod (null where it is about all), the message, and both as
      one text.
  returned: success
  type: list
  elements: dict
  sample:
    - step: probe
      pod: shop/web-0
      message: http://localhost:80/ did not answer 10 of 10 attempts.
      text: "shop/web-0: http://localhost:80/ did not answer 10 of 10 attempts."
files:
  description: The files in O(evidence_dir), also those that would be written in check mode.
  returned: success
  type: list
  elements: str
  sample:
    - evidence/report.json
    - evidence/report.html
    - evidence/report.txt
"""

from ansible_collections.kubedebug.core.plugins.module_utils._report.report import DEBUG_REPORT
from ansible_collections.kubedebug.core.plugins.module_utils._shell import run_module


def main() -> None:
    """Run the use case as a module."""
    run_module(DEBUG_REPORT)


if __name__ == "__main__":
    main()
