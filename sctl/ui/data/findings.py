"""What the check of the data found, with its repairs, one click each."""

from __future__ import annotations

import streamlit as st

from sctl import preflight
from sctl.preflight import Finding, Report, Role
from sctl.project import Project, fix_to_dict
from sctl.ui.data import pretrained, simulation
from sctl.ui.frame import caching, errors, shell
from sctl.ui.widgets import uploads

_SIGNS = {
    "ok": ":green[:material/check_circle:]",
    "advice": ":blue[:material/info:]",
    "warn": ":orange[:material/warning:]",
    "block": ":red[:material/block:]",
}


def show_side(project: Project, role: Role) -> Report:
    """Draw what was found in one dataset."""
    report = _side(project, role)
    _draw(report, role)
    return report


def show_pair(project: Project) -> Report:
    """Draw what was found in both together."""
    report = _pair(project)
    for finding in report.of("ok"):
        st.markdown(_line(finding))
    _draw(Report(tuple(finding for finding in report if finding.level != "ok")), "pair")
    return report


def blocked(project: Project) -> bool:
    """Tell whether something was found that must be repaired first."""
    reports = [_side(project, "source"), _side(project, "target"), _pair(project)]
    return not all(report.ok for report in reports)


def _side(project: Project, role: Role) -> Report:
    info = project.input_info(role)
    if info is None:
        return Report()
    if "trained" in info:
        return pretrained.report(project, info)
    label_key = project.params("data")["label_key"] if role == "source" else None
    report = caching.side_report(project, role, info["fingerprint"], label_key)
    if simulation.of(info) is None:
        return report
    return Report(tuple(finding for finding in report if finding.code != "genes_unknown"))  # genes are made up too


def _pair(project: Project) -> Report:
    infos = [project.input_info(role) for role in ("source", "target")]
    if infos[0] is None or infos[1] is None:
        return Report()
    if "trained" in infos[0]:
        return pretrained.pair_report(project, infos[0], infos[1])
    return caching.pair_report(project, infos[0]["fingerprint"], infos[1]["fingerprint"])


def _draw(report: Report, place: str) -> None:
    for number, finding in enumerate(report):
        if finding.level != "ok":
            _one(finding, f"{place}:{number}:{finding.code}")
    fine = report.of("ok")
    if fine:
        title = "1 check passed" if len(fine) == 1 else f"{len(fine)} checks passed"
        with st.expander(title, icon=":material/check_circle:"):
            st.markdown("\n\n".join(map(_line, fine)))


def _line(finding: Finding) -> str:
    return f"{_SIGNS[finding.level]} {errors.plain(finding.text)}"


def _one(finding: Finding, key: str) -> None:
    with st.container(border=True, gap="small"):
        advice = f"  \n:gray[{errors.plain(finding.do)}]" if finding.do else ""
        st.markdown(_line(finding) + advice)
        if finding.fix is not None:
            st.button(
                f"Fix it: {finding.fix.title[:1].lower()}{finding.fix.title[1:]}",
                key=f"fix:{key}",
                icon=":material/build:",
                help="Changes the copy in this project, not your file. Undo brings it back.",
                on_click=_repair,
                args=(finding,),
            )


def _repair(finding: Finding) -> None:
    project, fix = shell.current(), finding.fix
    if project is None or fix is None:
        return
    role = str(fix.arguments["role"])
    with errors.remembered(f"The {role} is as it was.", place=role):
        other = project.input("target" if role == "source" else "source") if fix.code in preflight.NEED_OTHER else None
        repaired = preflight.apply_fix(project.input(role), fix, other=other)
        info = project.input_info(role) or {}
        if "trained" in info:
            uploads.rename_trained(project, repaired, {"filename": info.get("filename", role)}, note=fix.title)
        else:
            project.change_input(role, repaired, {"fix": fix_to_dict(fix)}, note=fix.title)
        errors.notify(fix.done)
