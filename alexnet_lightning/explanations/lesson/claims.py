"""The page of claims as HTML: what the sources say and what was found."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

OF_STUDY = re.compile(r"(?:.*/)?([\w.-]+)/report\.md(?:#.*)?")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)  # docs/values.py finds its figures by them


def claims_html(markdown: str, studies: Collection[str]) -> str:
    """Return claims in Markdown as HTML, headings one level lower, without the title.

    A link to the report of a study on this page becomes a link within the page; others, which lead
    out of the folder, become text; comments are left out.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = without_title(parser.parse(COMMENT.sub("", markdown)))
    header: list[str] = []
    for index, token in enumerate(tokens):
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{int(token.tag[1]) + 1}"
        elif token.type == "tr_open":
            column = 0
        elif token.type == "thead_open":
            header = []
        elif token.type == "th_open":
            header.append(tokens[index + 1].content)
        elif token.type == "td_open":  # on a narrow screen it stands below its column's name
            token.attrSet("data-column", header[column])
            column += 1
        elif token.type == "inline":
            token.children = within_page(token.children or [], studies)
    html: str = parser.renderer.render(tokens, parser.options, {})
    return html


def without_title(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens without the first heading of the first level."""
    titled = len(tokens) >= 3 and tokens[0].type == "heading_open" and tokens[0].tag == "h1"
    return list(tokens[3:] if titled else tokens)


def within_page(inline: Sequence[Token], studies: Collection[str]) -> list[Token]:
    """Return the tokens of a line with its links as `claims_html` says."""
    kept: list[Token] = []
    opened = False
    for token in inline:
        if token.type == "link_open":
            study: Any = OF_STUDY.fullmatch(str(token.attrGet("href")))
            opened = bool(study) and study[1] in studies
            if opened:
                token.attrSet("href", f"#study-{study[1]}")
        if token.type not in ("link_open", "link_close") or opened:
            kept.append(token)
    return kept
