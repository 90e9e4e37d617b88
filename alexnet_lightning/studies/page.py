"""A report as one HTML file: everything in it, for screens of all widths and for paper."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 72rem; margin: 0 auto; padding: 1rem; overflow-wrap: break-word; }
h1 { font-size: 1.6rem; line-height: 1.2; } h2 { font-size: 1.2rem; margin-top: 2rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top; }
th { border-bottom: 2px solid #888; text-align: left; }
td:first-child { min-width: 7rem; }
code { font-size: .85em; background: #f3f3f3; }
img { max-width: 100%; height: auto; }
@media print {
  body { font-size: 9pt; max-width: none; padding: 0; } .table { overflow: visible; }
  table { font-size: 6.5pt; } th, td { padding: .1rem .2rem; } td:first-child { min-width: 0; }
  img, tr { break-inside: avoid; } h2 { break-after: avoid; }
}
"""


def page(title: str, markdown: str, folder: Path) -> str:
    """Return the HTML of a report.

    Args:
        title: of the window.
        markdown: the report.
        folder: that its pictures' paths are relative to.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")

    def image(_: Any, tokens: Sequence[Any], place: int, options: Any, env: Any) -> str:
        path, text = folder / str(tokens[place].attrs["src"]), html.escape(tokens[place].content)
        return f'<img alt="{text}" src="{data_uri(path)}">'

    parser.add_render_rule("image", image)
    parser.add_render_rule("table_open", lambda *_: '<div class="table"><table>\n')
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    unbroken = markdown.replace(" ± ", "\u00a0±\u00a0").replace(" %", "\u00a0%")
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n"
        f"<body>\n{parser.render(unbroken)}</body>\n</html>\n"
    )


def data_uri(path: Path) -> str:
    """Return a PNG file as an address that holds it."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
