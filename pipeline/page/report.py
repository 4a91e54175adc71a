"""All files of the report."""

from __future__ import annotations

from pipeline.page import conversion
from pipeline.page.page import page
from pipeline.page.rendering import VEGA_LITE, Drawing, figure
from pipeline.page.sections import PACKAGE, sections
from pipeline.page.study import StudyResults
from pipeline.page.summary import summary
from pipeline.storage.files import atomic, save_text
from pipeline.storage.results import replacing_report


def write_report(study: StudyResults, package: str = PACKAGE) -> None:
    """Write ``index.html``, ``summary.md`` and ``figures/<name>.svg`` and ``.png``.

    Everything is computed before the first file is written, and the files change together, with
    their checksums (``report.json``): a report that cannot be made leaves the last one intact. The
    same results give the same bytes.

    Args:
        study: the results, and the folder of the report, where evaluation has written pictures.
        package: the questions.
    """
    with conversion.beside() as draw, conversion.beside() as ask:
        script = ask(conversion.javascript, VEGA_LITE)
        found = sections(study, package)
        drawings: list[Drawing] = []
        for section in found.present:
            for drawing in section.drawings:
                drawing.ask_for(draw)
                drawings.append(drawing)
        figures, pictures = {}, {}
        for drawing in drawings:
            if drawing.file:
                figures[drawing.name] = figure(drawing)
                pictures[drawing.name] = ask(conversion.png, figures[drawing.name])
        texts = {
            "index.html": page(study, found, script.result),
            "summary.md": summary(study, found),
        }
        pngs = {name: picture.result() for name, picture in pictures.items()}
    with replacing_report(study.folder) as incoming:
        for name, svg in figures.items():
            save_text(incoming / "figures" / f"{name}.svg", svg)
            with atomic(incoming / "figures" / f"{name}.png") as temporary:
                temporary.write_bytes(pngs[name])
        for name, text in texts.items():
            save_text(incoming / name, text)
