"""Conversions of the report that take seconds, in processes beside the one that writes it.

Such a process runs this file by itself, which imports nothing of the project, and answers requests
until its input ends. Threads would gain nothing: vl-convert holds Python's global lock.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, TextIO, cast

import vl_convert
from PIL import Image

PNG_SCALE = 2
MOST_DOTS = 4_000_000
"""Larger figures, such as the confusion matrices of many runs, have one dot per pixel."""
_SIZE = re.compile(r'(?:width|height)="([\d.]+)"')


def svg(specification: str, vega_lite: str) -> str:
    """Draw a chart.

    Args:
        specification: JSON of Vega-Lite.
        vega_lite: its version, such as ``6.1``.
    """
    return vl_convert.vegalite_to_svg(specification, vl_version=vega_lite)


def png(svg: str) -> bytes:
    """Draw an SVG file as a PNG file, with up to `PNG_SCALE` dots per pixel."""
    width, height = (float(size) for size in _SIZE.findall(svg)[:2])
    scale = PNG_SCALE if width * height * PNG_SCALE**2 <= MOST_DOTS else 1
    return with_palette(vl_convert.svg_to_png(svg, scale=scale))


def with_palette(png: bytes) -> bytes:
    """Encode a chart in 256 colors, which takes a seventh of the bytes and looks the same."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    few = image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    content = io.BytesIO()
    few.save(content, format="PNG")  # `optimize` takes as long again, for a tenth of the bytes
    return content.getvalue()


def javascript(vega_lite: str) -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, which sets `vegaEmbed`.

    Args:
        vega_lite: the version of Vega-Lite, such as ``6.1``.
    """
    script = vl_convert.javascript_bundle(vl_version=vega_lite)  # type: ignore[call-arg]
    return script.replace("</script", "<\\/script")


Submit = Callable[..., "Future[Any]"]
"""Asks for a conversion: a function of this module, and its arguments."""


@contextmanager
def beside() -> Iterator[Submit]:
    """Start a process, which ends with the block; it answers requests in their order.

    A future raises RuntimeError if the conversion failed, and StudyError if the process was killed.
    """
    command = [sys.executable, "-P", __file__]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="ascii",
        start_new_session=True,  # Ctrl-C is for the process that writes the report
    ) as process:
        # One request at a time: otherwise, each side could wait for the other to read.
        threads = ThreadPoolExecutor(1)

        def ask(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
            return threads.submit(_answer, process, function.__name__, arguments)

        try:
            yield ask
        finally:
            process.kill()
            threads.shutdown(cancel_futures=True)
            with suppress(OSError):  # part of a request may be waiting for a process that is gone
                cast("TextIO", process.stdin).close()


def _answer(process: subprocess.Popen[str], name: str, arguments: tuple[str, ...]) -> str | bytes:
    requests, answers = cast("TextIO", process.stdin), cast("TextIO", process.stdout)
    with suppress(OSError):
        requests.write(json.dumps([name, *arguments]) + "\n")
        requests.flush()
        answer = answers.readline()
        if answer:
            return b64decode(answer) if name == png.__name__ else json.loads(answer)
    status = process.wait()
    if status >= 0:
        raise RuntimeError(f"{name} failed; the traceback of its process is above")
    from pipeline.checks import StudyError

    raise StudyError(
        f"figures: the process that draws them was ended by signal {-status} in `{name}`, perhaps "
        "for lack of memory. Close other programs, then run the same command again"
    )


def _serve() -> None:
    """Answer requests, a line each: the name of a function, and its arguments."""
    functions: dict[str, Callable[..., str | bytes]] = {
        function.__name__: function for function in (svg, png, javascript)
    }
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        with redirect_stdout(sys.stderr):
            answer = functions[name](*arguments)
        print(
            b64encode(answer).decode() if isinstance(answer, bytes) else json.dumps(answer),
            flush=True,
        )


if __name__ == "__main__":
    _serve()
