"""Pages of HTML in one file, which need no network: a template, with the parts that pages share, and data as JSON."""

import json
import re
from importlib import resources
from typing import Any

_PART = re.compile(r"\{\{([a-z_]+\.(?:html|css|js))\}\}")
_DATA = "{{data}}"


def assembled(template: str, data: Any) -> str:
    """Return a page.

    Args:
        template: the name of a file of this package, in which `{{NAME}}` with the suffix .html, .css or .js stands
            for the content of another file, and `{{data}}` for the data.
        data: plain JSON values. Numbers that are not finite, which JSON lacks, become null.
    """
    page = _PART.sub(lambda match: _content(match[1]), _content(template))
    finite = json.loads(json.dumps(data), parse_constant=lambda _: None)
    content = json.dumps(finite, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    # Without "<", no text ends the element. A lone surrogate, of a file name that is not UTF-8, cannot be encoded.
    return page.replace(_DATA, content.encode(errors="replace").decode())


def _content(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8").rstrip("\n")
