"""From the text of an expression to Python's syntax tree: same length, so that every position stays true.

Expressions look like Python, with four differences: `matches` is an operator, known step ids with hyphens are names after
`steps.`, keywords are names after a dot, and a backslash in a text stands for itself unless it escapes a quote, a backslash
or is `\\n`, `\\r`, `\\t` (so `'^r\\d+$'` needs no doubling).
"""

from __future__ import annotations

import ast
import keyword
import math
import re
from collections.abc import Collection

from nornflow.errors import ExpressionError
from nornflow.record import record
from nornflow.workflow.diagnostics import did_you_mean

MAX_LENGTH = 2000
MAX_NESTING = 40
MAX_NODES = 500
MAX_DEPTH = 80
HYPHEN = "ǁ"
"""Stands for the hyphen of a step id inside the syntax tree: a letter to Python, as long as a hyphen, and in no keyword."""

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<number>(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\w*)
      | (?P<name>[^\W\d]\w*)
      | (?P<op>\*\*|//|<<|>>|:=|->|\.\.\.|[=!<>]=|&&|\|\||[-+*/%()\[\]{},.:<>|=@&^~;!?$\\`\#])
      | (?P<bad>.)""",
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(r"(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][-+]?\d{1,3})?", re.ASCII)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}
_INSTEAD = {
    "&&": "write `and`",
    "||": "write `or`",
    "!": "write `not`",
    "=": "write `==` to compare",
    "?": "write `a if condition else b`",
    ":=": "expressions assign nothing",
    ";": "an expression is one value",
    "`": "put texts in quotes",
    "$": "names are written without `$`",
    "#": "expressions have no comments",
    "@": "an expression has no `@`",
    "\\": "a backslash belongs into a text",
}
_REFUSED = frozenset((*_INSTEAD, "<<", ">>", "&", "^", "~", "->", "..."))


class ExpressionSyntax(ExpressionError):
    """An expression that cannot be used at all; `code` is its diagnostic, `offset` the character where it is wrong."""

    def __init__(self, code: str, message: str, offset: int = 0, *, hint: str = "", suggestion: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.offset = offset
        self.suggestion = suggestion


@record
class _Token:
    kind: str
    text: str
    start: int


@record
class Source:
    """An expression that parsed: its tree, the texts in it by position, and a way back from tree to text."""

    text: str
    python: str
    tree: ast.expr
    strings: dict[int, str]

    def offset(self, node: ast.AST) -> int:
        """Return the position of a node in the text, in characters."""
        column = getattr(node, "col_offset", 0)
        return len(self.python.encode()[:column].decode(errors="replace"))

    def written(self, node: ast.AST) -> str:
        """Return what a node is in the text, cut to a length that fits a message."""
        end = len(self.python.encode()[: getattr(node, "end_col_offset", 0)].decode(errors="replace"))
        return self.text[self.offset(node) : end][:120]


def parse(text: str, step_ids: Collection[str] = ()) -> Source:
    """Parse an expression; raises ExpressionSyntax with its place."""
    if len(text) > MAX_LENGTH:
        raise ExpressionSyntax("NF304", f"an expression of {len(text):,} characters; at most {MAX_LENGTH:,} are read")
    if not text.strip():
        raise ExpressionSyntax("NF301", "an empty expression")
    if "{{" in text or "{%" in text:
        at = min(position for position in (text.find("{{"), text.find("{%")) if position >= 0)
        hint = "an expression is written without {{ }}: `inputs.x`, not `{{ inputs.x }}`"
        raise ExpressionSyntax("NF301", "a template stands where an expression belongs", at, hint=hint)
    tokens = _tokens(text, step_ids)
    python, strings = _to_python(text, tokens)
    tree = _tree(python, text)
    _measure(tree)
    return Source(text, python, tree, strings)


def _tokens(text: str, step_ids: Collection[str]) -> list[_Token]:
    tokens: list[_Token] = []
    meaningful: list[_Token] = []
    hyphenated = sorted((one for one in step_ids if "-" in one), key=len, reverse=True)
    depth = position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match is not None  # the last alternative takes any character
        kind, part = str(match.lastgroup), match.group()
        if kind == "op":
            depth += (part in "([{") - (part in ")]}")
            if depth > MAX_NESTING:
                raise ExpressionSyntax("NF304", f"brackets nested deeper than {MAX_NESTING}", position)
        elif kind == "name" and _after_steps(meaningful):
            part = next((one for one in hyphenated if _stands_at(text, position, one)), part)
        if part != "=" or not _names_argument(meaningful):
            _refuse(kind, part, position, meaningful[-1] if meaningful else None)
        token = _Token(kind, part, position)
        tokens.append(token)
        if kind != "space":
            meaningful.append(token)
        position += len(part)
    return tokens


def _after_steps(tokens: list[_Token]) -> bool:
    """Tell whether the next name stands directly after `steps.`, where it is the id of a step."""
    before = [token.text for token in tokens[-3:]]
    return before[-2:] == ["steps", "."] and before != [".", "steps", "."]


def _names_argument(tokens: list[_Token]) -> bool:
    """Tell whether an equals sign here gives an argument its name, as in `sorted(x, reverse=true)`."""
    return len(tokens) > 2 and tokens[-1].kind == "name" and tokens[-2].text in ("(", ",")


def _stands_at(text: str, position: int, step_id: str) -> bool:
    after = text[position + len(step_id) : position + len(step_id) + 1]
    return text.startswith(step_id, position) and not after.isalnum() and after != "_"


def _refuse(kind: str, part: str, start: int, previous: _Token | None) -> None:
    """Raise for a token that no expression has."""
    if kind == "bad":
        what = "a text without its closing quote" if part in "'\"" else f"the character {part!r} has no meaning here"
        raise ExpressionSyntax("NF301", what, start)
    if kind == "op" and part in _REFUSED:
        hint = _INSTEAD.get(part, "expressions have no bit operators")
        raise ExpressionSyntax("NF301", f"`{part}` is not an operator of expressions", start, hint=hint)
    if kind == "number" and (not _NUMBER.fullmatch(part) or math.isinf(float(part))):
        raise ExpressionSyntax("NF301", f"{part[:40]!r} is not a number", start)
    if kind == "string" and previous is not None:
        touching = previous.start + len(previous.text) == start
        if previous.kind == "string":
            raise ExpressionSyntax("NF303", "two texts side by side", previous.start, hint="join texts with `+`")
        if previous.kind == "name" and touching and not keyword.iskeyword(previous.text):
            raise ExpressionSyntax("NF303", f"a text with the prefix {previous.text!r}", previous.start)


def _to_python(text: str, tokens: list[_Token]) -> tuple[str, dict[int, str]]:
    out = list(text)
    strings: dict[int, str] = {}
    meaningful = [token for token in tokens if token.kind != "space"]
    for token in tokens:
        if token.kind == "space":
            out[token.start : token.start + len(token.text)] = " " * len(token.text)
        elif token.kind == "string":
            strings[token.start] = _unescaped(token.text)
            out[token.start + 1 : token.start + len(token.text) - 1] = "x" * (len(token.text) - 2)
    for index, token in enumerate(meaningful):
        if token.kind != "name":
            continue
        before = meaningful[index - 1].text if index else ""
        if before == ".":
            out[token.start : token.start + len(token.text)] = _as_attribute(token.text)
        elif token.text == "matches" and _is_operand(meaningful, index - 1):
            out[token.start : token.start + 7] = "is     "
        elif token.text == "matches" and before == "not" and _is_operand(meaningful, index - 2):
            start = meaningful[index - 1].start
            width = token.start + 7 - start
            out[start : start + width] = "is not".ljust(width)
        elif token.text == "is":
            raise ExpressionSyntax("NF303", "`is` is not an operator of expressions", token.start, hint="write `==`")
    return "".join(out), strings


def _as_attribute(name: str) -> str:
    """Return a name of the same length that Python's parser takes after a dot."""
    if not keyword.iskeyword(name):
        return name.replace("-", HYPHEN)
    # Python folds mathematical letters into plain ones, but only after it has looked for keywords
    base = 0x1D41A - ord("a") if name[0].islower() else 0x1D400 - ord("A")
    return chr(base + ord(name[0])) + name[1:]


def _is_operand(tokens: list[_Token], index: int) -> bool:
    if index < 0:
        return False
    token = tokens[index]
    if token.kind == "name":
        after_dot = index > 0 and tokens[index - 1].text == "."
        return after_dot or token.text not in ("and", "or", "not", "in", "if", "else", "for", "is")
    return token.kind in ("string", "number") or token.text in (")", "]", "}")


def _unescaped(token: str) -> str:
    body = token[1:-1]
    return re.sub(r"\\([nrt\\'\"])", lambda match: _ESCAPES[match.group(1)], body) if "\\" in body else body


def _tree(python: str, text: str) -> ast.expr:
    lead = len(python) - len(python.lstrip())
    try:
        tree = ast.parse(python.lstrip(), mode="eval").body
    except SyntaxError as error:
        offset = lead + error.offset - 1 if error.offset else len(text)
        reason = (error.msg or "invalid syntax").replace("Perhaps you forgot a comma?", "").strip().rstrip(".")
        word = re.match(r"\w+", text[offset:])
        suggestion = did_you_mean(word.group(), ("and", "or", "not", "in", "matches")) if word else ""
        raise ExpressionSyntax("NF301", f"not an expression: {reason}", offset, suggestion=suggestion) from None
    except (MemoryError, RecursionError, ValueError):
        raise ExpressionSyntax("NF304", "the expression is nested too deeply") from None
    if lead:
        for node in ast.walk(tree):
            if hasattr(node, "col_offset"):
                node.col_offset += lead
    return tree


def _measure(tree: ast.expr) -> None:
    level: list[ast.AST] = [tree]
    depth = nodes = 0
    while level:
        depth += 1
        nodes += len(level)
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise ExpressionSyntax("NF304", f"an expression of more than {MAX_NODES} parts or {MAX_DEPTH} levels")
        level = [child for node in level for child in ast.iter_child_nodes(node)]
