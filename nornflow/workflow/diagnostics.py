"""Every code that a workflow document can be told, and the small tools that make a diagnostic helpful."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from nornflow.model.diagnostic import Diagnostic, Location, Severity
from nornflow.record import record
from nornflow.workflow.excerpts import excerpt

PAGES = "docs/reference/diagnostics"
"""The folder of the pages, one per code: `<PAGES>/<code>.md`."""


@record
class Rule:
    """One code: its kebab-case name for machines, its title for people and how bad it is."""

    code: str
    name: str
    title: str
    severity: Severity = Severity.ERROR

    @property
    def page(self) -> str:
        """Return the path of the page that explains this code."""
        return f"{PAGES}/{self.code}.md"


_QUOTABLE = 1024 * 1024  # bytes of a file that lines are quoted from
_W = Severity.WARNING
_RULES = (
    Rule("NF001", "unreadable-file", "The file cannot be read"),
    Rule("NF002", "file-too-large", "The file is larger than a workflow may be"),
    Rule("NF003", "not-utf-8", "The file is not UTF-8 text"),
    Rule("NF004", "yaml-syntax", "The text is not YAML"),
    Rule("NF005", "tab-indentation", "A tab stands where YAML wants spaces"),
    Rule("NF006", "duplicate-key", "A key stands twice in one mapping"),
    Rule("NF007", "nested-too-deeply", "The document is nested too deeply"),
    Rule("NF008", "too-many-values", "The document expands to too many values"),
    Rule("NF009", "several-documents", "The file holds more than one document"),
    Rule("NF010", "not-a-mapping", "The document is empty or not a mapping"),
    Rule("NF011", "unsupported-yaml", "The document uses a YAML feature that workflows do not have"),
    Rule("NF012", "not-a-plain-value", "A value has no place in plain data"),
    Rule("NF101", "unknown-key", "A key is not known here"),
    Rule("NF102", "missing-key", "A required key is missing"),
    Rule("NF103", "wrong-type", "A value has the wrong type"),
    Rule("NF104", "out-of-range", "A value is too small, too large, too short or too long"),
    Rule("NF105", "not-a-choice", "A value is not one of the allowed ones"),
    Rule("NF106", "wrong-form", "A text does not have the required form"),
    Rule("NF107", "invalid-regex", "A regular expression is not one that RE2 takes"),
    Rule("NF201", "unknown-step-type", "No installed plugin brings this step type"),
    Rule("NF202", "duplicate-step-id", "Two steps have the same id"),
    Rule("NF203", "clashing-step-ids", "Two step ids differ only in hyphens and underscores"),
    Rule("NF204", "unknown-dependency", "A step depends on a step that does not exist"),
    Rule("NF205", "dependency-cycle", "Steps depend on each other in a circle"),
    Rule("NF206", "invalid-parameter", "A key's value is not what the step type takes"),
    Rule("NF207", "misplaced-block", "A block of steps stands where it has no meaning"),
    Rule("NF208", "not-a-look", "A step of `snapshot` does something else than look at a device"),
    Rule("NF209", "misplaced-check", "A health check of the rollout stands where it cannot be one"),
    Rule("NF210", "misplaced-wait", "A step that waits for people, a time or a signal stands where it cannot wait"),
    Rule("NF221", "unknown-workflow", "A workflow that a step calls is not there"),
    Rule("NF222", "call-cycle", "Workflows call each other in a circle"),
    Rule("NF223", "calls-too-deep", "Workflows call each other too deep"),
    Rule("NF224", "broken-workflow", "A workflow that a step calls has errors"),
    Rule("NF225", "misplaced-call", "A key has no meaning on a step that calls a workflow"),
    Rule("NF226", "unfit-call", "A workflow is not called with the inputs that it takes"),
    Rule("NF227", "another-run", "A called workflow wants another run than the one that calls it"),
    Rule("NF301", "expression-syntax", "An expression cannot be parsed"),
    Rule("NF302", "unknown-name", "An expression or template uses a name that does not exist"),
    Rule("NF303", "forbidden-expression", "An expression uses something that expressions do not have"),
    Rule("NF304", "expression-too-large", "An expression is too long or too deeply nested"),
    Rule("NF305", "unknown-input", "An expression or template uses an input that is not declared"),
    Rule("NF306", "unknown-step", "An expression or template refers to a step that does not exist"),
    Rule("NF307", "step-not-before", "A step is referred to that need not have run before", _W),
    Rule("NF308", "template-syntax", "A template cannot be parsed"),
    Rule("NF309", "forbidden-template", "A template uses something that templates do not have"),
    Rule("NF310", "unknown-function", "A function or filter does not exist"),
    Rule("NF311", "unknown-result", "A step of this type has no such result", _W),
    Rule("NF401", "unknown-permission", "A permission does not exist"),
    Rule("NF402", "unknown-profile", "A profile does not exist"),
    Rule("NF403", "permission-not-granted", "A step needs a permission that the workflow does not grant itself", _W),
    Rule("NF404", "invalid-default", "The default of an input does not fit its own declaration"),
    Rule("NF405", "useless-validation", "A validation does not fit the type of its input"),
    Rule("NF406", "unsafe-cache", "A result may not be taken from an earlier run"),
    Rule("NF407", "useless-batch", "No device is ever left for a batch", _W),
    Rule("NF408", "useless-pause", "Nobody is ever asked behind a batch", _W),
    Rule("NF411", "useless-confirm", "There is nothing to confirm: no step changes a device", _W),
    Rule("NF412", "kept-unconfirmed", "A change that is never taken back cannot wait for a confirmation"),
    Rule("NF413", "soak-beyond-confirm", "A batch soaks longer than it may stand without being confirmed"),
    Rule("NF501", "broken-check", "A check that a plugin brought broke"),
    Rule("NF601", "unusable-workflow", "The workflow of an entry cannot be used"),
    Rule("NF602", "duplicate-entry-id", "Two entries of a pipeline have the same id"),
    Rule("NF603", "unknown-entry", "An entry comes after one that does not exist"),
    Rule("NF604", "entry-cycle", "Entries come after each other in a circle"),
    Rule("NF605", "impossible-condition", "The conditions of an entry can never hold"),
    Rule("NF606", "useless-after", "`after` stands in a pipeline whose entries are all begun at once"),
    Rule("NF607", "invalid-entry-input", "An entry does not give its workflow the inputs that it takes"),
    Rule("NF608", "unknown-run", "A template of an entry names a run, or an output, that it cannot know"),
    Rule("NF609", "impossible-resources", "More is asked for than the pools ever have"),
)
RULES: Mapping[str, Rule] = {rule.code: rule for rule in _RULES}
"""Every code of the core, in the order of the pages; plugins' checks bring codes of their own."""


