"""The page: one HTML file that needs no other file and no network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from pipeline.page.conversion import javascript
from pipeline.page.environment import TEMPLATES, html_environment
from pipeline.page.policy import content_security_policy
from pipeline.page.rendering import VEGA_LITE
from pipeline.page.sections import Section, Sections, sections
from pipeline.page.study import StudyResults
from pipeline.page.theme import FAMILY_COLORS
from pipeline.page.verdict import verdict


def vega() -> str:
    """Return the JavaScript of live charts."""
    return javascript(VEGA_LITE)


def page(
    study: StudyResults, found: Sections | None = None, script: Callable[[], str] = vega
) -> str:
    """Write the page. A question for which a study has no data has no section.

    Args:
        study: the results, and what is shown beside them.
        found: its sections, where they have been made already.
        script: returns the JavaScript of live charts.

    Raises:
        StudyError: if a picture is missing.
    """
    found = sections(study) if found is None else found
    environment = html_environment(found.templates)
    context = {
        "study": study,
        "dataset": study.dataset,
        "verdict": verdict(study, found),
        "contents": [
            (each.anchor, each.title, Markup(_section(environment, each, study)))
            for each in found.present
        ],
        "not_run": study.record["not_run"],
        "absent": found.absent,
    }
    style = _style(environment, found)
    scripts = [script(), *_scripts(found)]
    return environment.get_template("index.html").render(
        **context, style=style, scripts=scripts, policy=content_security_policy(style, scripts)
    )


def _section(environment: Environment, section: Section, study: StudyResults) -> str:
    template = environment.get_template(f"{section.name}/section.html")
    return template.render(view=section.view, charts=section.charts, study=study)


def _style(environment: Environment, found: Sections) -> str:
    """Put the style sheets together: the page's, and those of the sections."""
    parts = [environment.get_template("page.css").render(colors=FAMILY_COLORS)]
    parts += [
        environment.get_template(f"{each.name}/style.css").render(view=each.view)
        for each in found.present
        if each.has("style.css")
    ]
    return "\n".join(parts)


def _scripts(found: Sections) -> list[str]:
    """Return the page's own script, and those of the sections."""
    own = (Path(TEMPLATES) / "page.js").read_text(encoding="utf-8")
    return [own, *(each.text("script.js") for each in found.present if each.has("script.js"))]
