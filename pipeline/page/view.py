"""What every question of the report offers the page."""

from __future__ import annotations

from collections.abc import Mapping


class View:
    """What one question shows: the base of each question's own record.

    A question is a folder of `pipeline.analyses` with

    * ``view.py``: ``TITLE``, the heading; ``ABSENT``, what to edit where the study has no data for
      it (empty: nothing is said); and ``view(study) -> View | None``;
    * ``section.html``: the markup, which gets the record as `view`, its charts as `charts` (place
      -> charts) and the `study`;
    * and, where it needs them, ``chart.py`` with ``draw(view) -> list[Drawing]``, ``style.css``,
      ``script.js``, ``summary.md`` (its part of the summary) and ``headline.md`` (of the README).
    """

    @property
    def cautions(self) -> tuple[str, ...]:
        """What has to be known before the headline is believed: sentences below it."""
        return ()

    @property
    def brief(self) -> tuple[str, ...]:
        """What belongs directly below the headline: sentences."""
        return ()

    @property
    def absent(self) -> Mapping[str, str]:
        """Parts of the section for which the study has no data -> what to edit."""
        return {}