def problem(
    code: str,
    message: str,
    location: Location,
    *,
    found: str = "",
    expected: str = "",
    suggestion: str = "",
    hint: str = "",
) -> Diagnostic:
    """Make a diagnostic whose severity is that of its code."""
    return Diagnostic(code, message, location, RULES[code].severity, _short(found), expected, suggestion, hint)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the known name that looks most like this one, or an empty string when none does."""
    names = [str(one) for one in known]
    folded = {one.lower().replace("-", "_"): one for one in reversed(names)}
    close = get_close_matches(name.lower().replace("-", "_")[:100], folded, n=1, cutoff=0.6)
    return folded[close[0]] if close and folded[close[0]] != name else ""


def listing(names: Iterable[str], limit: int = 12) -> str:
    """Return names as one readable text, cut after `limit` of them."""
    known = [str(name) for name in names]
    rest = f" … ({len(known)} in all)" if len(known) > limit else ""
    return ", ".join(known[:limit]) + rest


def shown(value: object) -> str:
    """Return a document's value as a person would name it in an error: kind and, where short, the value itself."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {_short(str(value))}"
        case str():
            return f"the text {_short(value)!r}"
        case list():
            return f"a list of {len(value)}"
        case dict():
            return f"a mapping with {listing(value, 4)}" if value else "an empty mapping"
        case _:
            return type(value).__name__


def render_text(diagnostics: Iterable[Diagnostic]) -> str:
    """Return diagnostics for a person, each with the line of the file that it is about when that can still be read."""
    files: dict[str, list[str]] = {}
    parts = []
    for one in diagnostics:
        file = one.location.file
        if file not in files:
            files[file] = lines_of(file)
        parts.append(excerpt(one, files[file]))
    return "\n".join(parts)


def lines_of(file: str) -> list[str]:
    """Return the lines of a file, for quoting one; none when it cannot be read, or is too large for that."""
    path = Path(file)
    try:
        if not path.is_file() or path.stat().st_size > _QUOTABLE:
            return []
        return path.read_text(encoding="utf-8-sig", errors="replace").split("\n")
    except (OSError, ValueError):  # the message stands without its line
        return []


def _short(text: str, limit: int = 80) -> str:
    """Return the text cut to a length that fits a line, control characters made visible."""
    clean = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text[: limit + 1])
    return clean if len(text) <= limit else clean[:limit] + "…"
