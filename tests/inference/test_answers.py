"""Predictions as a table, CSV and JSON, and files that are not images."""

import csv
import json
from pathlib import Path

from alexnet_lightning.inference.answers import BATCH, Answer, answers, as_csv, as_json, as_table
from alexnet_lightning.inference.predictor import Prediction, Predictor

FOUND = [
    Answer(Path("cat.png"), Prediction(["cat", "a horse, perhaps"], [0.987654321, 1.234e-5])),
    Answer(Path('odd "name".jpeg'), Prediction(["ship", "cat"], [0.5, 0.25])),
]


def test_columns_of_the_table_are_aligned() -> None:
    first, second = as_table(FOUND)
    assert first.split() == ["cat.png", "cat", "98.8", "%", "a", "horse,", "perhaps", "0.0", "%"]
    assert len(first) == len(second)
    assert first.index("cat ") == second.index("ship")
    assert [place for place, c in enumerate(first) if c == "%"] == [
        place for place, c in enumerate(second) if c == "%"
    ]


def test_csv_reads_back() -> None:
    rows = list(csv.DictReader(as_csv(FOUND)))
    assert [row["image"] for row in rows] == ["cat.png", 'odd "name".jpeg']
    assert [row["class_2"] for row in rows] == ["a horse, perhaps", "cat"]
    assert float(rows[0]["probability_1"]) == 0.9876543
    assert float(rows[0]["probability_2"]) == 1.234e-5


def test_json_reads_back() -> None:
    rows = json.loads("\n".join(as_json(FOUND)))
    assert [row["image"] for row in rows] == ["cat.png", 'odd "name".jpeg']
    assert rows[1] == {
        "image": 'odd "name".jpeg',
        "classes": ["ship", "cat"],
        "probabilities": [0.5, 0.25],
    }


def test_no_images() -> None:
    assert list(as_table([])) == []
    assert list(as_csv([])) == []
    assert json.loads("\n".join(as_json([]))) == []


def test_a_name_that_is_not_text_can_be_printed() -> None:
    (answer,) = [Answer(Path("caf\udce9.png"), FOUND[0].prediction)]
    for form in (as_table, as_csv, as_json):
        assert "caf?.png" in "\n".join(form([answer])).encode("utf-8").decode()


def test_a_line_break_in_a_name_breaks_no_line_of_the_table() -> None:
    (line,) = as_table([Answer(Path("a\nb.png"), FOUND[0].prediction)])
    assert line.startswith("a\\nb.png   cat")


def test_bad_files_are_refused_and_the_others_keep_their_order(
    trained_run, digit_files, tmp_path
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(digit_files[0].read_bytes()[:40])
    paths = digit_files * 7
    paths[3:3] = [bad, tmp_path / "nowhere.png"]
    paths += [bad] * BATCH  # batches of nothing else, too
    refused: list[str] = []
    predictor = Predictor.load(trained_run)
    found = list(answers(predictor, paths, 2, lambda error: refused.append(str(error))))
    assert [answer.path for answer in found] == digit_files * 7
    assert len(refused) == 2 + BATCH
    assert "bad.png cannot be read as an image" in refused[0]
    assert "nowhere.png" in refused[1]
    alone = predictor.predict(digit_files, 2)
    for answer, expected in zip(found, alone * 7, strict=True):
        assert answer.prediction.classes == expected.classes
