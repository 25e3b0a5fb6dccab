"""A step that compares what NAPALM's getters read with what is expected: NAPALM's compliance report."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nornflow import HostState, StepContext, StepError, StepResult, StepType, Talk
from nornflow_napalm.failures import device_errors
from nornflow_napalm.read import getter_names


class ValidateParams(BaseModel):
    """The keys of a `napalm.validate` step."""

    model_config = ConfigDict(extra="forbid")

    rules: list[dict[str, Any]] | None = Field(
        None, description="NAPALM's validation rules: for each getter what its answer must hold.", min_length=1
    )
    rules_file: str | None = Field(None, description="A YAML file of the project with such rules.")

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.rules is None) == (self.rules_file is None):
            raise ValueError("give either `rules` or `rules_file`")
        return self


class ValidateStep(StepType):
    """Check a device's state against rules, as `- get_facts: {os_version: 4.31}`; see NAPALM's page on validation.

    `complies` is the verdict, `report` NAPALM's whole compliance report, `skipped` the getters its driver does not have.
    A getter that was skipped is no pass: the step fails when nothing could be checked.
    """

    name = "napalm.validate"
    permissions = frozenset({"device.read"})
    verifies = True
    result_keys = ("complies", "report", "skipped")
    Params = ValidateParams

    def needs(self, params: Any) -> frozenset[str]:
        """Return `device.read`, and `file.read` when the rules come from a file."""
        return self.permissions | ({"file.read"} if params.get("rules_file") else frozenset())

    def apply(self, context: StepContext, params: ValidateParams) -> StepResult:
        """Read and compare; a result in state `failed` carries the report of what does not comply."""
        rules = _rules(context, params)
        from napalm.base.validate import compliance_report

        connection = context.connection("napalm")
        with device_errors(context, "the compliance report"):
            # NAPALM's function on our connection, not the driver's method: each getter passes the guard
            report = compliance_report(connection, validation_source=rules)
        skipped = list(report.pop("skipped"))
        complies = bool(report.pop("complies")) and len(skipped) < len(rules)
        outputs = {"complies": complies, "report": report, "skipped": skipped}
        if complies:
            return StepResult(
                outputs=outputs,
                stdout=f"{Talk(context).device} complies",
                warning=f"not checked, the driver has no such getter: {', '.join(skipped)}" if skipped else "",
            )
        failing = [name for name, part in report.items() if not part.get("complies", True)]
        return StepResult(
            HostState.FAILED,
            outputs=outputs,
            error=f"{Talk(context).device} does not comply: {', '.join(failing or skipped)}",
            reason="check-failed",
            hint="the report in the record of the run shows expected and found values",
        )


def _rules(context: StepContext, params: ValidateParams) -> list[dict[str, Any]]:
    rules = params.rules
    if rules is None:
        import yaml

        try:
            rules = yaml.safe_load(context.sandbox.read_text(params.rules_file or ""))
        except yaml.YAMLError as error:
            raise StepError(
                f"{params.rules_file} is not YAML: {error}", hint="see NAPALM's page on validation"
            ) from error
    known = getter_names()
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise StepError("validation rules are a list of mappings from a getter to what it must answer")
    for name in (name for rule in rules for name in rule):
        if name.removeprefix("get_") not in known or not name.startswith("get_"):
            raise StepError(f"NAPALM has no getter {name!r}", hint=f"the getters are get_{', get_'.join(known)}")
    return rules
