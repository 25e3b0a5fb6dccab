"""EOS's commit timer: a commit of a configuration session that the switch takes back unless it is confirmed.

See "configure session NAME commit timer HH:MM:SS" in Arista's manual (Configuration Sessions).
"""

from __future__ import annotations

from typing import Any

from nornflow import DeadMan, DeviceError
from nornflow_napalm.raised import driver_errors


class EosCommitTimer(DeadMan):
    """The commit timer of EOS through NAPALM's driver; the token is the name of the configuration session.

    NAPALM's driver aborts the session that it knows when it is closed, which takes a pending commit back. So it forgets
    the session once the commit stands, and whoever confirms tells it the name again. Its own `rollback()` is not used: it
    goes back to the startup configuration, which need not be what was there before.
    """

    name = "EOS commit timer"
    with_commit = True

    def arm(self, driver: Any, token: str, seconds: int, pre_image: str) -> None:
        """Give the next candidate's session its name."""
        driver.config_session = token

    def commit(self, driver: Any, token: str, seconds: int) -> None:
        """Commit the candidate under the timer."""
        with driver_errors(driver):
            driver.commit_config(revert_in=seconds)
        driver.config_session = None

    def pending(self, driver: Any, token: str) -> bool:
        """Tell whether the switch still waits for this session's confirmation."""
        with driver_errors(driver):
            return token in driver._get_pending_commits()

    def confirm(self, driver: Any, token: str) -> None:
        """Confirm the commit and save it."""
        if not self.pending(driver, token):
            raise DeviceError(
                f"{driver.hostname}: the commit of session {token} does not wait to be confirmed any more",
                hint="its time was over and the switch took it back, or somebody confirmed or aborted it there",
            )
        driver.config_session = token
        try:
            with driver_errors(driver):
                driver.confirm_commit()
        finally:
            driver.config_session = None

    def revert(self, driver: Any, token: str) -> None:
        """Abort the session: the switch goes back to what it had before the commit."""
        if self.pending(driver, token):
            driver.config_session = token
            try:
                with driver_errors(driver):
                    driver.discard_config()
            finally:
                driver.config_session = None
