"""A report as one HTML file that needs no network, for screens of all widths and for paper."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).with_name("report.html.j2")


def page(title: str, markdown: str, folder: Path) -> str:
    """Return the HTML of a report; the paths of its images are relative to a folder."""
    from jinja2 import Template
    from markdown_it import MarkdownIt

    def image(_: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
        path, text = folder / str(tokens[index].attrs["src"]), html.escape(tokens[index].content)
        data = base64.b64encode(path.read_bytes()).decode()
        return f'<img alt="{text}" src="data:image/png;base64,{data}">'

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("image", image)
    parser.add_render_rule("table_open", lambda *_: '<div class="table"><table>\n')
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    unbroken = markdown.replace(" ± ", "\u00a0±\u00a0").replace(" %", "\u00a0%")
    template = Template(TEMPLATE.read_text(), autoescape=True, keep_trailing_newline=True)
    return template.render(title=title, report=parser.render(unbroken))
