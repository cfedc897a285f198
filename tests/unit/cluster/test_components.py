# Copyright (c) 2026, the kubedebug.core authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from kdcluster.components import ORDER, Programs, components, config_files, config_key
from kdcluster.settings import Ports, Settings
from kdcluster.versions import PAIRS, Pair

PROGRAMS = Programs(kube=Path("/k"), containerd=Path("/c"), runc=Path("/r"), cni=Path("/n"))
_PAIRS = [pytest.param(pair, id=pair.name) for pair in PAIRS.values()]


def test_every_component_has_a_command(settings: Settings) -> None:
    found = components(settings, PROGRAMS)
    assert [component.name for component in found] == list(ORDER)
    for component in found:
        assert Path(component.argv[0]).name == component.name


def test_everything_listens_on_loopback_or_the_bridge(settings: Settings) -> None:
    flags = [flag for component in components(settings, PROGRAMS) for flag in component.argv]
    for flag in flags:
        name, _equals, value = flag.partition("=")
        if name in {"--bind-address", "--listen-client-urls", "--listen-peer-urls"}:
            assert "127.0.0.1" in value
    kubelet = json.loads(config_files(settings, PAIRS["new"], PROGRAMS)["kubelet.yaml"])
    assert kubelet["address"] == settings.network.gateway
    assert kubelet["healthzBindAddress"] == "127.0.0.1"
    assert kubelet["readOnlyPort"] == 0


@pytest.mark.parametrize("pair", _PAIRS)
def test_the_configuration_of_containerd(settings: Settings, pair: Pair) -> None:
    config = tomllib.loads(config_files(settings, pair, PROGRAMS)["containerd.toml"])
    assert config["version"] == (3 if pair.containerd else 2)
    assert config["state"].startswith(str(settings.state))
    plugin = "io.containerd.cri.v1.runtime" if pair.containerd else "io.containerd.grpc.v1.cri"
    runtime = config["plugins"][plugin]
    # Without the first every sandbox fails, without the second `down` does not find the mounts.
    assert runtime["restrict_oom_score_adj"] is True
    assert runtime["netns_mounts_under_state_dir"] is True
    options = runtime["containerd"]["runtimes"]["runc"]["options"]
    assert options["BinaryName"] == "/r"
    assert options["Root"].startswith(str(settings.state))


def test_the_kubelet_keeps_its_files_in_the_state_folder(settings: Settings) -> None:
    kubelet = json.loads(config_files(settings, PAIRS["new"], PROGRAMS)["kubelet.yaml"])
    for name in ("podLogsDir", "volumePluginDir", "resolvConf"):
        assert kubelet[name].startswith(f"{settings.state}/")
    assert kubelet["cgroupRoot"] == "/kubedebug"
    assert kubelet["maxPods"] == 300


def test_the_key_changes_with_a_flag(settings: Settings) -> None:
    pair = PAIRS["new"]
    other = replace(settings, ports=Ports(etcd=1))
    assert config_key(settings, pair, PROGRAMS) == config_key(settings, pair, PROGRAMS)
    assert config_key(settings, pair, PROGRAMS) != config_key(other, pair, PROGRAMS)


def test_the_key_changes_with_a_file(settings: Settings) -> None:
    new, old = PAIRS["new"], PAIRS["old"]
    assert config_key(settings, new, PROGRAMS) != config_key(settings, old, PROGRAMS)
