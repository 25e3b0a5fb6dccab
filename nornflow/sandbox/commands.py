"""Which file a program's name means: found on a clean PATH, held against the profile's list."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from nornflow.errors import PolicyDenied, StepError, UsageError

_SYSTEM = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_NAME = re.compile(r"[A-Z_][A-Z0-9_]*\Z")
_TAKE_OVER = frozenset(
    (
        *("PATH", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "PS4", "EDITOR", "VISUAL", "PAGER", "BROWSER"),
        *("GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "LOCPATH", "NODE_OPTIONS", "PERL5OPT", "PERL5DB", "RUBYOPT"),
        *("JAVA_TOOL_OPTIONS", "PYTHONSTARTUP", "PYTHONHOME", "PYTHONBREAKPOINT", "LESSOPEN", "LESSCLOSE"),
        *("GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR"),
        *("GIT_PROXY_COMMAND", "GIT_ASKPASS", "SSH_ASKPASS", "GIT_EXEC_PATH", "GIT_TEMPLATE_DIR"),
    )
)
_TAKE_OVER_FAMILIES = ("LD_", "DYLD_", "GIT_CONFIG", "NPM_CONFIG_")


def clean_path(inherited: str, forbidden: Sequence[Path]) -> str:
    """Return a PATH of absolute folders outside the forbidden ones; the system's and our interpreter's come last."""
    folders = [*inherited.split(os.pathsep), *_SYSTEM, str(Path(sys.executable).parent)]
    kept = []
    for folder in dict.fromkeys(folders):
        if not os.path.isabs(folder) or not os.path.isdir(folder):
            continue
        real = Path(folder).resolve()
        if not any(real.is_relative_to(place) for place in forbidden):
            kept.append(folder)
    return os.pathsep.join(kept)


def resolve(word: str, path: str, cwd: Path, allowed: tuple[str, ...] | None, profile: str) -> str:
    """Return the file of a program.

    A word with a slash must be the very file that its name means on PATH (`./npm` is not `npm`), unless the profile allows
    any program. Raises PolicyDenied with the list, and StepError when nothing of that name is installed.
    """
    name = os.path.basename(word)
    if not word or "\0" in word:
        raise UsageError("the command is empty", hint="name a program")
    if allowed is not None and name not in allowed:
        raise PolicyDenied(
            f"profile {profile!r} does not allow the program {name!r}",
            hint=f"allowed are: {', '.join(allowed) or 'none'}; a profile of your own can add it with `add_commands:`",
        )
    found = shutil.which(name, path=path)
    if "/" not in word:
        if found is None:
            raise StepError(
                f"there is no program {name!r} on PATH", hint="install it on the machine that runs the workflow"
            )
        return found
    given = os.path.join(cwd, word)
    if allowed is not None and (found is None or os.path.realpath(given) != os.path.realpath(found)):
        raise PolicyDenied(
            f"profile {profile!r} allows {name!r} by its name, and {word!r} is another file than {found or 'none on PATH'}",
            hint=f"write {name!r} without a folder",
        )
    if not os.path.isfile(given) or not os.access(given, os.X_OK):
        raise StepError(f"{word!r} is no file that can be executed", hint="check the path and its mode")
    return given


def child_environment(base: Mapping[str, str], declared: Mapping[str, str], trusted: bool) -> dict[str, str]:
    """Return the whole environment of a child: the base and what the workflow declares.

    Raises PolicyDenied for a name that would let a listed program run other code (LD_PRELOAD, PATH, BASH_ENV ...), unless
    any program is allowed anyway, and UsageError for a name or value that no environment takes.
    """
    for name, value in declared.items():
        if not _NAME.match(name):
            raise UsageError(f"{name!r} is not a name of an environment variable", hint="use A-Z, 0-9 and _")
        if "\0" in str(value):
            raise UsageError(f"the value of {name} holds a NUL character", hint="take it out")
        if not trusted and (name in _TAKE_OVER or name.startswith(_TAKE_OVER_FAMILIES)):
            raise PolicyDenied(
                f"the environment variable {name} can make a listed program run other code",
                hint="leave it out, or take a profile that allows any program",
            )
    return {**base, **{name: str(value) for name, value in declared.items()}}
