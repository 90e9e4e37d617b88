"""The table of variants against the paper's figures, and docs/models.md against the table."""

import re
from pathlib import Path

import pytest

from alexnet_lightning import models
from alexnet_lightning.models import DoubleConvAlexNet
from alexnet_lightning.models.table import built, costs, count, variants_table
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.variants import END, START
from alexnet_lightning.variants import main as variants

PAGE = Path(__file__).parents[1] / "docs" / "models.md"


@pytest.fixture(scope="module")
def table() -> str:
    return variants_table()


def cells(table: str, name: str) -> list[list[str]]:
    """The rows of a variant, one in each of the two tables."""
    rows = [line for line in table.splitlines() if line.startswith(f"| `{name}` |")]
    return [[cell.strip() for cell in row.strip("|").split("|")][1:] for row in rows]


@pytest.mark.parametrize(
    ("name", "thousand", "ten"),
    [
        ("AlexNet", "62,378,344", "58,322,314"),
        ("AlexNet2012", "60,965,224", "56,909,194"),
        ("AlexNetOWT", "61,100,840", "57,044,810"),
    ],
)
def test_parameters_are_those_of_the_sources(table, name: str, thousand: str, ten: str) -> None:
    assert cells(table, name)[0][:2] == [thousand, ten]


def test_costs_of_alexnet(table) -> None:
    large, small = cells(table, "AlexNet")
    # 55² · 96 · 363 + 27² · 256 · 2400 + 13² · (384 · 2304 + 640 · 3456), and fc6 to fc8
    assert large[2:] == ["1,135 M", "249.5 MB", "195 px"]
    assert small[3] == "49 px"


def test_every_variant_has_its_rows(table) -> None:
    for name in models.__all__:
        rows = re.findall(rf"^\| `{name}`[ |]", table, flags=re.MULTILINE)
        assert len(rows) >= 2
        assert len(rows) % 2 == 0


def test_a_form_that_does_not_exist_is_a_dash() -> None:
    network = built((DoubleConvAlexNet, {}), 10, image_size=8)
    assert network is None
    assert [count(network), *costs(network, 8)] == ["–"] * 4


@pytest.fixture
def built_once(monkeypatch: pytest.MonkeyPatch, table: str) -> None:
    """The command shows the table that is built already."""
    monkeypatch.setattr("alexnet_lightning.models.table.variants_table", lambda: table)


@pytest.mark.usefixtures("built_once")
def test_write_replaces_what_stands_between_the_marks(tmp_path, table) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"before\n\n{START}\nold\n{END}\n\nafter\n")
    variants(["--write", str(path)])
    assert path.read_text() == f"before\n\n{START}\n{table}\n{END}\n\nafter\n"
    assert [file.name for file in tmp_path.iterdir()] == ["page.md"]


@pytest.mark.parametrize("content", ["no marks", f"{END} the wrong way round {START}", START])
def test_a_file_without_the_place_is_refused_and_left_alone(tmp_path, content: str) -> None:
    path = tmp_path / "page.md"
    path.write_text(content)
    with pytest.raises(UserError, match=r"--write: .*page.md has no place for the table"):
        variants(["--write", str(path)])
    assert path.read_text() == content


def test_a_file_that_is_not_there_is_refused(tmp_path) -> None:
    with pytest.raises(UserError, match=r"--write: cannot read .*none.md"):
        variants(["--write", str(tmp_path / "none.md")])


@pytest.mark.usefixtures("built_once")
def test_without_a_file_it_is_printed(capsys, table) -> None:
    variants([])
    assert capsys.readouterr().out == f"{table}\n"


def test_the_page_holds_the_table_of_the_code(table) -> None:
    written = PAGE.read_text().split(START)[1].split(END)[0].strip()
    assert written == table, "run python -m alexnet_lightning.variants --write docs/models.md"
