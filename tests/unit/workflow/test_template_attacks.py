"""Published server-side template injections and templates that would burn the machine: none gets anywhere."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answered import answered, is_plain
from nornflow.errors import ExpressionError
from nornflow.workflow.templating import Renderer

NAMES: dict[str, Any] = {"inputs": {"x": "abc", "list": ["a", "b"]}, "request": {}, "big": list(range(5000))}

INJECTIONS = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ ''|attr('__class__') }}",
    "{{ ''|attr('\\x5f\\x5fclass\\x5f\\x5f') }}",
    "{{ inputs|attr('get')('x') }}",
    "{{ ().__class__.__bases__[0].__subclasses__()[40]('/etc/passwd').read() }}",
    "{{ config.__class__.__init__.__globals__['os'].popen('id').read() }}",
    "{{ self.__init__.__globals__.__builtins__.__import__('os').popen('id').read() }}",
    "{{ self._TemplateReference__context }}",
    "{{ self._TemplateReference__context.cycler.__init__.__globals__.os }}",
    "{{ self }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ url_for.__globals__ }}",
    "{{ get_flashed_messages.__globals__ }}",
    "{{ request.application.__globals__ }}",
    "{{ request['application']['__globals__'] }}",
    "{{ range.__self__ }}",
    "{{ range.__globals__ }}",
    "{{ dict.__base__ }}",
    "{{ dict.mro() }}",
    "{{ str.mro() }}",
    "{{ str.format }}",
    "{{ hash.__globals__ }}",
    "{{ range }}x",
    "{{ '{0.__class__}'.format(inputs) }}",
    "{{ '%s'|format(inputs) }}",
    "{{ '{0.__class__}'.format_map(inputs) }}",
    "{{ inputs.x.format(1) }}",
    "{{ inputs.x.encode() }}",
    "{{ inputs.x.translate({}) }}",
    "{{ inputs.update({'a': 1}) }}",
    "{{ inputs.pop('x') }}",
    "{{ inputs.list.append(1) }}",
    "{{ inputs.list.__iadd__([1]) }}",
    "{{ inputs.items.__func__ }}",
    "{{ inputs.keys.__self__ }}",
    "{{ inputs.x.upper.__self__ }}",
    "{{ inputs.x.upper.function }}",
    "{{ (1).__class__ }}",
    "{{ none.__class__ }}",
    "{{ true.__class__ }}",
    "{{ [inputs]|map(attribute='__class__')|list }}",
    "{{ [inputs]|map(attribute='x.__class__')|list }}",
    "{{ [inputs]|map('attr', '__class__')|list }}",
    "{{ [inputs]|selectattr('__class__')|list }}",
    "{{ [inputs]|groupby('__class__')|list }}",
    "{{ [inputs]|sort(attribute='__class__') }}",
    "{{ [inputs]|sum(attribute='__class__') }}",
    "{{ ['x']|map('nornflow show')|list }}",
    "{{ ['x']|map('nornflow limit', -999999)|list }}",
    "{% for c in [].__class__.__base__.__subclasses__() %}{{ c }}{% endfor %}",
    "{% for x in inputs.list %}{{ loop.__class__ }}{% endfor %}",
    "{% for x in inputs.list %}{{ loop._iterator }}{% endfor %}",
    "{% for x in inputs.list %}{{ loop }}{% endfor %}",
    "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
    "{% macro m() %}{% endmacro %}{{ m._func.__globals__ }}",
    "{% macro m() %}{{ caller.__globals__ }}{% endmacro %}{{ m() }}",
    "{% set x = ''.__class__ %}{{ x }}",
    "{% if ''.__class__.__mro__ %}x{% endif %}",
    "{{ x.__class__ if false else ''.__class__ }}",
    "{{ undefined_thing.__class__ }}",
    "{{ undefined_thing._fail_with_undefined_error() }}",
    "{{ undefined_thing._undefined_exception }}",
    "{{ (undefined_thing | default(inputs)).__class__ }}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}{{ os }}",
    "{% from 'os' import popen %}",
    "{% extends '/etc/passwd' %}",
    "{% do inputs.update({}) %}",
    "{% autoescape true %}x{% endautoescape %}",
    "{% debug %}",
    "{{ debug() }}",
    "{{ inputs.__getitem__('x') }}",
    "{{ inputs['x']['__class__'] }}",
    "{{ inputs.x|string|attr('__class__') }}",
    "{{ inputs|xmlattr }}",
    "{{ 'x'|pprint }}",
    "{{ 'x'|urlize }}",
    "{{ [1, 2]|random }}",
    "{{ dict(inputs).__class__ }}",
    "{{ dir_hash('/etc') }}",
    "{{ open('/etc/passwd') }}",
    "{{ eval('1') }}",
    "{{ __import__('os') }}",
    "{{ __builtins__ }}",
    "{{ g.pop.__globals__ }}",
]


@pytest.mark.parametrize("attack", INJECTIONS)
def test_an_injection_is_refused(attack: str) -> None:
    with pytest.raises(ExpressionError):
        Renderer().render(attack, NAMES)


def test_data_is_not_changed_by_templates() -> None:
    names = {"inputs": {"list": [1]}}
    for text in ("{{ inputs.list.append(2) }}", "{{ inputs.setdefault('y', 1) }}", "{{ inputs.clear() }}"):
        with pytest.raises(ExpressionError):
            Renderer().render(text, names)
    assert names == {"inputs": {"list": [1]}}


def test_a_value_that_looks_like_a_template_is_not_rendered_again() -> None:
    names = {"inputs": {"x": "{{ 7 * 7 }}"}}
    assert Renderer().render("{{ inputs.x }}!", names) == "{{ 7 * 7 }}!"
    assert Renderer().render("{{ inputs.x }}", names) == "{{ 7 * 7 }}"
    assert Renderer().render_words("echo {{ inputs.x }}", names) == ["echo", "{{ 7 * 7 }}"]


def test_python_objects_show_nothing() -> None:
    class Trap:
        secret = "s"

        def __str__(self) -> str:
            return "leak"

    for text in (
        "{{ t.secret }}",
        "{{ t }}",
        "{{ t }} x",
        "{{ t() }}",
        "{{ t['secret'] }}",
        "{{ [t] | map(attribute='secret') }}",
    ):
        with pytest.raises(ExpressionError):
            Renderer().render(text, {"t": Trap()})


BOMBS = [
    "{{ 'a' * 999999999 }}",
    "{{ 999999999 * 'a' }} x",
    "{{ [0] * 999999999 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ '%999999999d' % 1 }}",
    "{{ range(999999999) }}",
    "{{ 'a'.center(999999999) }}",
    "{{ 'a'|center(999999999) }}",
    "{{ 'a'.zfill(999999999) }}",
    "{{ 'a'.ljust(999999999) }}",
    "{{ 'a\tb'.expandtabs(999999999) }}",
    "{{ 'a'|indent(999999999) }}",
    "{{ [1]|batch(999999999, 'x')|list }}",
    "{{ [1]|slice(999999999)|list }}",
    "{{ 1|round(-999999999) }}",
    "{{ inputs.x.replace('a', 'b' * 99999).replace('b', 'c' * 99999) }}",
    "{{ inputs.x|replace('a', 'b' * 99999)|replace('b', 'c' * 99999) }}",
    "{{ range(9999)|join('x' * 99999) }}",
    "{{ ('x' * 99999).join(['a', 'b', 'c']) }}",
    "{{ big|tojson(indent=999999999) }}",
    "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
    "{% for a in range(9999) %}" + "x" * 5000 + "{% endfor %}",
    "{% macro m() %}{% for a in range(9999) %}" + "x" * 5000 + "{% endfor %}{% endmacro %}{% set x = m() %}",
    "{% for a in big %}{{ big }}{% endfor %}",
    "{% for a in big %}{% if big|sort == big|sort|list %}{{ big|string }}{% endif %}{% endfor %}",
    "{% set a = [1] %}" + "{% set a = [a, a, a, a, a, a, a, a, a, a] %}" * 30 + "{{ a }} ",
    "{% set a = [1] %}{% set b = [1] %}"
    + "{% set a = [a, a, a, a, a] %}{% set b = [b, b, b, b, b] %}" * 30
    + "{% if a == b %}x{% endif %}",
    "{% set a = {'k': 1} %}" + "{% set a = {'a': a, 'b': a, 'c': a, 'd': a} %}" * 30 + "{{ a|tojson }}",
    "{% set a = (1, 2) %}" + "{% set a = (a, a, a, a, a) %}" * 30 + "{{ a }} ",
    "{% set a = [1] %}" + "{% set a = a + a %}" * 40 + "{{ a }}",
    "{% set a = 'aaaa' %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
    "{% set a = 'aaaa' %}" + "{% set a = a + a %}" * 40 + "{{ a }}",
    "{% macro m0() %}x{% endmacro %}"
    + "".join(f"{{% macro m{i}() %}}{{{{ m{i - 1}() }}}}{{{{ m{i - 1}() }}}}{{% endmacro %}}" for i in range(1, 40))
    + "{{ m39() }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "{% for a in [1] recursive %}{{ loop([1, 1]) }}{% endfor %}",
    "{{ " + "-" * 5000 + "1 }}",
    "{{ " + "not " * 5000 + "1 }}",
    "{{ " + "[" * 5000 + "]" * 5000 + " }}",
    "{{ x" + ".a" * 9000 + " }}",
    "{{ 1" + " + 1" * 9000 + " }}",
    "{% if 1 %}" * 900 + "{% endif %}" * 900,
    "{{ 1e999 }}",
    "{% if -1e999 < 1 %}x{% endif %}",
    *(
        "{% for i in range(9999) %}{% set y = " + work + " %}{% endfor %}"
        for work in (
            "('a ' * 49999)|wordcount",
            "('a' * 99999)|title|trim|capitalize",
            "('a' * 99999)|replace('aaaaaaaaab', 'c')",
            "('a' * 99999).count('aab')",
            "big|sort",
            "big|map('string')|list",
            "hash(big)",
            "big.index(4999)",
        )
    ),
]


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
def test_a_bomb_is_refused_before_it_burns(bomb: str) -> None:
    started = time.process_time()
    with pytest.raises(ExpressionError):
        Renderer().render(bomb, NAMES)
    assert time.process_time() - started < 5


def test_what_a_template_gives_is_bounded() -> None:
    renderer = Renderer(max_output=1000)
    assert len(renderer.render("{{ x }} ", {"x": "a" * 900})) == 901
    with pytest.raises(ExpressionError, match="more than 1,000 characters"):
        renderer.render("{{ x }} ", {"x": "a" * 1000})


_TOKENS = r"""
{{ }} {% %} {# #} {%- -%} raw endraw if else endif for in endfor set macro inputs . x | '
" a steps.run-t ( ) [ ] { } 1 + ~
"""


def assert_answered(renderer: Renderer, text: str) -> None:
    """A text renders to data and a command to words, or it is refused."""
    found = answered(ExpressionError, lambda: renderer.render(text, NAMES))
    assert isinstance(found, ExpressionError) or is_plain(found)
    words = answered(ExpressionError, lambda: renderer.render_words(text, NAMES))
    assert isinstance(words, ExpressionError) or all(isinstance(word, str) for word in words)


@given(st.lists(st.sampled_from([*_TOKENS.split(), "\n"]), max_size=16).map(" ".join))
def test_any_heap_of_template_parts_renders_or_is_refused(text: str) -> None:
    assert_answered(Renderer(step_ids=("run-t",)), text)


@given(st.text(alphabet="{}%#'\" ax|.\\-\n", max_size=50))
def test_any_braces_render_or_are_refused(text: str) -> None:
    assert_answered(Renderer(), text)
