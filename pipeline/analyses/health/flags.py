"""Images that are probably no use: too dark, too bright, blank, blurred."""

from __future__ import annotations

import pandas as pd

DARK, BRIGHT = 25.0, 235.0
"""Mean luma, 0 to 255, below or above which hardly anything can be seen ..."""
CLEAR = 40.0
"""... unless its standard deviation is this high, as in writing on an even background."""
BLANK = 4.0
"""Standard deviation of the luma below which an image has no content."""
BLURRED = 0.02
"""Share of the set's median sharpness below which an image counts as blurred."""
RULES = {
    "dark": f"mean brightness below {DARK:g} of 255, and standard deviation below {CLEAR:g}",
    "bright": f"mean brightness above {BRIGHT:g} of 255, and standard deviation below {CLEAR:g}",
    "blank": f"standard deviation of the brightness below {BLANK:g}",
    "blurred": f"variance of the Laplacian below {BLURRED:.0%} of the dataset's median",
}


def flagged(facts: pd.DataFrame) -> dict[str, pd.Series]:
    """Return, for each of `RULES`, which images it applies to; a blank image is only blank.

    Args:
        facts: columns `pipeline.storage.health.FACT_COLUMNS`.
    """
    blank = facts["contrast"] < BLANK
    unclear = facts["contrast"].between(BLANK, CLEAR, inclusive="left")
    dark = (facts["brightness"] < DARK) & unclear
    bright = (facts["brightness"] > BRIGHT) & unclear
    blurred = facts["sharpness"] < BLURRED * facts["sharpness"].median()
    return {
        "dark": dark,
        "bright": bright,
        "blank": blank,
        "blurred": blurred & ~blank & ~dark & ~bright,
    }
