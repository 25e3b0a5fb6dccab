"""Which exec lines read, per platform: data that grows with every surprise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow.platforms.exec import Kind, classify
from nornflow.platforms.load import platform_for, platform_names

PLATFORMS = (*platform_names(), "nobody-knows-it")

LINES = [
    # line, platform, kind, canonical
    ("show version", "cisco_ios", Kind.READ, "show version"),
    ("sh ip int br", "cisco_ios", Kind.READ, "show ip int br"),
    ("SHOW VERSION", "cisco_ios", Kind.READ, "show version"),
    ("show run | inc ^interface|^ ip address", "cisco_ios", Kind.READ, None),
    ("show run | section router bgp", "cisco_ios", Kind.READ, None),
    ("ping 192.0.2.1 repeat 2", "cisco_ios", Kind.READ, None),
    ("write terminal", "cisco_ios", Kind.READ, "write terminal"),
    ("dir", "cisco_ios", Kind.READ, "dir"),
    ("", "cisco_ios", Kind.SESSION, None),
    ("term len 0", "cisco_ios", Kind.SESSION, "terminal length 0"),
    ("conf t", "cisco_ios", Kind.ENTER, "configure terminal"),
    ("wr", "cisco_ios", Kind.SAVE, "write memory"),
    ("copy run start", "cisco_ios", Kind.SAVE, "copy running-config startup-config"),
    ("exit", "cisco_ios", Kind.LEAVE, None),
    ("en", "cisco_ios", Kind.ENABLE, None),
    ("enable 5", "cisco_ios", Kind.WRITE, None),
    ("relo", "cisco_ios", Kind.WRITE, "reload"),
    ("re", "cisco_ios", Kind.WRITE, "re"),
    ("wr er", "cisco_ios", Kind.WRITE, "write erase"),
    ("configure", "cisco_ios", Kind.WRITE, None),
    ("configure replace flash:x", "cisco_ios", Kind.WRITE, None),
    ("conf net", "cisco_ios", Kind.WRITE, "configure network"),
    ("configure revert now", "cisco_ios", Kind.WRITE, None),
    ("clear ip bgp *", "cisco_ios", Kind.WRITE, None),
    ("debug all", "cisco_ios", Kind.WRITE, None),
    ("copy running-config tftp://192.0.2.1/x", "cisco_ios", Kind.WRITE, None),
    ("more flash:secrets", "cisco_ios", Kind.WRITE, None),
    ("show file flash:secrets", "cisco_ios", Kind.WRITE, None),
    ("show tech", "cisco_ios", Kind.WRITE, "show tech-support"),
    ("show run | redirect flash:x", "cisco_ios", Kind.WRITE, None),
    ("show run | inc x | append flash:x", "cisco_ios", Kind.WRITE, None),
    ("show run | inc x|red flash:x", "cisco_ios", Kind.WRITE, None),
    ("show run | te", "cisco_ios", Kind.WRITE, None),
    ("ping 192.0.2.1 | redirect flash:x", "cisco_ios", Kind.WRITE, None),
    ("terminal shell", "cisco_ios", Kind.WRITE, None),
    ("terminal length 0 | tee x", "cisco_ios", Kind.WRITE, None),
    ("tclsh", "cisco_ios", Kind.WRITE, None),
    ("show version ; reload", "cisco_ios", Kind.REFUSED, None),
    ("show version`reload`", "cisco_ios", Kind.REFUSED, None),
    ("show ?", "cisco_ios", Kind.REFUSED, None),
    ("show version\x08\x08reload", "cisco_ios", Kind.REFUSED, ""),
    ("show version\treload", "cisco_ios", Kind.REFUSED, ""),
    ("show \u202eversion", "cisco_ios", Kind.REFUSED, ""),
    ("! show version", "cisco_ios", Kind.REFUSED, None),
    ("| redirect flash:x", "cisco_ios", Kind.REFUSED, None),
    ("show ip bgp summary json", "frr", Kind.READ, None),
    ("configure", "frr", Kind.ENTER, "configure terminal"),
    ("write integrated", "frr", Kind.SAVE, None),
    ("start-shell bash", "frr", Kind.WRITE, None),
    ("show version | json", "arista_eos", Kind.READ, None),
    ("show version | bash rm -rf /", "arista_eos", Kind.WRITE, None),
    ("bash", "arista_eos", Kind.WRITE, None),
    ("configure session x", "arista_eos", Kind.WRITE, None),
    ("show configuration | display set | no-more", "juniper_junos", Kind.READ, None),
    ("show configuration | save /tmp/x", "juniper_junos", Kind.WRITE, None),
    ("configure exclusive", "juniper_junos", Kind.ENTER, None),
    ("request system reboot", "juniper_junos", Kind.WRITE, None),
    ("set cli screen-length 0", "juniper_junos", Kind.SESSION, None),
    ("set date 2020", "juniper_junos", Kind.WRITE, None),
    ("copy run start", "cisco_nxos", Kind.SAVE, None),
    ("guestshell", "cisco_nxos", Kind.WRITE, None),
    ("show version | vsh -c reload", "cisco_nxos", Kind.WRITE, None),
    ("show version", "nobody-knows-it", Kind.READ, None),
    ("do-it", "nobody-knows-it", Kind.WRITE, None),
]


@pytest.mark.parametrize(
    ("line", "platform", "kind", "canonical"), LINES, ids=[f"{p}: {line!r}" for line, p, _, _ in LINES]
)
def test_a_line_is_what_it_is(line: str, platform: str, kind: Kind, canonical: str | None) -> None:
    verdict = classify(line, platform_for(platform).exec)

    assert verdict.kind is kind, verdict
    if canonical is not None:
        assert verdict.canonical == canonical


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_way_of_saving_is_a_save_and_every_way_in_enters(platform: str) -> None:
    grammar = platform_for(platform).exec

    assert all(classify(line, grammar).kind is Kind.SAVE for line in grammar.save)
    assert all(classify(line, grammar).kind is Kind.ENTER for line in grammar.enter)
    assert grammar.enter_line in grammar.enter


@pytest.mark.parametrize("platform", PLATFORMS)
@given(line=st.binary(max_size=40))
def test_no_bytes_break_it_and_only_printable_ascii_reads(platform: str, line: bytes) -> None:
    verdict = classify(line, platform_for(platform).exec)

    if verdict.kind is not Kind.REFUSED:
        assert all(0x20 <= byte <= 0x7E for byte in line)


@pytest.mark.parametrize("platform", PLATFORMS)
@given(data=st.data())
def test_an_abbreviation_never_reads_more_than_the_whole_word(platform: str, data: st.DataObject) -> None:
    grammar = platform_for(platform).exec
    verb = data.draw(st.sampled_from(sorted(set(grammar.verbs.values()))))
    short = verb[: data.draw(st.integers(1, len(verb)))]
    verdict = classify(short, grammar)

    if verdict.kind is Kind.READ:  # then no verb that begins like this does anything else
        meant = grammar.verb(short)
        assert meant
        others = [other for other in set(grammar.verbs.values()) if other.startswith(short) and other != meant]
        assert not others or grammar.verbs[short] == meant  # an abbreviation that the device itself defines
