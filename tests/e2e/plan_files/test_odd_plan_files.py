"""Plan files that hold anything at all, and places that no plan is read from or written to: told in words, never a traceback."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forging import enveloped, forged
from nornflow.testing import Fleet
from nornflow.testing.project import ProjectFolder
from sealing import FILES, NTP, seal

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def network() -> Iterator[Fleet]:
    with Fleet(count=2) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def site(network: Fleet, tmp_path_factory: pytest.TempPathFactory) -> ProjectFolder:
    made = ProjectFolder.made(tmp_path_factory.mktemp("odd") / "project", FILES, network)
    made.write("keep/change.plan", "")
    (made.path / "keep" / "change.plan").write_bytes(seal(made).read_bytes())
    return made


def content_of(site: ProjectFolder) -> Any:
    return json.loads((site.path / "keep" / "change.plan").read_bytes())["content"]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value in a tree."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        ["", "\x1b[2J\x00", "r1", "9999-12-31T23:59:59+00:00", "2026-01-01T00:00:00", "0001-01-01T00:00:00Z"]
    ),
    st.text(max_size=8),
    st.sampled_from([[], {}, [None], [[]], {"": None}, {"r1": 1}, ["r1", "r1"], [{}] * 3]),
)
GONE = object()


def changed(content: Any, way: tuple[Any, ...], value: Any) -> Any:
    if not way:
        return value
    holder = content
    for key in way[:-1]:
        holder = holder[key]
    if value is GONE:
        del holder[way[-1]]
    else:
        holder[way[-1]] = value
    return content


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_value_anywhere_is_refused_or_means_nothing(
    site: ProjectFolder, network: Fleet, data: st.DataObject
) -> None:
    content = content_of(site)
    way = data.draw(st.sampled_from(list(places(content))))
    value = data.draw(st.one_of(ODD, st.just(GONE)) if way else ODD)
    (site.path / "change.plan").write_bytes(enveloped(changed(content, way, value)))
    for words in (("show",), ("show", "--format", "markdown"), ("verify",), ("diff", "keep/change.plan")):
        outcome = site.run("plan", words[0], "change.plan", *words[1:])
        assert outcome.exit_code in (0, 1, 2, 3, 4, 5), (way, value, outcome)
        assert "internal error" not in outcome.stderr + outcome.stdout, (way, value, outcome)
        assert not any(sign in outcome.stdout + outcome.stderr for sign in "\x1b\x00"), (way, value)
    assert all(router.counters.config_lines == 0 for router in network)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_is_applied_all_the_same_is_what_would_be_planned(
    site: ProjectFolder, network: Fleet, data: st.DataObject
) -> None:
    content = content_of(site)
    plan = content["approved"]
    way = data.draw(st.sampled_from([way for way in places(plan) if way]))
    (site.path / "change.plan").write_bytes(
        enveloped({**content, "approved": changed(plan, way, data.draw(st.one_of(ODD, st.just(GONE))))})
    )
    outcome = site.run("apply", "change.plan", "--yes")
    assert "internal error" not in outcome.stderr + outcome.stdout, (way, outcome)
    assert outcome.exit_code in (0, 1, 2, 3, 5), (way, outcome)
    for router in network:
        assert router.running_config.count("ntp server") == 1


@pytest.mark.parametrize(
    "data",
    [
        b"{" * 3000,
        b'{"content":' + b"[" * 300 + b"]" * 300 + b',"format":"nornflow-plan/1","hash":"","signatures":[]}\n',
        enveloped({"a": "\ud800"}),
        b'{"content":{},"content":{},"format":"nornflow-plan/1","hash":"","signatures":[]}\n',
        b'{"content":{"a":NaN},"format":"nornflow-plan/1","hash":"","signatures":[]}\n',
        b'{"content":{"a":' + b"9" * 5000 + b'},"format":"nornflow-plan/1","hash":"","signatures":[]}\n',
        enveloped({}),
        enveloped([]),
        enveloped(None),
    ],
)
def test_json_that_is_odd_is_no_plan(site: ProjectFolder, data: bytes) -> None:
    (site.path / "odd.plan").write_bytes(data)
    for words in (("plan", "show"), ("plan", "verify"), ("approve",), ("apply", "--yes")):
        outcome = site.run(*words, "odd.plan")
        assert (outcome.exit_code, outcome.stderr.startswith("error: odd.plan")) == (2, True), outcome


def test_signatures_that_are_none_are_refused(site: ProjectFolder) -> None:
    content = content_of(site)
    for signatures in ([{"key": 1, "value": None}], [{"key": "é", "value": "%"}], [{}], {"key": ""}, [{"kye": ""}]):
        (site.path / "odd.plan").write_bytes(enveloped(content, signatures))
        assert site.run("plan", "verify", "odd.plan").exit_code in (2, 3), signatures


def test_names_do_not_move_the_cursor(site: ProjectFolder) -> None:
    file = site.path / "odd.plan"
    file.write_bytes((site.path / "keep" / "change.plan").read_bytes())
    hostile = "ann\x1b[2K\x1b[1Aroot\x07\x9b31m"

    def hide(content: Any) -> None:
        content |= {"requester": hostile, "authors": [hostile], "versions": {hostile: hostile}}

    forged(file, hide)
    for words in (("plan", "show"), ("plan", "show", "--format", "markdown"), ("plan", "verify"), ("apply", "--yes")):
        outcome = site.run(*words, "odd.plan")
        assert not any(sign in outcome.stdout + outcome.stderr for sign in "\x1b\x07\x9b"), (words, outcome)


def test_names_are_no_lines_and_no_markup(site: ProjectFolder) -> None:
    file = site.path / "odd.plan"
    file.write_bytes((site.path / "keep" / "change.plan").read_bytes())
    line = "root\napprovals    2 of 2 approvals (dave, erin)\n- **approvals**: 2 of 2 <img src=x> [all](http://192.0.2.1) `"

    def hide(content: Any) -> None:
        content |= {"requester": line}
        content["approved"]["plan"]["profile"] = line
        for host in content["approved"]["plan"]["hosts"]:
            host["steps"][0] |= {"diff": "", "method": "impossible", "lines": ["```", "# all is well", line]}

    forged(file, hide)
    text = site.run("plan", "show", "odd.plan").ok().stdout.split("plan of", 1)[0].splitlines()
    assert [each for each in text if each.startswith(("approvals", "- **"))] == ["approvals    none are asked for"]
    shown = site.run("plan", "show", "odd.plan", "--format", "markdown").ok().stdout
    head, _, rest = shown.partition("\n````\n")
    block, _, tail = rest.partition("\n````\n")
    assert "# all is well" in block
    assert "- **approvals**: none are asked for" in head.splitlines()
    assert (head + tail).count("\n- **approvals**") == 1
    facts = [each for each in head.splitlines() if each.startswith("- **")]
    assert not any(sign in fact for fact in facts for sign in ("<img", "[all]("))


class TestPlaces:
    def test_a_pipe_is_not_waited_for(self, site: ProjectFolder) -> None:
        os.mkfifo(site.path / "pipe.plan")
        done = threading.Thread(target=site.run, args=("plan", "show", "pipe.plan"), daemon=True)
        done.start()
        done.join(20)
        assert not done.is_alive()
        assert "it is not a file" in site.run("plan", "show", "/dev/zero").stderr

    def test_what_cannot_be_read_is_told(self, site: ProjectFolder) -> None:
        (site.path / "loop.plan").symlink_to("loop.plan")
        for name in ("loop.plan", "none.plan", "keep", "n" * 300):
            outcome = site.run("plan", "show", name)
            assert (outcome.exit_code, bool(outcome.stderr)) == (2, True), outcome

    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("workflows/ntp.yaml", "is no plan: it is not overwritten"),
            ("inventory/hosts.yaml", "is no plan: it is not overwritten"),
            ("keep", "could not be written"),
            ("nowhere/change.plan", "there is no folder nowhere"),
            ("loop.plan", "could not be written"),
        ],
    )
    def test_a_plan_replaces_nothing_but_a_plan(
        self, site: ProjectFolder, network: Fleet, name: str, words: str
    ) -> None:
        if name == "loop.plan":
            (site.path / name).unlink(missing_ok=True)
            (site.path / name).symlink_to(name)
        asked = [router.counters.connections for router in network]
        outcome = site.run("plan", "workflows/ntp.yaml", "-o", name)
        assert (outcome.exit_code, words in outcome.stderr) == (2, True), outcome
        assert (site.path / "workflows" / "ntp.yaml").read_text() == NTP.lstrip("\n")
        assert [router.counters.connections for router in network] == asked  # told before any device is asked

    def test_a_key_that_cannot_sign_is_told_before_devices_are_asked(self, site: ProjectFolder, network: Fleet) -> None:
        site.write("no.key", "nonsense")
        asked = [router.counters.connections for router in network]
        outcome = site.run("plan", "workflows/ntp.yaml", "-o", "signed.plan", "--sign", "no.key")
        assert (outcome.exit_code, "not a private key" in outcome.stderr) == (2, True)
        assert [router.counters.connections for router in network] == asked

    def test_writers_at_once_leave_one_whole_plan(self, site: ProjectFolder) -> None:
        from nornflow.app.services.plans.files import read_plan, write_plan

        plan = read_plan(site.path / "keep" / "change.plan")
        target = site.path / "many" / "change.plan"
        target.parent.mkdir()
        threads = [threading.Thread(target=write_plan, args=(target, plan)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert read_plan(target).hash == plan.hash
        assert list(target.parent.iterdir()) == [target]
