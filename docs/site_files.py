"""Hook of mkdocs: files outside docs/ that pages link to become files of the site.

In the repository docs/train.md links ../results/README.md; in the site both lie in one folder.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OUTSIDE = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "CITATION.cff",
    "LICENSE",
    "train.sbatch",
    "notebooks/*.ipynb",
    "results/**/*.*",
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files outside docs/; the README becomes the first page."""
    for pattern in OUTSIDE:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            name = "index.md" if name == "README.md" else name
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Keep short flags whole: a line may otherwise end after their two dashes."""
    return re.sub(r"<code>(--[^<]{1,32}</code>)", r'<code class="flag">\1', html)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make links between docs/ and the rest those of the site."""
    if "/" in page.file.src_uri:
        return markdown.replace("](../docs/", "](../")
    return re.sub(r"\]\((docs/|\.\./)", "](", markdown).replace("](README.md", "](index.md")
