"""``summary.md``: the study on one screen, as GitHub shows it."""

from __future__ import annotations

from markupsafe import Markup

from pipeline.page.environment import markdown_environment
from pipeline.page.sections import Sections, sections
from pipeline.page.study import StudyResults
from pipeline.page.verdict import verdict
from pipeline.storage.results import Results


def summary(study: StudyResults, found: Sections | None = None) -> str:
    """Write the verdict, what each question says in short, and what was not run.

    Args:
        study: the results, and what is shown beside them.
        found: its sections, where they have been made already.
    """
    return _render("summary.md", study, sections(study) if found is None else found)


def headline(results: Results) -> str:
    """Write the verdict, a short accuracy table and the machine, for a README."""
    study = StudyResults(results)
    return _render("headline.md", study, sections(study))


def answers(results: Results) -> dict[str, str]:
    """Write what a README may say of single questions: question -> Markdown.

    These are the questions with a template ``answer.md``.
    """
    study = StudyResults(results)
    found = sections(study)
    environment = markdown_environment(found.templates)
    return {
        each.name: environment.get_template(f"{each.name}/answer.md").render(view=each.view)
        for each in found.present
        if each.has("answer.md")
    }


def _render(template: str, study: StudyResults, found: Sections) -> str:
    """Fill in a template of the page, and in it the template of this name of each question."""
    environment = markdown_environment(found.templates)
    parts = [
        environment.get_template(f"{each.name}/{template}").render(
            view=each.view, title=each.title, study=study
        )
        for each in found.present
        if each.has(template)
    ]
    return environment.get_template(template).render(
        dataset=study.dataset,
        verdict=verdict(study, found),
        parts=Markup("\n".join(part.strip("\n") + "\n" for part in parts)),
        not_run=study.record["not_run"],
    )
