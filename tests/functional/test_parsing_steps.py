"""The parsing step types: TTP, TextFSM and regular expressions, on simulated routers and on hostile templates."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netmiko import ConnectHandler
from netmiko.exceptions import ReadTimeout
from pydantic import ValidationError

from nornflow import DeviceError, LineRejected, StepError, UnexpectedPrompt, Verbatim
from nornflow.testing import Fleet
from nornflow_ttp.engine import literal_attributes, literal_python, parse
from nornflow_ttp.regex import RegexShowStep
from nornflow_ttp.tables import TextfsmShowStep
from nornflow_ttp.text import TtpShowStep

Bench = Any


@pytest.fixture
def router(fleet: Callable[..., Fleet], bench: Bench) -> Iterator[Any]:
    """A router that polls NTP, its netmiko connection on the bench."""
    running = fleet(count=1, ntp_polls=2)
    connection = ConnectHandler(**running.login("r1"))
    bench.connections["netmiko"] = connection
    yield running["r1"]
    connection.disconnect()


class TestTtp:
    def test_a_shipped_template_by_its_name(self, router: Any, bench: Bench) -> None:
        show = {"command": "show ntp associations", "template": "ntp_associations"}
        first = bench.apply(TtpShowStep(), **show).outputs["parsed"]
        assert [(entry["address"], entry["synced"]) for entry in first] == [("192.0.2.1", False)]
        second = bench.apply(TtpShowStep(), **show).outputs["parsed"]
        assert [(entry["address"], entry["synced"]) for entry in second] == [("192.0.2.1", True)]

    def test_interfaces_are_up_or_down(self, router: Any, bench: Bench) -> None:
        result = bench.apply(TtpShowStep(), command="show ip interface brief", template="ip_interface_brief")
        states = {entry["interface"]: (entry["up"], entry["status"]) for entry in result.outputs["parsed"]}
        assert states["Loopback0"] == (True, "up")
        assert states["GigabitEthernet1"] == (False, "administratively down")

    def test_an_inline_template_is_not_rendered_by_us(self, router: Any, bench: Bench) -> None:
        result = bench.apply(
            TtpShowStep(), command="show version", template="{{ host | equal('r1') }} uptime is {{ rest | ORPHRASE }}"
        )
        assert result.outputs["parsed"][0]["host"] == "r1"
        assert Verbatim in TtpShowStep().Params.model_fields["template"].metadata

    def test_a_file_of_the_project(self, router: Any, bench: Bench) -> None:
        (bench.folder / "name.ttp").write_text("hostname {{ name }}\n")
        result = bench.apply(TtpShowStep(), command="show running-config", template="name.ttp")
        assert result.outputs["parsed"] == [{"name": "r1"}]
        assert "hostname r1" in result.outputs["output"]

    def test_without_a_template_ttp_templates_is_asked(self, bench: Bench) -> None:
        arp = (
            "Protocol  Address     Age (min)  Hardware Addr   Type   Interface\n"
            "Internet  10.0.0.1  -  c201.17d8.0001  ARPA  Gi1\n"
        )
        bench.connections["netmiko"] = Says(arp)
        parsed = bench.apply(TtpShowStep(), command="show ip arp", structure="list").outputs["parsed"]
        assert "10.0.0.1" in str(parsed)
        with pytest.raises(StepError, match="has no template for `show nothing`"):
            bench.apply(TtpShowStep(), command="show nothing")

    def test_a_wrong_name_gets_a_hint(self, bench: Bench) -> None:
        bench.connections["netmiko"] = Says("")
        with pytest.raises(StepError, match="did you mean 'ntp_associations'"):
            bench.apply(TtpShowStep(), command="show ntp associations", template="ntp_asociations")

    def test_nothing_found_can_be_an_error(self, bench: Bench) -> None:
        bench.connections["netmiko"] = Says("nothing of interest")
        assert bench.apply(TtpShowStep(), command="show x", template="neighbor {{ n }}").outputs["parsed"] == []
        with pytest.raises(StepError, match="found nothing"):
            bench.apply(TtpShowStep(), command="show x", template="neighbor {{ n }}", empty_ok=False)

    def test_what_ttp_complains_about_is_a_warning(self, bench: Bench) -> None:
        bench.connections["netmiko"] = Says("hello world")
        assert "nosuch" in bench.apply(TtpShowStep(), command="show x", template="hello {{ n | nosuch }}").warning

    def test_a_refused_command_fails(self, router: Any, bench: Bench) -> None:
        with pytest.raises(LineRejected, match="show nonsense"):
            bench.apply(TtpShowStep(), command="show nonsense", template="{{ x }}")


class TestTtpIsData:
    """TTP evaluates arguments, runs macros and opens files; none of it may happen here."""

    @pytest.mark.parametrize(
        "template",
        [
            "{{ x | set(__import__('os').system('touch MARK')) }}",
            "{{ x | contains([c for c in ().__class__.__base__.__subclasses__()]) }}",
            "<group name='a' set=\"__import__('os').system('touch MARK')\">\n{{ x }}\n</group>",
            "<group contains=\"open('MARK','w')\">\n{{ x }}\n</group>",
            "<macro>\ndef f(data):\n    open('MARK', 'w')\n    return data\n</macro>\n{{ x | macro('f') }}",
            "<vars>\nimport os\nos.system('touch MARK')\n</vars>\n{{ x }}",
            "<vars>\n[open('MARK', 'w')]\n</vars>\n{{ x }}",
            "<vars name='v' include='/etc/hostname' load='text'>\n</vars>\n{{ x }}",
            "<lookup name='l' include='/etc/hostname'/>\n{{ x }}",
            "<extend template='/etc/hostname'/>",
            "{{ x | dns }}",
            "<group>\n{{ x }}\n</group>\n<output returner='file' url='MARK'/>",
            "<group>\n{{ x }}\n</group>\n<output format='jinja2'>\n{{ _data_ }}\n</output>",
            "<group\n",
        ],
    )
    def test_code_files_and_the_network_are_shut(self, template: str, tmp_path: Path) -> None:
        mark = tmp_path / "mark"
        with pytest.raises(StepError) as refused:
            parse(template.replace("MARK", str(mark)), "word\n")
        assert refused.value.hint
        assert not mark.exists()

    def test_a_text_that_is_a_path_is_no_file(self, tmp_path: Path) -> None:
        (tmp_path / "secret.txt").write_text("password hunter2\n")
        found, _ = parse("password {{ value }}", str(tmp_path / "secret.txt"))
        assert "hunter2" not in str(found)
        found, _ = parse(str(tmp_path / "secret.txt"), "password hunter2")
        assert "hunter2" not in str(found)

    def test_variables_with_plain_values_work(self) -> None:
        found, warning = parse(
            "<vars>\nsite = 'ams'\nports = [1, 2]\n</vars>\n<group>\nhello {{ who }}\n</group>", "hello you"
        )
        assert (found, warning) == ([{"who": "you"}], "")

    def test_literals_and_bare_words_are_read_as_ttp_does(self) -> None:
        assert literal_attributes('contains("a", b, -1, key=True) | upper') == [
            {"name": "contains", "args": ("a", "b", -1), "kwargs": {"key": True}},
            {"name": "upper", "args": [], "kwargs": {}},
        ]

    @given(st.text(max_size=60))
    def test_any_arguments_are_literal_or_refused(self, text: str) -> None:
        try:
            found = literal_attributes(f"f({text})")
        except StepError:
            return
        for entry in found:
            assert set(entry) == {"name", "args", "kwargs"}

    @pytest.mark.parametrize("text", ["f(1)", "import os", "x = open('y')", "x = 1\nx + 1", "def f(): pass", "x ="])
    def test_code_is_no_literal(self, text: str) -> None:
        with pytest.raises(StepError, match="not code"):
            literal_python(text)

    def test_many_threads_do_not_mix_their_results(self) -> None:
        wrong: list[Any] = []

        def work(number: int) -> None:
            for turn in range(20):
                found, _ = parse(f"n{number % 3} {{{{ value | let('n', '{number % 3}') }}}}", f"n{number % 3} v{turn}")
                if found != [{"value": f"v{turn}", "n": f"{number % 3}"}]:
                    wrong.append(found)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


class TestTextfsm:
    def test_rows_of_ntc_templates(self, router: Any, bench: Bench) -> None:
        parsed = bench.apply(TextfsmShowStep(), command="show version").outputs["parsed"]
        assert parsed[0]["hostname"] == "r1"

    def test_napalm_reads_too_and_its_platform_names_are_understood(self, bench: Bench) -> None:
        bench.host = type(bench.host)("sw1", platform="eos")
        bench.connections["napalm"] = Says("Hostname: sw1\nFQDN:     sw1.lab.example\n")
        parsed = bench.apply(TextfsmShowStep(), command="show hostname", connection="napalm").outputs["parsed"]
        assert parsed == [{"hostname": "sw1", "fqdn": "sw1.lab.example"}]

    def test_an_own_template(self, router: Any, bench: Bench) -> None:
        (bench.folder / "host.textfsm").write_text("Value NAME (\\S+)\n\nStart\n  ^hostname ${NAME} -> Record\n")
        result = bench.apply(TextfsmShowStep(), command="show running-config", template="host.textfsm")
        assert result.outputs["parsed"] == [{"name": "r1"}]

    @pytest.mark.parametrize("template", ["Value BROKEN\n", "Value A (\\S+)\n\nStart\n  ^. -> Error\n"])
    def test_broken_templates_and_error_states_are_told(self, bench: Bench, template: str) -> None:
        bench.connections["netmiko"] = Says("anything")
        (bench.folder / "bad.textfsm").write_text(template)
        with pytest.raises(StepError, match="TextFSM could not parse the output of `show x` on r1"):
            bench.apply(TextfsmShowStep(), command="show x", template="bad.textfsm")


class TestRegex:
    def test_every_match_is_a_mapping(self, router: Any, bench: Bench) -> None:
        result = bench.apply(
            RegexShowStep(), command="show ip interface brief", pattern=r"^(?P<name>\S+)\s+(?P<address>\d\S+)\s"
        )
        assert {"name": "Loopback0", "address": "10.255.0.2"} in result.outputs["parsed"]

    def test_a_pattern_that_would_hang_python_does_not_hang(self, bench: Bench) -> None:
        bench.connections["netmiko"] = Says("a" * 5000 + "b")
        assert bench.apply(RegexShowStep(), command="show x", pattern="^(?P<it>(a+)+)$").outputs["parsed"] == []

    @pytest.mark.parametrize("pattern", ["(", "no groups", r"(?P<a>x)\1", "(?P<a>(?=x))"])
    def test_what_re2_cannot_do_is_refused_at_once(self, pattern: str) -> None:
        with pytest.raises(ValidationError):
            RegexShowStep().Params(command="show version", pattern=pattern)

    def test_a_command_is_one_line(self) -> None:
        with pytest.raises(ValidationError, match="one line"):
            RegexShowStep().Params(command="show version\nconfigure terminal", pattern="(?P<a>.)")


@pytest.mark.parametrize(
    ("step", "template", "reads"),
    [
        (TtpShowStep(), "ntp_associations", False),
        (TtpShowStep(), "ttp://misc/x.txt", False),
        (TtpShowStep(), "{{ a }}.{{ b }}", False),
        (TtpShowStep(), "ttp/ntp.ttp", True),
        (TextfsmShowStep(), None, False),
        (TextfsmShowStep(), "x.textfsm", True),
    ],
)
def test_only_a_template_in_a_file_needs_leave_to_read_files(step: Any, template: str | None, reads: bool) -> None:
    assert ("file.read" in step.needs({"command": "show x", "template": template})) is reads


def test_a_device_that_does_not_answer_ends_in_a_named_error(bench: Bench) -> None:
    class Silent:
        def send_command(self, command: str, **options: Any) -> str:
            raise ReadTimeout("\n\nPattern not detected\n\nThings you might try")

        def cli(self, commands: list[str]) -> dict[str, str]:
            raise RuntimeError("gone")

    bench.connections |= {"netmiko": Silent(), "napalm": Silent()}
    show = {"command": "show version", "pattern": "(?P<a>x)"}
    with pytest.raises(UnexpectedPrompt, match=r"`show version`: ReadTimeout: Pattern not detected$"):
        bench.apply(RegexShowStep(), **show)
    with pytest.raises(DeviceError, match="RuntimeError: gone"):
        bench.apply(RegexShowStep(), connection="napalm", **show)


class Says:
    """A connection that answers everything with one text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def send_command(self, command: str, **options: Any) -> str:
        return self.text

    def cli(self, commands: list[str]) -> dict[str, str]:
        return dict.fromkeys(commands, self.text)


def test_loading_the_plugin_does_not_import_the_parsers() -> None:
    program = (
        "import sys, nornflow_ttp.plugin as plugin; list(plugin.nornflow_step_types());"
        "print(*(name for name in ('ttp', 'ttp_templates', 'textfsm', 'ntc_templates', 're2') if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
