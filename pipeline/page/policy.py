"""What a browser may do for the page: run its scripts, apply its style sheet, load nothing.

The policy names each by its hash, so that no text of a study, whatever it contains, becomes a
script or a style. Content Security Policy Level 3, https://www.w3.org/TR/CSP3/.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable


def content_security_policy(style: str, scripts: Iterable[str]) -> str:
    """Return the policy of a page.

    Neither `style` attributes nor event handlers in the markup are applied under it, and no text is
    compiled to code. Elements with data, such as ``type="application/json"``, need no hash.

    Args:
        style: the exact text of the page's only style element.
        scripts: the exact texts of its script elements.
    """
    return (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src {_source(style)}; script-src {' '.join(map(_source, scripts))}"
    )


def _source(text: str) -> str:
    """Return a hash source, of the UTF-8 bytes that a browser sees."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
