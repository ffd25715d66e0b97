"""A column of labels is classes or measured values, by what is in it; what can be neither is named with its place."""

from pathlib import Path

import numpy as np
import pytest

from bench.data.base import DataError
from bench.data.labels import MOST_CLASSES, Factor, factor, read_csv, rows_of


def made(column: object, num_classes: int = 4) -> Factor:
    return factor("size", column, num_classes, "labels.csv, column size")  # type: ignore[arg-type]


def test_text_is_classes_in_the_order_of_the_words() -> None:
    found = made(["square", "circle", "square", "heart"])
    assert (found.kind, found.starts) == ("text", ("circle", "heart", "square"))
    assert found.classes.tolist() == [2, 0, 2, 1]
    assert found.values.tolist() == [2, 0, 2, 1]


def test_whole_numbers_are_classes_worth_what_they_say() -> None:
    found = made(["90", "0", "-45", "90"])
    assert (found.kind, found.starts) == ("whole numbers", (-45, 0, 90))
    assert found.classes.tolist() == [2, 1, 0, 2]
    assert found.values.tolist() == [90, 0, -45, 90]


def test_few_measured_numbers_are_a_class_each() -> None:
    found = made(["0.5", "1", "1.5e0", "0.5"])
    assert found.kind == "measured, each value a class"
    assert found.classes.tolist() == [0, 1, 2, 0]
    assert found.values.tolist() == [0.5, 1, 1.5, 0.5]


def test_many_measured_numbers_have_classes_of_equal_shares_and_keep_their_values() -> None:
    numbers = np.random.default_rng(0).normal(size=1000)
    found = made(numbers)
    assert found.kind == "measured, classes of equal shares"
    assert np.bincount(found.classes).tolist() == [250] * 4
    np.testing.assert_array_equal(found.values, numbers)
    assert (np.diff(found.values[np.lexsort((numbers, found.classes))]) >= 0).all()
    assert found.starts == tuple(numbers[found.classes == c].min() for c in range(4))
    assert found.span == f"{numbers.min():g} to {numbers.max():g}"


@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0])
def test_a_value_that_many_share_is_in_one_class_and_no_class_is_empty(shared: float) -> None:
    numbers = np.concatenate([np.full(80, shared), np.linspace(0.1, 0.9, 20)])
    found = made(numbers, num_classes=2)
    assert found.kind == "measured, classes of about equal shares"
    assert found.size == len(np.unique(found.classes)) == 2
    assert len(np.unique(found.classes[:80])) == 1


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (np.array([True, False, True]), "whole numbers"),
        (np.array([7, 300, 7], np.uint16), "whole numbers"),
        (np.array([1.0, 2.0, 1.0], np.float32), "measured, each value a class"),
        (np.array(["b", "a", "b"]), "text"),
    ],
)
def test_columns_of_arrays_are_taken_by_their_type(column: np.ndarray, kind: str) -> None:
    assert made(column).kind == kind
    assert made(column).size == 2


@pytest.mark.parametrize(
    ("column", "fault"),
    [
        (["5", "5", "5"], "column size has one value, 5, in every row: leave size out"),
        (["red", "", "blue", " "], "column size has no value in row 2 and 1 more"),
        (["1.5", "n/a", "2"], "column size mixes numbers and text: '1.5' in row 1, 'n/a' in row 2"),
        (["1.5", "nan"], "mixes numbers and text: '1.5' in row 1, 'nan' in row 2"),
        (["1.5", "1e999"], "NaN or infinite numbers in row 2"),
        (["<b>", "a"], "'<b>', which is no line of plain text"),
        ([f"a{i}" for i in range(MOST_CLASSES + 1)], "1,001 different values, a factor has up to 1,000 classes"),
        (np.arange(100_000), r"100,000 different values.*or write 0 as 0\.0 if it is measured"),
        (np.array([1.0, np.nan]), "NaN or infinite numbers in row 2"),
        (np.zeros((3, 2)), r"is float64 \(3, 2\), not a column"),
        (np.array([b"a", b"b"]), r"is bytes: save it as text, \.astype\(str\)"),
        ([str(2**62), str(2**62 + 1)], r"a whole number beyond 2\^53 in row 1 and 1 more: number its classes from 0"),
        (["1", "9" * 400], r"beyond 2\^53 in row 2: .*write them as text"),
        (np.array([1, 2**63], np.uint64), r"beyond 2\^53 in row 2"),
        (np.array([-(2**53) - 1, 0]), r"beyond 2\^53 in row 1"),
        (np.array([1 + 2j, 1]), "not a column of numbers or of text"),
    ],
)
def test_a_column_that_is_no_factor_is_named_with_its_fault(column: object, fault: str) -> None:
    with pytest.raises(DataError, match=fault):
        made(column)


@pytest.mark.parametrize("name", ["a/b", "=1+2", "<i>", " ", "a\tb"])
def test_a_name_that_no_table_can_show_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="a factor cannot be called"):
        factor(name, ["a", "b"], 4, "labels.csv")


