"""netmiko.backup and netmiko.restore against simulated routers over real SSH."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nornflow import HostState, StepError
from nornflow_netmiko.backup import BackupStep, RestoreStep

Bench = Any


class TestBackupAndRestore:
    step = BackupStep(clock=lambda: datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC))

    def test_a_backup_is_a_file_of_the_workspace(self, router: Any, bench: Bench) -> None:
        result = bench.apply(self.step)
        path = bench.folder / "backups" / "r1_20261121T120005Z.cfg"
        assert result.outputs == {"backup_file": str(path), "size_bytes": path.stat().st_size}
        assert "hostname r1" in path.read_text()
        assert path.stat().st_mode & 0o077 == 0  # a configuration holds secrets

    def test_names_are_filled_in(self, router: Any, bench: Bench) -> None:
        result = bench.apply(
            self.step,
            backup_dir="b",
            filename_template="{config_type}-{host}_{timestamp}.txt",
            include_timestamp=False,
            config_type="startup",
        )
        assert result.outputs["backup_file"].endswith("b/startup-r1.txt")

    def test_an_unknown_placeholder_is_no_way_into_python(self, router: Any, bench: Bench) -> None:
        with pytest.raises(StepError, match="no placeholder"):
            bench.apply(self.step, filename_template="{host.__class__}.cfg")

    def test_a_plan_reads_and_writes_nothing(self, router: Any, bench: Bench) -> None:
        planned = bench.plan(self.step)
        assert planned.outputs["size_bytes"] > 100
        assert list(bench.folder.iterdir()) == []

    @pytest.mark.parametrize("template", ["{host}_{timestamp}.cfg", "{host}-{timestamp}.cfg", "{timestamp}{host}.cfg"])
    def test_without_the_time_the_name_is_the_same_every_time(self, router: Any, bench: Bench, template: str) -> None:
        first = bench.apply(self.step, filename_template=template, include_timestamp=False).outputs
        again = bench.apply(self.step, filename_template=template, include_timestamp=False).outputs
        assert first == again
        assert first["backup_file"].endswith("/backups/r1.cfg")
        assert len(list((bench.folder / "backups").iterdir())) == 1

    def test_the_startup_configuration_is_the_one_that_was_saved(self, router: Any, bench: Bench) -> None:
        router.save()
        router.configure("ntp server 192.0.2.77")
        kept = bench.apply(self.step, config_type="startup").outputs["backup_file"]
        now = bench.apply(self.step, backup_dir="now").outputs["backup_file"]
        assert "192.0.2.77" not in Path(kept).read_text()
        assert "192.0.2.77" in Path(now).read_text()

    def test_a_restore_brings_back_what_is_missing_and_lists_what_is_left(self, router: Any, bench: Bench) -> None:
        backup = bench.apply(self.step).outputs["backup_file"]
        router.configure("no ntp server 192.0.2.1", "ntp server 192.0.2.77")
        result = bench.apply(RestoreStep(), file=backup)
        assert "ntp server 192.0.2.1" in router.running_config
        assert result.outputs["missing"] == []
        assert result.outputs["remaining"] == ["ntp server 192.0.2.77"]
        assert result.outputs["exact"] is False
        assert result.state is HostState.CHANGED

    def test_exactness_can_be_required(self, router: Any, bench: Bench) -> None:
        backup = bench.apply(self.step).outputs["backup_file"]
        assert bench.apply(RestoreStep(), file=backup, require_exact=True).outputs["exact"] is True
        router.configure("ntp server 192.0.2.77")
        with pytest.raises(StepError, match=r"still has `ntp server 192\.0\.2\.77` \(0 lines missing, 1 too many\)"):
            bench.apply(RestoreStep(), file=backup, require_exact=True)
