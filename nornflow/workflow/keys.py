"""The table of every key of the workflow language, with its bounds: what the compiler reads and the schema describes.

Keys of a step type are not here; they come from the type's own pydantic model.
"""

from __future__ import annotations

from dataclasses import replace

from nornflow.model.pool import POOL_NAME
from nornflow.workflow.amounts import Resources
from nornflow.workflow.forms import Anything, Boolean, Choice, Duration, Number, OneOf, Text
from nornflow.workflow.shapes import Key, ListOf, MapOf, Record

DAY = 86_400
STEP_ID = r"[A-Za-z](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9_])?"
NAME = r"[A-Za-z_][A-Za-z0-9_-]{0,63}"
INPUT_TYPES = ("string", "number", "boolean", "array", "object", "file", "artifact")
MAX_STEPS = 1000

_COUNT = Number(0, 1_000_000, whole=True)
_SHARE = Text(r"100(?:\.0{1,3})?%|[1-9]?[0-9](?:\.[0-9]{1,3})?%", "10%", what="a share of the devices")
_AMOUNT = OneOf((_COUNT, _SHARE), what="a number of devices (1) or a share of them (10%)")
_EXPRESSION = Text(shortest=1, longest=2000, what="an expression")
_BATCH = OneOf(
    (_COUNT, replace(_SHARE, kind=r"[-+\d\s.,_%]*"), _EXPRESSION),  # "10" is a share that lost its sign, no expression
    what="a number of devices (1), a share of them (10%) or an expression over their data (site == 'lab')",
)
_FAILURES = Record(
    {
        "total": Key(_AMOUNT, "how many of all devices may fail", True),
        "per_group": Key(
            MapOf(_AMOUNT, r".+", "core", 1000), "how many of the devices in a group of the inventory may fail"
        ),
        "in_each": Key(
            MapOf(_AMOUNT, r".+", "site", 20), "how many of the devices with the same value of this key may fail"
        ),
    },
    instead={"groups": "per_group", "max": "total"},
    what="a mapping such as {total: 2%, per_group: {core: 0}}",
)
_CONDITION = OneOf((Boolean(), _EXPRESSION), what="an expression")
_ENVIRONMENT = MapOf(
    Text(longest=32_768, numbers=True, what="a text or a number"), r"[A-Z_][A-Z0-9_]*", "NTP_SERVER", most=200
)
_VALIDATION = Record(
    {
        "pattern": Key(Text(shortest=1, longest=1000, what="a regular expression"), "RE2 pattern that is searched for"),
        "min": Key(Number(-1e15, 1e15), "smallest value of a number, or smallest length of a text, list or mapping"),
        "max": Key(Number(-1e15, 1e15), "largest value of a number, or largest length of a text, list or mapping"),
        "enum": Key(ListOf(Anything(), 1, 1000), "the only values that are taken"),
    }
)
INPUT = Record(
    {
        "type": Key(Choice(INPUT_TYPES), "what kind of value the input is", default="string"),
        "description": Key(Text(longest=5000), "what the input is for"),
        "required": Key(Boolean(), "whether a run without this input is refused", default=False),
        "default": Key(Anything(), "the value of an input that is not given"),
        "validation": Key(_VALIDATION, "what a value must fulfil"),
        "multiline": Key(Boolean(), "whether line ends and tabs are taken in the text", default=False),
    },
    instead={"values": "validation: {enum: [...]}", "choices": "validation: {enum: [...]}"},
    what="a mapping such as {type: string, required: true}",
)
_OUTPUT = Record(
    {
        "from": Key(
            Text(shortest=1, longest=2000, what="an expression or extractor"), "where the value comes from", True
        ),
        "type": Key(Choice((*INPUT_TYPES, "any")), "what kind of value the output is", default="any"),
        "description": Key(Text(longest=5000), "what the output says"),
    },
    instead={"value": "from", "path": "from"},
    what="a mapping such as {from: steps.check.stdout}",
)
RETRY = Record(
    {
        "attempts": Key(Number(1, 10, whole=True), "how often the step is tried, the first time included", default=3),
        "delay": Key(Number(1, 300, unit="seconds"), "seconds between two attempts", default=30),
        "backoff": Key(Choice(("fixed", "linear", "exponential")), "how the delay grows", default="fixed"),
        "exponential_backoff": Key(Boolean(), "short for `backoff: exponential`"),
        "max_delay": Key(Number(1, 3600, unit="seconds"), "the longest delay, in seconds", default=3600),
        "on_failure": Key(
            Choice(("retry", "continue", "fail")),
            "what a failed attempt does: try again, go on as if it were fine, or fail at once",
            default="retry",
        ),
    },
    instead={"max_attempts": "attempts", "count": "attempts", "interval": "delay", "backoff_factor": "backoff"},
    what="a mapping such as {attempts: 3, delay: 30}",
)
CACHE = Record(
    {
        "enabled": Key(Boolean(), "whether results may be taken from an earlier run", default=True),
        "key": Key(Text(longest=2000), "template of what the result depends on, besides the step itself"),
        "ttl": Key(Number(60, 2_592_000, whole=True, unit="seconds"), "seconds a result may be used", default=3600),
        "version": Key(Text(longest=100, numbers=True), "changing it makes earlier results void"),
    },
    what="a mapping such as {enabled: true, ttl: 3600}",
)
_CACHE = OneOf((Boolean(), CACHE), what="true, false or a mapping such as {ttl: 3600}")
_STEPS = ListOf(Anything(), 1, MAX_STEPS)
_BATCHES = ListOf(Number(0, 1000, whole=True), 0, 100, alone=True)
_USERS = ListOf(Text(shortest=1, longest=64, what="a name"), 0, 100, alone=True)
_PAUSE = Record(
    {
        "batches": Key(_BATCHES, "the batch, or the batches, after which people are asked", True),
        "approvers": Key(
            Number(0, 20, whole=True),
            "how many people have to say yes, none of whom asked for the run or wrote its workflow; 0 is anybody",
            default=1,
        ),
        "groups": Key(_USERS, "groups of the system whose members may approve"),
        "users": Key(_USERS, "users who may approve; anybody when both are empty"),
        "different_each_batch": Key(Boolean(), "whether nobody may approve more than one batch", default=False),
        "text": Key(Text(longest=10_000), "what they are asked; templates are rendered when they are"),
        "expires": Key(Duration(1, 366 * DAY, days=True), "how long they have; then no further batch is begun"),
        "remind": Key(
            Duration(1, 366 * DAY, days=True), "after how long, again and again, they are reminded by an event"
        ),
    },
    what="a mapping such as {batches: 1, approvers: 2}",
)
_ROLLOUT = Record(
    {
        "batches": Key(
            ListOf(_BATCH, 1, 100),
            "the batches: how many devices each has, or an expression that names them; a last amount repeats",
            default=["100%"],
        ),
        "max_failures": Key(
            OneOf(
                (_COUNT, _SHARE, _FAILURES),
                what="a number of devices (1), a share of them (10%) or a mapping such as {total: 2%, per_group: {core: 0}}",
            ),
            "how many devices may fail before the rollout stops (1 of 4 is more than 2%)",
            default=0,
        ),
        "soak": Key(Duration(0, DAY), "how long to wait after each batch, before it is checked", default=0),
        "checks": Key(_STEPS, "steps that look after each batch whether the network is well; they change no device"),
        "pause_after": Key(
            OneOf(
                (_BATCHES, _PAUSE), what="a batch, a list of batches, or a mapping such as {batches: 1, approvers: 2}"
            ),
            "the batch, or the batches, after which a human is asked, 0 is never; or a mapping that says who is",
            default=0,
        ),
        "host_timeout": Key(
            Number(0, DAY, unit="seconds"),
            "seconds that may be worked on one device, all steps together; 0 is no limit",
            default=0,
        ),
    },
    instead={"serial": "batches", "max_fail_percentage": "max_failures", "health_checks": "checks"},
)
_CONFIRM = Record(
    {
        "within": Key(
            Duration(5, DAY // 2),
            "how long a batch may stand without being confirmed; what is not verified by then is taken back",
            True,
        ),
    },
    instead={"timeout": "within", "minutes": "within: 5m", "revert_in": "within"},
    what="a mapping such as {within: 5m}",
)
_HOSTS = ListOf(Text(shortest=1, longest=255, what="a name"), 0, 100_000, alone=True)
TARGETS = OneOf(
    (
        _EXPRESSION,
        Record(
            {
                "hosts": Key(_HOSTS, "names of devices"),
                "groups": Key(_HOSTS, "names of groups"),
                "filter": Key(MapOf(Anything(), r".+", "site"), "data that the devices have, as Nornir's filter"),
            }
        ),
    ),
    what="an expression or a mapping with hosts, groups or filter",
)
_PATTERNS = ListOf(Text(shortest=1, longest=500, what="a pattern of paths"), 0, 200)
SNAPSHOT = Record(
    {
        "take": Key(
            ListOf(Anything(), 1, 50), "the steps that look at a device: each reads, once before and once after", True
        ),
        "noise": Key(_PATTERNS, "paths that change by themselves, beside those that are known of the platform"),
        "intended": Key(_PATTERNS, "paths that the change is meant to change, beside those that the plan's lines name"),
        "keys": Key(
            ListOf(Text(shortest=1, longest=100, what="the name of a field"), 0, 50),
            "fields that name the objects of a list, tried before the usual ones (`name`, `interface`, `neighbor` ...)",
        ),
        "unexplained": Key(
            Choice(("fail", "warn")), "what a difference means that is neither intended nor noise", default="warn"
        ),
        "settle": Key(
            Number(0, DAY, unit="seconds"), "seconds between a device's change and the second look", default=0
        ),
        "learn": Key(
            Number(0, 3600, unit="seconds"),
            "seconds between two first looks, of which the difference is noise; 0 looks once",
            default=0,
        ),
    },
    instead={"steps": "take", "ignore": "noise", "expected": "intended", "on_failure": "unexplained: fail"},
    what="a mapping such as {take: [...], unexplained: fail}",
)
_TIMEOUT = Number(1, DAY, unit="seconds")
RESOURCES = Resources(POOL_NAME)
PRIORITY = Number(-1000, 1000, whole=True)

WORKFLOW = Record(
    {
        "name": Key(
            Text(r"[a-z][a-z0-9-]*", "ntp-rollout", 1, 100, what="a kebab-case name"), "the workflow's name", True
        ),
        "version": Key(
            Text(r"\d+\.\d+(\.\d+)?", "1.0 or 1.0.2", 1, 50, numbers=True, what="a version"),
            "its version: a number or a text",
            True,
        ),
        "description": Key(Text(longest=10_000), "what the workflow does"),
        "author": Key(Text(longest=200), "who wrote it"),
        "tags": Key(ListOf(Text(shortest=1, longest=64, numbers=True, what="a word"), 0, 50), "words to find it by"),
        "inputs": Key(MapOf(INPUT, NAME, "servers", 200), "the values a run is given"),
        "outputs": Key(MapOf(_OUTPUT, NAME, "changed", 200), "the values a run ends with"),
        "targets": Key(TARGETS, "which devices the workflow is for; without it, all of the inventory"),
        "environment": Key(_ENVIRONMENT, "variables of the programs that steps start"),
        "profile": Key(Text(shortest=1, longest=64, what="the name of a profile"), "the profile it is written for"),
        "permissions": Key(ListOf(Text(shortest=1, longest=64), 0, 50), "the only permissions its steps may use"),
        "timeout": Key(_TIMEOUT, "seconds of work (not waiting) for the run; without it, `default_timeout`"),
        "retry": Key(RETRY, "how failed steps are tried again, for every step that does not say so itself"),
        "cache": Key(
            _CACHE, "whether results may be taken from earlier runs, for every step that runs once and only reads"
        ),
        "resources": Key(
            RESOURCES,
            "what a run takes of the pools while it is at work: `cpu`, `memory`, `bandwidth`, `storage`, own counts",
        ),
        "priority": Key(PRIORITY, "who waits for resources: a higher one is served first", default=0),
        "rollout": Key(_ROLLOUT, "in which batches devices are changed"),
        "confirm": Key(_CONFIRM, "that each batch stands only when it is verified and confirmed in time"),
        "on_failure": Key(
            Choice(("stop", "continue", "rollback")), "what a failed device does to the run", default="stop"
        ),
        "snapshot": Key(SNAPSHOT, "what is looked at before and after the change, and compared"),
        "steps": Key(_STEPS, "the steps of the workflow", True),
    },
    instead={
        "hosts": "targets: {hosts: [...]}",
        "vars": "inputs: declare each value with its type",
        "env": "environment",
        "tasks": "steps",
        "jobs": "steps",
        "batches": "rollout: {batches: [...]}",
        "checks": "rollout: {checks: [...]}",
        "entries": "steps; what has `entries` is a pipeline, and begun with: nornflow pipeline run",
    },
)
"""The keys at the top of a workflow, in canonical order."""

STEP = Record(
    {
        "id": Key(
            Text(STEP_ID, "run-tests or run_tests", 1, 64, what="an id of letters, digits, hyphens and underscores"),
            "the step's name in expressions, unique in the workflow",
            True,
        ),
        "name": Key(Text(longest=200), "what people are shown"),
        "description": Key(Text(longest=10_000), "what the step does"),
        "type": Key(Text(shortest=1, longest=100, what="the name of a step type"), "the step type", True),
        "depends_on": Key(
            ListOf(Text(shortest=1, longest=64, what="the id of a step"), 0, MAX_STEPS, alone=True),
            "the steps that must have ended well before",
        ),
        "when": Key(_CONDITION, "expression: when it is false, the step (on this host) is skipped"),
        "for_each": Key(
            OneOf((ListOf(Anything(), 0, 10_000), _EXPRESSION), what="a list or an expression that gives one"),
            "repeats the step for each item; the keys of its type can name `item` and `index`",
        ),
        "until": Key(
            _CONDITION,
            "expression over `steps.<id>`, its own result: the step is tried again (see retry) until it is true",
        ),
        "timeout": Key(_TIMEOUT, "seconds of work for the step, or for all of a call; max_step_duration is the cap"),
        "retry": Key(RETRY, "how the step is tried again when it fails"),
        "cache": Key(_CACHE, "whether the result may be taken from an earlier run; for steps that only read"),
        "read_only": Key(
            Boolean(), "your word that the step changes nothing anywhere, where its type cannot know", default=False
        ),
        "on_failure": Key(Choice(("fail", "warn", "continue")), "what a failure of the step means", default="fail"),
        "environment": Key(_ENVIRONMENT, "variables of the programs that the step starts"),
        "profile": Key(Text(shortest=1, longest=64, what="the name of a profile"), "lowers the profile for this step"),
        "once": Key(Boolean(), "whether a device step runs on the first device only", default=False),
        "rollback": Key(
            OneOf(
                (Boolean(), ListOf(Text(longest=1000, what="a configuration line"), 0, 10_000)),
                what="true, false or a list of lines",
            ),
            "whether (or with which lines) the step's change is taken back",
            default=True,
        ),
        "inputs": Key(MapOf(Anything(), NAME, "servers", 200), "values that the step is given"),
        "outputs": Key(MapOf(_OUTPUT, NAME, "lines", 200), "values that the step gives, and where they come from"),
        "then_steps": Key(_STEPS, "steps of a `conditional` step whose condition is true"),
        "else_steps": Key(_STEPS, "steps of a `conditional` step whose condition is false"),
        "rescue": Key(_STEPS, "steps that run when this step failed; when they end well, the failure is rescued"),
        "always": Key(_STEPS, "steps that run when this step has ended, well or not"),
    },
    instead={
        "unless": "when: not (...)",
        "if": "when",
        "needs": "depends_on",
        "loop": "for_each",
        "with_items": "for_each",
        "ignore_errors": "on_failure: continue",
        "register": "nothing: the result is `steps.<id>`",
        "set_to": "nothing: the result is `steps.<id>`",
        "env": "environment",
        "hosts": "targets, at the top of the workflow",
        "parameters": "the keys of the step type, beside `type`",
        "params": "the keys of the step type, beside `type`",
        "with": "the keys of the step type, beside `type`",
        "uses": "type",
    },
)
"""The keys that every step may have, in canonical order; the keys of its type follow them."""

LOOK_KEYS = frozenset(STEP.keys) - frozenset(
    (
        "depends_on",
        "for_each",
        "until",
        "cache",
        "read_only",
        "once",
        "rollback",
        "then_steps",
        "else_steps",
        "rescue",
        "always",
    )
)
"""The common keys that a step of `snapshot: {take: ...}` may have."""

BLOCKS = ("then_steps", "else_steps", "rescue", "always")
