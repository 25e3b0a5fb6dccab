"""NAPALM's exceptions as NornFlow's, each with a hint."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from nornflow import (
    AuthenticationFailed,
    ConnectionLost,
    DeviceError,
    LineRejected,
    NornFlowError,
    StepContext,
    StepError,
    Talk,
    UnexpectedPrompt,
    Unreachable,
    first_line,
)

# pyeapi: "... CLI command 3 of 5 'foo' failed: ..."; netmiko: "... detected at command: foo, matched error: ..."
_REFUSED_LINE = re.compile(
    r"CLI command \d+ of \d+ '(?P<eapi>.*?)' failed: |command: (?P<cli>.*?), matched error: ", re.DOTALL
)


@contextmanager
def device_errors(context: StepContext, doing: str) -> Iterator[None]:
    """Turn what NAPALM and the libraries under it raise into DeviceError and its kinds."""
    from napalm.base import exceptions as napalm
    from pyeapi.eapilib import CommandError

    talk = Talk(context)
    name = talk.device
    try:
        yield
    except NornFlowError:
        raise
    except NotImplementedError as error:
        raise StepError(
            f"NAPALM's driver for {talk.platform or name} cannot do this: {doing}",
            hint="NAPALM's documentation has a table of what each driver supports",
        ) from error
    except (napalm.MergeConfigException, napalm.ReplaceConfigException) as error:
        raise _rejected(name, str(error)) from error
    except CommandError as error:
        if first_of(error) is not error:  # eos could not throw a candidate away that the device had not taken
            raise _rejected(name, str(first_of(error))) from error
        raise DeviceError(f"{name}: {doing} failed: {first_line(error)}", hint="see what the device says") from error
    except (napalm.SessionLockedException, napalm.LockError) as error:
        raise DeviceError(
            f"the configuration of {name} is locked: {first_line(error)}",
            hint="another session is changing it: see `show configuration sessions`; a pending nornflow-RUN-... is of a run"
            " that was cut off: resume that run, or `configure session NAME abort` on the device",
        ) from error
    except napalm.CommitConfirmException as error:
        raise DeviceError(f"{name}: {doing} failed: {first_line(error)}", hint="look for a pending commit") from error
    except napalm.CommitError as error:
        raise DeviceError(
            f"{name} did not take the commit: {first_line(error)}", hint="the candidate was not made the configuration"
        ) from error
    except napalm.ConnectAuthError as error:
        raise AuthenticationFailed(
            f"{name} refused the login of the user", hint="check username and password of the host in the inventory"
        ) from error
    except napalm.CommandTimeoutException as error:
        raise UnexpectedPrompt(f"{name} did not answer in time: {doing}", hint="raise NAPALM's `timeout`") from error
    except napalm.ConnectionClosedException as error:
        raise ConnectionLost(
            f"the session to {name} ended: {doing}", hint="the device may have restarted, or the change cut its access"
        ) from error
    except napalm.ConnectionException as error:
        raise Unreachable(
            f"{name} cannot be reached: {first_line(error)}", hint="check hostname and port in the inventory"
        ) from error
    except (napalm.CommandErrorException, napalm.NapalmException) as error:
        raise DeviceError(f"{name}: {doing} failed: {first_line(error)}", hint="see NAPALM's documentation") from error
    except (OSError, EOFError) as error:
        raise ConnectionLost(
            f"the session to {name} ended: {doing}: {first_line(error)}",
            hint="the device may have restarted, or the change cut its management access",
        ) from error
    except Exception as error:
        # the drivers let through what their libraries raise: pyeapi, ncclient, netmiko, PyEZ, TypeErrors of getters
        raise DeviceError(
            f"{name}: {doing} failed: {type(error).__name__}: {first_line(error)}",
            hint="the library under NAPALM's driver raised this; see its documentation",
        ) from error


def first_of(error: BaseException) -> BaseException:
    """Return the error of the same kind that came first, where one was raised while another was being handled."""
    while type(error.__context__) is type(error):
        error = error.__context__
    return error


def _rejected(name: str, text: str) -> LineRejected:
    found = _REFUSED_LINE.search(text)
    line = (found["eapi"] or found["cli"] or "").strip() if found else ""
    marker = " ".join((text[found.end() :] if found else text).split())
    return LineRejected(
        f"{name} refused the line `{line}`: {marker}" if line else f"{name} refused the configuration: {marker}",
        line=line,
        marker=marker,
        hint="the candidate was thrown away: nothing of it was made the configuration",
    )
