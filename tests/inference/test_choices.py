"""The image files that arguments name."""

import io
from pathlib import Path

import pytest

from alexnet_lightning.inference.choices import image_files
from alexnet_lightning.system.errors import UserError


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b/2.png", "b/10.JPG", "a/deep/x.webp", "top.gif", "notes.txt", ".hidden/x.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "b" / "._2.png").touch()  # what macOS leaves
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_folders_are_searched_by_name_and_files_taken_as_they_are(tree: Path) -> None:
    given = [str(tree / "notes.txt"), str(tree), "nowhere.png"]
    found = image_files(given, io.StringIO())
    inside = ["top.gif", "a/deep/x.webp", "b/10.JPG", "b/2.png"]
    assert found == [tree / "notes.txt", *(tree / name for name in inside), Path("nowhere.png")]


def test_paths_on_the_standard_input(tree: Path) -> None:
    text = f"{tree}/top.gif\n\n{tree}/b\nwith a space\u2028and more.png\n"
    found = image_files(["-"], io.StringIO(text))
    assert found == [
        tree / "top.gif",
        tree / "b" / "10.JPG",
        tree / "b" / "2.png",
        Path("with a space\u2028and more.png"),
    ]


def test_images_that_pillow_does_not_read_are_counted(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a/1.HEIC", "b/2.heic", "b/3.svg", "b/._4.heic"):
        (tree / name).touch()
    assert len(image_files([str(tree)], io.StringIO())) == 4
    line = f"{tree}: 3 images are left out, for Pillow reads no .heic, .svg here"
    assert capsys.readouterr().err.startswith(line)


def test_an_empty_folder_or_input_is_a_mistake(tree: Path) -> None:
    with pytest.raises(UserError, match="empty contains no images"):
        image_files([str(tree / "empty")], io.StringIO())
    with pytest.raises(UserError, match="no images: give files, folders"):
        image_files(["-"], io.StringIO("\n"))


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0\0\x10JFIF", b"PNG\0"])
def test_an_image_on_the_standard_input_is_a_mistake(content: bytes) -> None:
    with pytest.raises(UserError, match="-: the standard input is not text"):
        image_files(["-"], io.TextIOWrapper(io.BytesIO(content), "utf-8"))
