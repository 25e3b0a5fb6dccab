"""The manifests that the scale-out guide hands out are ones that systemd, Docker and Kubernetes take."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import click
import kubernetes_validate
import pytest
import yaml

from nornflow.cli.main import cli

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
KUBERNETES = "1.34"


def documents() -> Iterator[dict]:
    for file in MANIFESTS:
        yield from yaml.safe_load_all(file.read_text())


def worker_words() -> Iterator[list[str]]:
    for unit in UNITS:
        (line,) = re.findall(r"^ExecStart=\S+/nornflow (.*)$", unit.read_text(), re.MULTILINE)
        yield shlex.split(line.replace("%i", "ams"))
    for service in yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text())["services"].values():
        yield from [service["command"]] if "command" in service else []
    for document in documents():
        spec = document.get("spec", {}).get("template", {}).get("spec", {})
        yield from (container["args"] for container in spec.get("containers", ()))


@pytest.mark.parametrize("words", list(worker_words()), ids=" ".join)
def test_every_command_is_one_of_ours(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str | None] = []
    monkeypatch.setattr(click.Command, "invoke", lambda command, context: read.append(command.name))  # never done
    cli.main(list(words), prog_name="nornflow", standalone_mode=False)
    assert read[1:] == list(takewhile(lambda word: not word.startswith("-"), words))


def test_kubernetes_takes_every_manifest() -> None:
    found = list(documents())
    for document in found:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    kinds = {each["kind"] for each in found}
    assert kinds >= {"Deployment", "Job", "ConfigMap", "PodDisruptionBudget", "NetworkPolicy"}
    assert "Secret" not in kinds, "one that is applied again with the rest would take the place of the real one"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**found[0], "kind": "Secret", "stringData": 1}, KUBERNETES, strict=True)


def pods() -> Iterator[dict]:
    yield from (each["spec"]["template"] for each in documents() if each["kind"] in ("Deployment", "Job"))


def test_pods_keep_the_rules_of_the_level_restricted() -> None:
    """Of Kubernetes' Pod Security Standards; and settings come from no Service that happens to be called so."""
    found = list(pods())
    assert found
    for pod in found:
        assert pod["metadata"]["labels"]["app"] == "nornflow", "the NetworkPolicy is for it, too"
        spec = pod["spec"]
        security = spec["securityContext"]
        assert (security["runAsNonRoot"], security["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
        assert (spec["enableServiceLinks"], spec["automountServiceAccountToken"]) == (False, False)
        for container in spec["containers"]:
            own = container["securityContext"]
            assert (own["allowPrivilegeEscalation"], own["readOnlyRootFilesystem"]) == (False, True)
            assert own["capabilities"] == {"drop": ["ALL"]}
            assert {"/tmp", "/var/lib/nornflow"} <= {each["mountPath"] for each in container["volumeMounts"]}
            assert container["envFrom"] == [{"configMapRef": {"name": "nornflow"}}, {"secretRef": {"name": "nornflow"}}]
            assert "memory" in container["resources"]["limits"]


def test_a_version_that_cannot_start_takes_no_worker_away() -> None:
    for each in documents():
        if each["kind"] == "Deployment":
            assert each["spec"]["minReadySeconds"] > 10
            assert each["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_what_compose_needs_is_asked_for() -> None:
    """A value that is missing ends it with words; a default would be wrong (the folder is that of the file, not one's own)."""
    text = (DEPLOY / "docker" / "compose.yaml").read_text()
    asked = re.findall(r"\$\{(\w+)(\S\S)", text)
    assert {name for name, _ in asked} == {"PROJECT", "PGPASSWORD", "JOURNAL_KEY", "NORNFLOW_PASSWORD"}
    assert {how for _, how in asked} == {":?"}


def test_who_is_killed_had_the_time_to_drain() -> None:
    """Everywhere the grace of the worker ends before the patience of what supervises it."""
    graces = [int(words[words.index("--grace") + 1]) for words in worker_words() if "--grace" in words]
    assert graces
    deployments = [each for each in documents() if each["kind"] == "Deployment"]
    ends = [each["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] for each in deployments]
    ends += [int(re.findall(r"^TimeoutStopSec=(\d+)$", unit.read_text(), re.MULTILINE)[0]) for unit in UNITS]
    assert len(ends) == len(deployments) + len(UNITS)
    assert max(graces) < min(ends)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_every_unit(tmp_path: Path) -> None:
    for unit in UNITS:
        # what the unit starts is not installed here
        text = re.sub(r"^(ExecStart=)\S+", rf"\1{shutil.which('true')}", unit.read_text(), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(text)
    names = [str(tmp_path / unit.name.replace("@", "@ams")) for unit in UNITS]
    for unit in UNITS:
        if "@" in unit.name:
            (tmp_path / unit.name).rename(tmp_path / unit.name.replace("@", "@ams"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "nornflow" in line]
    assert (done.returncode, ours) == (0, []), done.stderr


def test_a_unit_bears_a_store_that_is_away_and_a_run_that_takes_all_memory() -> None:
    for unit in UNITS:
        lines = unit.read_text().splitlines()
        assert {"Restart=always", "StartLimitIntervalSec=0", "OOMPolicy=continue", "CapabilityBoundingSet="} <= set(
            lines
        )
        words = [line.partition("=")[0] for line in lines]
        assert "ProtectProc" not in words, "who lives is read in /proc"


def test_the_image_starts_the_worker_so_that_it_hears_signals() -> None:
    lines = (DEPLOY / "docker" / "Dockerfile").read_text().splitlines()
    assert 'ENTRYPOINT ["tini", "--", "nornflow"]' in lines, "the exec form: a shell would keep SIGTERM to itself"
    assert any(re.match(r"USER \d+$", line) for line in lines)


def test_what_is_written_to_lies_in_no_folder_that_is_read_only() -> None:
    """No mount point could be made there, and the worker would not start."""
    mounted: list[tuple[list[str], list[str]]] = []
    for service in yaml.safe_load((DEPLOY / "docker" / "compose.yaml").read_text())["services"].values():
        mounts = [each.rsplit(":ro", 1) for each in service.get("volumes", ())]
        read_only = [each[0].rsplit(":", 1)[1] for each in mounts if len(each) == 2]
        mounted.append((read_only, [each[0].rsplit(":", 1)[1] for each in mounts if len(each) == 1]))
    for document in documents():
        for container in document.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ()):
            mounts = container["volumeMounts"]
            read_only = [each["mountPath"] for each in mounts if each.get("readOnly")]
            mounted.append((read_only, [each["mountPath"] for each in mounts if not each.get("readOnly")]))
    assert any("/srv/nornflow" in read_only for read_only, _ in mounted)
    for read_only, written in mounted:
        assert not any(Path(each).is_relative_to(folder) for each in written for folder in read_only)
