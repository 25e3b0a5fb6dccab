"""Where a plan file comes from: whether this project can tell who made it, and what is not taken from a stranger's."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path, PurePath

from nornflow.abc import RunStore
from nornflow.app.build import Project
from nornflow.app.services.choice import within
from nornflow.app.services.plans.files import read_key
from nornflow.app.services.spec import Spec, spec_of, text_of
from nornflow.devices.selection import select
from nornflow.errors import NornFlowError, PlanInvalid, PolicyDenied
from nornflow.model.device import HostView
from nornflow.model.plain import plain
from nornflow.model.profile import Profile
from nornflow.model.sealed import SealedPlan
from nornflow.model.workflow import Workflow
from nornflow.planning.signing import is_signed_by
from nornflow.policy.profiles import profile_named
from nornflow.store.nothing import NoStore
from nornflow.workflow.expressions import Evaluator
from nornflow.workflow.inputs import resolve_inputs
from nornflow.workflow.loader import load

ELSEWHERE = "it was not sealed in this project's store, nor signed with a key of `trusted_keys`"
"""Why what a plan says of itself (who made it, that its diffs are what its lines do) is its word alone."""


def vouched(store: RunStore, project: Project, plan: SealedPlan) -> bool:
    """Tell whether a plan is known to say the truth of who made it and how: sealed in this store, or by a trusted key.

    A plan's hash only says that it was not changed since; whoever can write a file can seal one. UsageError when a
    trusted key cannot be read.
    """
    if not isinstance(store, NoStore):
        from nornflow.store.runs import SqlRunStore
        from nornflow.store.sealed import SqlSealed

        assert isinstance(store, SqlRunStore)  # there is no other kind
        if SqlSealed(store).requester(plan.hash) == plan.requester:
            return True
    keys = [project.folder / key for key in project.settings.trusted_keys] if plan.signatures else []
    return any(is_signed_by(plan, read_key(key), str(key)) for key in keys)


def is_vouched(project: Project, plan: SealedPlan) -> bool:
    """Tell the same, with a look into the project's store."""
    with closing(project.store(create=False)) as store:
        return vouched(store, project, plan)


def demand_inside(spec: Spec) -> None:
    """Raise PolicyDenied when the plan of a stranger names files outside the project: an inventory says where logins go."""
    for path in (spec.file, spec.folder, spec.inventory, *spec.files, *spec.called):
        if path and (PurePath(path).is_absolute() or ".." in PurePath(path).parts):
            raise PolicyDenied(
                f"the plan takes {path} from outside the project, and {ELSEWHERE}",
                hint="seal it here, or have it signed with a key that the project trusts",
            )


def demand_asked_for_here(project: Project, spec: Spec, workflow: Workflow, hosts: Mapping[str, HostView]) -> None:
    """Raise PolicyDenied unless a stranger's plan is one that a user of this project could have asked for.

    Its workflow is the project's own, as it stands there today: a text may hold steps that no plan shows. Its inputs are what
    that workflow takes, its devices among those that it targets. `spec` is told from here.
    """
    hint = "plan it here, or have it signed with a key that the project trusts"
    try:
        ours = load(spec.file).source
    except NornFlowError:
        ours = ""
    if spec.text != ours or Path(spec.folder) != Path(spec.file).parent.resolve():
        raise PolicyDenied(f"the plan's workflow is not the one in {spec.file}, and {ELSEWHERE}", hint=hint)
    strange = next((path for path, (text, _) in spec.called.items() if text_of(Path(path)) != text), "")
    if strange:
        raise PolicyDenied(f"the plan calls a workflow that is not the one in {strange}, and {ELSEWHERE}", hint=hint)
    base, evaluator = project.folder, Evaluator(missing_is_null=True)
    most = profile_named(project.profiles, spec.used).strictness.max_string
    inputs = resolve_inputs(workflow.inputs, dict(spec.inputs), max_string=most, base=base)
    if plain(inputs) != plain(spec.inputs) or spec.variables:
        raise PolicyDenied(f"the plan's inputs are not what its workflow takes, and {ELSEWHERE}", hint=hint)
    meant = select(hosts, workflow.targets, "", evaluator, inputs) if hosts else ()
    beyond = [host for host in spec.targets if host in hosts and host not in meant]
    if beyond:
        raise PolicyDenied(
            f"the plan is for {beyond[0]}, which its workflow does not target, and {ELSEWHERE}", hint=hint
        )


def of_stranger(project: Project, profile: Profile) -> Profile:
    """Return the profile that a stranger's plan gets: what it asks for, together with the settings'; for more a user has to ask.

    Raises PolicyDenied when it would raise what the settings allow.
    """
    base = profile_named(project.profiles, project.settings.profile)
    return within(
        base,
        profile,
        f"the plan asks for profile {profile.name!r}, which would raise {base.name!r} of the settings, and {ELSEWHERE}",
        hint=f"look at it, then seal it here: nornflow plan WORKFLOW --profile {profile.name} -o FILE",
    )


def demand_one_story(plan: SealedPlan, workflow: Workflow) -> None:
    """Raise PlanInvalid when what a plan shows is not of the workflow and the inputs in it: people approve what is shown."""
    spec, shown = spec_of(plan.spec), plan.plan
    steps = {step.id for step in workflow.steps if step.configures}
    strange = [f"device {host.host}" for host in shown.hosts if host.host not in spec.targets]
    strange += [f"step {step.step}" for host in shown.hosts for step in host.steps if step.step not in steps]
    strange += [f"device {host}, without its fingerprint" for host in spec.targets if host not in spec.devices]
    if (shown.workflow, shown.version) != (workflow.name, workflow.version):
        strange.append(f"workflow {shown.workflow} {shown.version}")
    if shown.profile != spec.used:
        strange.append(f"profile {shown.profile}")
    if plain(shown.inputs) != plain(spec.inputs):
        strange.append("inputs")
    if strange:
        raise PlanInvalid(
            f"plan {plan.short} shows what its workflow, targets and inputs do not have: {', '.join(strange[:3])}",
            hint="no NornFlow seals such a plan: ask whoever gave it to you, and plan again",
        )