def written(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    ["file,x\na.png,1\nb.png,2\n", "file;x\na.png;1\nb.png;2", "file\tx\r\na.png\t1\r\n\r\nb.png\t2\r\n",
     '\ufefffile, x\n"a.png", 1\nb.png,2\n'],
)  # fmt: skip
def test_a_csv_file_is_read_as_programs_write_it(text: str, tmp_path: Path) -> None:
    read = read_csv(written(tmp_path, text))
    assert list(read.columns) == ["file", "x"]
    assert read.columns["file"] == ["a.png", "b.png"]
    assert [cell.strip(' "') for cell in read.columns["x"]] == ["1", "2"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "the first line must be names of columns"),
        ("file,x\n", "has no rows"),
        ("file,file\na,1\n", "all different, got file,file"),
        ("file,\na,1\n", "must be names"),
        (
            ",file\n0,a\n",
            r"must be names .*, got ,file: df\.to_csv\(\.\.\., index=False\) writes no column without name",
        ),
        ("file,x\na,1\nb\n", "line 3: 1 values, the header names 2"),
        ("file,x\na,1,2\n", "line 2: 3 values, the header names 2"),
        ('file,x\n"a,1\n', "is no csv file"),
    ],
)
def test_a_csv_file_that_is_none_is_named_with_the_line(text: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"labels\.csv.*{fault}"):
        read_csv(written(tmp_path, text))


def test_what_is_no_text_or_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b"file,x\n\xff\xfe,1\n")
    with pytest.raises(DataError, match="is no csv file in UTF-8"):
        read_csv(tmp_path / "labels.csv")
    with pytest.raises(DataError, match=r"cannot read .*none\.csv: No such file"):
        read_csv(tmp_path / "none.csv")
    with pytest.raises(DataError, match="it is no regular file"):
        read_csv(Path("/dev/zero"))


FILES = ["a.png", "sub/b.png"]


@pytest.mark.parametrize("named", [["a.png", "sub/b.png"], ["a", "sub/b"], ["pics/a.png", "./pics/sub\\b.png"]])
def test_the_column_that_names_the_files_is_found(named: list[str], tmp_path: Path) -> None:
    read = read_csv(written(tmp_path, f"x,image\n5,{named[1]}\n6,{named[0]}\n"))
    assert rows_of(read, FILES, tmp_path / "pics") == ("image", [1, 0])


def test_a_name_is_found_however_its_accents_are_written_and_by_its_whole_path(tmp_path: Path) -> None:
    composed, apart = "\u00e9.png", "e\u0301.png"
    for in_folder, in_table in ((composed, apart), (apart, composed)):
        assert rows_of(read_csv(written(tmp_path, f"file,x\n{in_table},1\n")), [in_folder], tmp_path) == ("file", [0])
    read = read_csv(written(tmp_path, f"file,x\n{tmp_path / 'pics' / 'a.png'},\u00e9\nsub/b.png,e\u0301\n"))
    assert rows_of(read, FILES, tmp_path / "pics") == ("file", [0, 1])
    assert len(set(read.columns["x"])) == 1


def test_a_first_line_that_is_a_row_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"its first line names a\.png: write names of columns above it"):
        rows_of(read_csv(written(tmp_path, "a.png,1\nsub/b.png,2\n")), FILES, tmp_path)
    read = read_csv(written(tmp_path, "file,0\n0.png,1\n1.png,2\n"))
    assert rows_of(read, ["0.png", "1.png"], tmp_path) == ("file", [0, 1])


def test_a_column_of_numbers_is_not_taken_for_the_files_that_are_numbered(tmp_path: Path) -> None:
    read = read_csv(written(tmp_path, "label,file\n1,0.png\n0,1.png\n"))
    assert rows_of(read, ["0.png", "1.png"], tmp_path / "pics") == ("file", [0, 1])
    read = read_csv(written(tmp_path, "label,file\n1,0\n0,1\n"))
    with pytest.raises(DataError, match="label and file both could name the files: write their endings in one"):
        rows_of(read, ["0.png", "1.png"], tmp_path / "pics")
    read = read_csv(written(tmp_path, "label,file\n0,0.png\n0,1.png\n1,2.png"))
    with pytest.raises(DataError, match=r"line 4: file names 2\.png"):
        rows_of(read, ["0.png", "1.png"], tmp_path / "pics")


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ("1,c.png\n2,d.png", r"no column names the files of .*, such as a\.png; it has x: 1; image: c\.png"),
        ("1,a.png\n2,c.png", r"line 3: image names c\.png, which .* has not"),
        ("1,a.png", r"has no row of sub/b\.png, which is in"),
        ("1,a.png\n2,sub/b.png\n3,a.png", r"lines 2 and 4 are both of a\.png"),
        ("1,a.png\n2,", "line 3: image names"),
    ],
)
def test_rows_and_files_that_do_not_match_are_named(rows: str, fault: str, tmp_path: Path) -> None:
    read = read_csv(written(tmp_path, f"x,image\n{rows}\n"))
    with pytest.raises(DataError, match=fault):
        rows_of(read, FILES, tmp_path / "pics")
