"""Sealing a change: it is planned, judged by every gate, and put into one file with one hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nornflow.app.build import Project
from nornflow.app.clock import new_run_id, now
from nornflow.app.processes import shared_out
from nornflow.app.services.asking import Request, Voices
from nornflow.app.services.authors import authors_of
from nornflow.app.services.change import PlannedChange
from nornflow.app.services.decided import Change, asked_change, files_of
from nornflow.app.services.plans.files import demand_place, write_plan
from nornflow.app.services.prepared import Prepared
from nornflow.app.services.spec import fingerprints, portable
from nornflow.errors import PlanStale, PolicyDenied, StepError, UsageError
from nornflow.model.decision import Decision, Verdict, strictest
from nornflow.model.sealed import SealedPlan
from nornflow.model.workflow import Workflow
from nornflow.planning.premise import AfterPlan
from nornflow.planning.seal import sealed
from nornflow.record import record
from nornflow.redaction import Redactor
from nornflow.store.processes import user
from nornflow.store.vault import Vault


@record
class After:
    """A plan, by its hash, that another one comes after, and what devices have once it is applied."""

    plan: str
    premise: AfterPlan


def seal_change(
    project: Project, request: Request, voices: Voices, file: Path, key: Path | None = None
) -> tuple[PlannedChange, SealedPlan]:
    """Plan a change and write it into a plan file; PolicyDenied, and no file, when a gate would not let it be applied."""
    demand_place(file, key)
    return seal_made(project, asked_change(project, request, voices.notice), voices, file, key)


def seal_again(
    project: Project,
    plan: SealedPlan,
    change: Change,
    hosts: Sequence[str],
    voices: Voices,
    file: Path,
    key: Path | None = None,
    after: After | None = None,
) -> tuple[PlannedChange, SealedPlan]:
    """Plan what was sealed once more, on these devices as they are now, or `after` another plan, into a file of its own.

    Who made the plan before does not approve this one either.
    """
    demand_place(file, key)
    spec = replace(
        change.spec,
        targets=tuple(hosts),
        devices=fingerprints(hosts, change.hosts, project.redactor),
        files=files_of(
            project,
            change.workflow,
            Path(change.spec.folder),
            change.spec.inputs,
            change.spec.variables,
            [change.hosts[host] for host in hosts if host in change.hosts],
        ),
    )
    return seal_made(project, replace(change, spec=spec), voices, file, key, before=plan, after=after)


def seal_made(
    project: Project,
    change: Change,
    voices: Voices,
    file: Path,
    key: Path | None,
    before: SealedPlan | None = None,
    after: After | None = None,
) -> tuple[PlannedChange, SealedPlan]:
    """Plan a change that is made ready into a plan file; PolicyDenied, and no file, when a gate would not let it be applied.

    `before` is the plan that it goes on from, whose maker does not approve this one either.
    """
    premise = after.premise if after is not None else None
    with shared_out(project, change, premise) as shards:
        prepared = Prepared(
            project, change, voices, run=new_run_id(now()), user=user(), sealing=True, premise=premise, shards=shards
        )
        try:
            plan, decisions = prepared.run.plan()
            approved, images = prepared.run.kept_plan()
        finally:
            prepared.close()
    planned = PlannedChange(plan, decisions)
    _demand_sealable(planned, change.workflow)
    place = replace(
        change.spec,
        stranger=False,
        after=after.plan if after is not None else "",
        awaited=dict(after.premise.awaited) if after is not None else {},
    )
    spec = portable(place, project.folder).kept()
    if project.redactor.value(spec) != spec:
        raise UsageError(
            "an input, or the workflow, holds a secret of the inventory: a plan file would tell it",
            hint="let the step take it from the inventory (`host.password`)",
        )
    made = sealed(
        SealedPlan(
            created_at=now(),
            requester=user(),
            authors=authors_of(change, before),
            versions=versions(project),
            spec=spec,
            decisions=tuple(_told(each, project.redactor) for each in decisions),
            approved=masked(approved, project.redactor, project.vault),
            follows=before.hash if before is not None else "",
        )
    )
    if project.remembers:
        from nornflow.store.runs import SqlRunStore
        from nornflow.store.sealed import SqlSealed

        with closing(project.store()) as store:
            assert isinstance(store, SqlRunStore)
            SqlSealed(store).keep(made, images)
    return planned, write_plan(file, made, key)


def _told(decision: Decision, redactor: Redactor) -> Decision:
    """Return what a gate said with secrets masked: it may name the line that it is about."""
    text = redactor.text
    return replace(decision, reason=text(decision.reason), rule=text(decision.rule), hint=text(decision.hint))


def _demand_sealable(planned: PlannedChange, workflow: Workflow) -> None:
    if strictest(planned.decisions) is Verdict.DENY:
        denials = [each for each in planned.decisions if each.verdict is Verdict.DENY]
        raise PolicyDenied(
            "\n".join(dict.fromkeys(each.reason for each in denials)),
            hint=denials[0].hint or "no plan file was written",
        )
    hosts = planned.plan.hosts
    if hosts and all(host.error for host in hosts):
        kind = PlanStale if hosts[0].reason == PlanStale.reason else StepError
        raise kind(f"no device could be planned; {hosts[0].host}: {hosts[0].error}", hint=hosts[0].hint)
    later = [step.id for step in workflow.steps if step.configures and step.id in planned.plan.unplanned]
    if later:
        raise UsageError(
            f"step {later[0]} cannot be sealed: {planned.plan.unplanned[later[0]]}",
            hint="what it sends is known only when it is applied: make it independent of that, or use `nornflow run`",
        )


def masked(approved: Mapping[str, Any], redactor: Redactor, vault: Vault) -> dict[str, Any]:
    """Return what was planned with secrets masked; a line that holds one gets a digest that only this workspace can make."""
    hosts = []
    for host in approved["plan"]["hosts"]:
        steps = [masked_step(step, redactor, vault) for step in host["steps"]]
        hosts.append({**host, "steps": steps})
    found: dict[str, Any] = redactor.value({**approved, "plan": {**approved["plan"], "hosts": hosts}})
    return found


def masked_step(step: Mapping[str, Any], redactor: Redactor, vault: Vault) -> Mapping[str, Any]:
    """Return a planned step with secrets masked, and the digests of the lines that hold one."""
    lines = tuple(step.get("lines", ()))
    digests = tuple(vault.digest(line) if redactor.text(line) != line else "" for line in lines)
    if not any(digests):
        return step
    shown = tuple(redactor.referred(line) if digest else line for line, digest in zip(lines, digests, strict=True))
    return {**step, "lines": shown, "digests": digests}


def demands(project: Project) -> dict[str, str]:
    """Return what a worker must have that takes a run which is left from here: these versions, and the key if one is given."""
    given = project.vault.fingerprint
    return {**versions(project), **({project.settings.store.key_env: given} if given else {})}


def versions(project: Project) -> dict[str, str]:
    """Return the versions of NornFlow and of each distribution that brought a plugin."""
    found = {"nornflow-netops": version("nornflow-netops")}
    for plugin in project.plugin_host.plugins:
        if plugin.distribution and plugin.version:
            found[plugin.distribution] = plugin.version
    return dict(sorted(found.items()))
