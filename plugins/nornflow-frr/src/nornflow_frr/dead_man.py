"""A dead-man on the router itself: a process that brings it back unless somebody stops it in time."""

from __future__ import annotations

import re
from typing import Any

from nornflow import DeadMan, DeviceError
from nornflow_frr import needs

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_HERE = """
d=/var/tmp/$1
boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo none)
runs() { [ "$(cat "$d/boot" 2>/dev/null)" = "$boot" ] && kill -0 "$(cat "$d/pid")" 2>/dev/null; }
"""
"""What every script begins with: where the dead-man's files are, and whether its process lives (since this start)."""

_BACK = """
for pass in 1 2; do
  "$2/frr-reload.py" --reload --stdout ${3:+--pathspace "$3"} --confdir "$1" --rundir "$1" "$1/frr.conf" || :
done
touch "$1/done"
"""
"""Returns to `frr.conf` of the folder $1. With that as its `--confdir` frr-reload saves nothing."""

_MAN = """
echo $$ > "$1/pid"
sleep "$4"
mkdir "$1/end" 2>/dev/null || exit 0
exec sh "$1/back" "$1" "$2" "$3"
"""
_ARM = f"""
set -eu
umask 077
{_HERE}
mkdir "$d"
mkdir -p "$d/$4"
printf %s "$5" > "$d/$4/vtysh.conf"
printf %s "$6" > "$d/back"
printf %s "$7" > "$d/man"
cat > "$d/frr.conf"
[ -x "$3/frr-reload.py" ]
echo "$boot" > "$d/boot"
setsid sh "$d/man" "$d" "$3" "$4" "$2" </dev/null >"$d/log" 2>&1 &
for wait in 1 2 3 4 5 6 7 8 9; do [ -s "$d/pid" ] && break; sleep 0.2; done
runs && echo armed
"""
_PENDING = f"""
{_HERE}
[ -d "$d" ] && [ ! -d "$d/end" ] && runs && echo runs || echo over
"""
_CONFIRM = f"""
{_HERE}
[ -d "$d" ] && mkdir "$d/end" 2>/dev/null || {{ echo over; exit 0; }}
runs && kill -TERM "-$(cat "$d/pid")"
rm -rf "$d"
echo confirmed
"""
_REVERT = f"""
{_HERE}
[ -d "$d" ] || {{ echo none; exit 0; }}
if mkdir "$d/end" 2>/dev/null; then
  runs && kill -TERM "-$(cat "$d/pid")"
  setsid sh "$d/back" "$d" "$2" "$3" </dev/null >>"$d/log" 2>&1 &
fi
wait=0
while [ ! -e "$d/done" ] && [ $wait -lt 300 ]; do sleep 0.2; wait=$((wait + 1)); done
[ -e "$d/done" ] || {{ tail -n 1 "$d/log" >&2; exit 1; }}
rm -rf "$d"
echo back
"""
_REVERT_SECONDS = 75.0


class FrrDeadMan(DeadMan):
    """A process on the router that lets frr-reload bring back the configuration it was armed with.

    It lives in a session of its own below init, so it outlives the login that began it, and works with files of the shell
    account alone (`/var/tmp/TOKEN`, mode 0700). Whoever makes the folder `end` first decides: a confirmation, or the end of
    the time. frr-reload is told to save nothing.
    """

    name = "FRR dead-man"

    def arm(self, driver: Any, token: str, seconds: int, pre_image: str) -> None:
        """Leave the configuration and the process on the router; DeviceError when it does not live there."""
        files = (needs.vtysh_lines(pre_image), _BACK, _MAN)
        words = (_folder(driver, token), str(seconds), driver.frr, driver.space, *files)
        if driver.run(_ARM, *words, given=needs.bare(pre_image)) != "armed":
            raise DeviceError(
                f"{driver.host}: its dead-man does not run", hint="is the account of frr_shell one with a shell?"
            )

    def pending(self, driver: Any, token: str) -> bool:
        """Tell whether the process waits; not after a restart of the router."""
        return bool(driver.run(_PENDING, _folder(driver, token)) == "runs")

    def confirm(self, driver: Any, token: str) -> None:
        """End the process and take its files away."""
        if driver.run(_CONFIRM, _folder(driver, token)) != "confirmed":
            raise DeviceError(
                f"{driver.host}: its dead-man does not wait any more", hint="its time was over: the router went back"
            )

    def revert(self, driver: Any, token: str) -> None:
        """Let it go back now, and wait until it has."""
        driver.run(_REVERT, _folder(driver, token), driver.frr, driver.space, seconds=_REVERT_SECONDS)


def _folder(driver: Any, token: str) -> str:
    """Return the name of the dead-man's folder: one for each FRR of a machine; DeviceError when the token is no name."""
    name = f"{token}-{driver.space}" if driver.space else token
    if not _NAME.fullmatch(name):
        raise DeviceError(f"{name!r} is no name for a dead-man", hint="see `pathspace` of frr_shell in the inventory")
    return name
