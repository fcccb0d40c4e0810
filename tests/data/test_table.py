"""Tables of people's own: what is read, what becomes of it, and what is refused in which words."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from lpreg.data import DataError, Dataset, TableReport, describe_table, fingerprint, load, split

ROWS = [
    *("1,4.5,red,a,true,Ann,7,1.5", "2,n/a,blue,b,false,Bob,7,2.5", "3,2,red,c,true,Cid,7,3.5"),
    *("4,3,red,a,false,Dan,7,?", "5,9,blue,?,false,Eve,7,5.5", "6,1,red,c,true,Fay,7,0.5"),
]
HOUSES = "\n".join(["id,size,colour,kind,garage,owner,same,price", *ROWS, ""])


@pytest.fixture
def write(tmp_path: Path):
    def written(content: str | bytes, encoding: str = "utf-8") -> Path:
        file = tmp_path / "houses.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return file

    return written


def table(path: Path, target: str, **options: object) -> Dataset:
    return load("table", path=str(path), target=target, **options)


def test_every_column_becomes_what_it_is(write):
    file = write(HOUSES)
    houses, report = table(file, "price"), describe_table(file, "price")
    assert houses.features == ("size", "colour=red", "kind=a", "kind=b", "kind=c", "garage")
    nan = float("nan")
    first = [
        [4.5, 1, 1, 0, 0, 1],
        [nan, 0, 0, 1, 0, 0],
        [2, 1, 0, 0, 1, 1],
        [9, 0, nan, nan, nan, 0],
    ]
    np.testing.assert_equal(houses.x[:4].numpy(), np.array(first, np.float32))
    assert (houses.y.tolist(), houses.task, houses.classes) == (
        [1.5, 2.5, 3.5, 5.5, 0.5],
        "regression",
        1,
    )
    assert (houses.gaps, houses.stratified, houses.name) == (True, False, "houses.csv")
    assert {column.name: column.kind for column in report.columns} == {
        **{"id": "identifier", "size": "numeric", "colour": "categorical", "kind": "categorical"},
        **{"garage": "boolean", "owner": "identifier", "same": "constant", "price": "target"},
    }
    assert (report.rows, report.without_target, report.inputs) == (5, 1, houses.x.shape[1])
    assert [column.missing for column in report.columns] == [0, 1, 0, 1, 0, 0, 0, 1]


def test_the_report_prints_as_a_table(write):
    lines = str(describe_table(write(HOUSES), "price", drop=["id"])).splitlines()
    assert lines[0] == "houses.csv: 5 rows (1 more have no 'price')"
    assert lines[1] == "'price': a regression, because its numbers are not all whole"
    assert lines[2].split() == ["column", "kind", "missing", "different", "inputs", "note"]
    rows = {line.split()[0]: line.split(maxsplit=5)[1:] for line in lines[3:-1]}
    assert rows["size"] == ["numeric", "1", "4", "1", "missing is 'n/a' (1)"]
    assert rows["kind"] == ["categorical", "1", "3", "3", "missing is '?' (1)"]
    assert rows["same"] == ["constant", "0", "1", "0", "always '7'"]
    assert rows["id"] == ["dropped", "0", "0", "0", "as you say"]
    assert lines[-1] == "6 inputs"


SAME = [[1.5, 0.0], [2.5, 1.0], [1234.5, 0.0]]
"""What all the files of `SPELT` say."""

SPELT = {
    "commas": "a,b,y\n1.5,x,0.5\n2.5,ü,1\n1234.5,x,2\n",
    "a byte order mark": "\ufeffa,b,y\n1.5,x,0.5\n2.5,ü,1\n1234.5,x,2\n",
    "quotes": 'a,b,y\n"1.5","x","0.5"\n"2.5","ü",1\n"1,234.5",x,2\n',
    "a quoted separator": '"a","b,","y"\n1.5,x,0.5\n2.5,ü,1\n1234.5,x,2\n',
    "semicolons, decimal commas": "a;b;y\n1,5;x;0,5\n2,5;ü;1\n1.234,5;x;2\n",
    "tabs": "a\tb\ty\n1.5\tx\t0.5\n2.5\tü\t1\n1234.5\tx\t2\n",
    "bars, thousands": "a|b|y\n1.5|x|0.5\n2.5|ü|1\n1,234.5|x|2\n",
    "spaces": "a , b , y\n1.5, x , 0.5\n2.5, ü, 1\n1 234.5, x, 2\n",
    "Windows, empty rows": "a,b,y\r\n\r\n1.5,x,0.5\r\n2.5,ü,1\r\n1234.5,x,2\r\n,,\r\n",
}


@pytest.mark.parametrize("text", SPELT.values(), ids=SPELT.keys())
def test_a_table_is_the_same_however_it_is_spelt(write, text: str):
    own = table(write(text), "y")
    assert (own.x.tolist(), own.y.tolist()) == (SAME, [0.5, 1.0, 2.0])


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_other_encodings_are_read(write, encoding: str):
    own = table(write(SPELT["commas"], encoding), "y")
    assert (own.x.tolist(), own.features) == (SAME, ("a", "b=ü"))


def test_a_comma_in_a_number_is_read_as_the_file_suggests(write):
    text = "a;y\n1,500;1.5\n2,500;2\n3;3\n"
    assert table(write(text), "y").x.flatten().tolist() == [1500, 2500, 3]  # 1.5 has a point
    assert table(write(text.replace("1.5", "1,5")), "y").x.flatten().tolist() == [1.5, 2.5, 3]
    own = table(write('a,y\n"1,500",1\n"2,500",2\n3,3\n'), "y")
    assert own.x.flatten().tolist() == [1500, 2500, 3]


def test_packed_files_and_parquet_are_read(tmp_path: Path):
    frame = pd.DataFrame({"a": [1.5, None, 3], "b": pd.Categorical(list("xyx")), "y": [1, 2, 4.5]})
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv.gz")
    one, other = (table(tmp_path / name, "y") for name in ("t.parquet", "t.csv.gz"))
    assert one.features == other.features == ("a", "b=y")  # the frame's index says nothing
    np.testing.assert_equal(one.x.numpy(), other.x.numpy())


def ruled(values: list, **options: object) -> TableReport:
    text = "a,y\n" + "".join(f"{i * i},{value}\n" for i, value in enumerate(values))
    Path("t.csv").write_text(text, "utf-8")
    return describe_table("t.csv", "y", **options)  # pyright: ignore[reportArgumentType]


TASKS = {
    "text": (["no", "yes"] * 3, "classification", {"no": 3, "yes": 3}),
    "few whole numbers": ([3, 4, 5] * 3, "classification", {"3": 3, "4": 3, "5": 3}),
    "whole, with points": (["1.0", "0.0"] * 3, "classification", {"0": 3, "1": 3}),
    "too rare": ([3, 4, 5, 3, 4, 5, 3, 4], "regression", {}),
    "too many": (list(range(11)) * 3, "regression", {}),
    "not whole": ([0.5, 1.5] * 3, "regression", {}),
}


@pytest.mark.parametrize(("values", "task", "classes"), TASKS.values(), ids=TASKS.keys())
def test_the_task_is_told_from_the_target(tmp_path, monkeypatch, values, task, classes):
    monkeypatch.chdir(tmp_path)
    report = ruled(values)
    assert (report.task, report.classes) == (task, classes)
    own = table(Path("t.csv"), "y")
    assert own.classes == (len(classes) or 1)
    assert own.labels == (tuple(classes) if list(classes) != ["0", "1"] else ())


def test_the_user_may_say_the_task(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = ruled([3, 4, 5] * 3, task="regression")
    assert report.task == "regression" and "else classification" in report.why
    assert ruled([0.5, 1.5] * 3, task="classification").classes == {"0.5": 3, "1.5": 3}


def test_numbers_may_be_named_as_categories(write):
    own = table(write("a,y\n1,0.5\n2,1\n3,2\n1,3\nx,4\n"), "y", categorical=("a",))
    assert own.features == ("a=1", "a=2", "a=3", "a=x")


def test_indicators_say_what_is_missing(write):
    own = table(write(HOUSES), "price", indicators=True, drop=("garage", "colour"))
    assert own.features == ("size", "size missing", "kind=a", "kind=b", "kind=c", "kind missing")
    assert own.x[:, [1, 5]].T.tolist() == [[0, 1, 0, 0, 0], [0, 0, 0, 1, 0]]
    assert describe_table(write(HOUSES), "price", indicators=True).inputs == 8


def test_columns_may_be_dropped(write):
    assert table(write(HOUSES), "price", drop=("kind", "owner")).x.shape == (5, 3)


WRONG = {
    "no file": (None, {}, ["houses.csv does not exist"]),
    "empty": ("", {}, ["houses.csv is empty"]),
    "blank": ("\n \n", {}, ["houses.csv is empty"]),
    "names alone": ("a,y\n", {}, ["no row under them"]),
    "a spreadsheet": (b"PK\3\4\0\0", {}, ["Excel", "save it as CSV"]),
    "no such target": ("a,Price\n1,2\n", {"target": "price"}, ["'price'", "mean 'Price'?"]),
    "no names": ("1,2\n3,4\n", {}, ["first row holds numbers"]),
    "no such column": ("a,y\n1,2\n", {"drop": ("b",)}, ["no column 'b'", "columns: a, y"]),
    "the target dropped": ("a,y\n1,2\n", {"drop": ("y",)}, ["'y'", "the target"]),
    "a name twice": ("a,b,a,y\n1,2,3,4\n", {}, ["columns 1 and 3", "'a'"]),
    "a short row": ("a,b,y\n1,2,3\n\n1,2\n", {}, ["row 4 has 2 fields", "names 3"]),
    "an open quote": ('a,y\n1,2\n"1,2\n3,4\n', {}, ["row 3 has 1 fields", "quoted"]),
    "one row": ("a,y\n1,2\n", {}, ["'y' is '2' everywhere"]),
    "constant target": ("a,y\n1,2\n2,2\n", {}, ["'y' is '2' everywhere"]),
    "no target at all": ("a,y\n1,\n2,?\n", {}, ["'y' has no value"]),
    "nothing to learn from": ("a,y\n1,2\n1,3\n", {}, ["no column but 'y'"]),
    "a rare class": ("a,y\n1,u\n2,u\n3,u\n4,v\n5,v\n", {}, ["at least 3 rows", "'v' (2)"]),
    "texts, no classes": (
        "a,y\n" + "".join(f"{k},text {k}\n" for k in range(30)),
        {},
        ["30 different values in 30 rows", "no classes"],
    ),
    "text, a regression": ("a,y\n1,u\n2,v\n", {"task": "regression"}, ["text", "'u'"]),
    "no task": ("a,y\n1,2\n", {"task": "guess"}, ["task = 'guess'", "classification, regression"]),
    "no sign": ("a,y\n1,2\n", {"decimal": ";"}, ["decimal = ';'"]),
    "text among numbers": (
        "a,y\n1,2\n2,3\nmany,4\n",
        {},
        ["row 4: 'a' is 'many', and 67% of", "categorical = ['a']", "drop = ['a']"],
    ),
    "text among targets": ("a,y\n1,2\n2,3\n3,x\n", {}, ["row 4: 'y'", "'x'", "67%"]),
    "dates": ("a,y\n2020-01-31,2\n2020-02-01,3\n", {}, ["row 2: 'a'", "dates", "drop = ['a']"]),
    "infinite": ("a,y\n1,2\ninf,3\n", {}, ["row 3: 'a' is inf"]),
    "huge": ("a,y\n1,2\n2,1e300\n", {}, ["row 3: 'y' is 1e+300", "3e38"]),
    "both signs": ("a;b;y\n1,5;1.5;1\n2,5;2.5;2\n", {}, ["'b'", "'a'", 'decimal = "."']),
}


@pytest.mark.parametrize(("text", "options", "named"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_in_one_plain_line(write, tmp_path, text, options, named):
    file = tmp_path / "houses.csv" if text is None else write(text)
    with pytest.raises((ValueError, DataError)) as caught:
        table(file, **{"target": "y", **options})
    message = str(caught.value)
    assert "\n" not in message and len(message) < 300
    assert [words for words in named if words not in message] == []


def test_a_changed_file_is_refused_and_a_moved_one_is_not(write, tmp_path: Path):
    file = write(HOUSES)
    own = fingerprint(file)
    file = file.rename(tmp_path / "moved.csv")
    assert table(file, "price", sha256=own).name == "moved.csv"
    file.write_text(HOUSES + "7,1,red,a,true,Gil,7,3\n", "utf-8")
    with pytest.raises(DataError, match=r"moved\.csv has changed"):
        table(file, "price", sha256=own)


def test_gaps_are_filled_with_means_of_the_training_part_alone():
    x = torch.arange(40.0).reshape(20, 2) ** 2
    x[::3, 0], x[5, 1] = torch.nan, torch.nan
    own = Dataset("gaps", x, torch.zeros(20), "regression", 1, gaps=True)
    sizes = {"train": 10, "val": 5, "test": 5}
    for seed in range(5):
        whole = split(Dataset("gaps", x, torch.zeros(20), "regression", 1), sizes, seed)
        parts = split(own, sizes, seed)
        means = np.nanmean(whole["train"][0].double().numpy(), 0)
        for part, (filled, _) in parts.items():
            before = whole[part][0].numpy()
            expected = np.where(np.isnan(before), means, before)
            np.testing.assert_allclose(filled.numpy(), expected, rtol=1e-6)


def test_what_the_training_part_never_knows_is_constant_there():
    x = torch.tensor([[torch.nan], [torch.nan], [1.0]])
    own = Dataset("gaps", x, torch.zeros(3), "regression", 1, gaps=True)
    parts = [split(own, {"train": 2, "test": 1}, seed)["train"][0] for seed in range(9)]
    assert {tuple(x.flatten().tolist()) for x in parts} == {(0, 0), (1, 1)}


def test_a_stratified_split_gives_every_part_its_share_of_every_class():
    y = torch.tensor([0] * 50 + [1] * 30 + [2] * 5)
    own = Dataset("s", torch.arange(85.0)[:, None], y, "classification", 3, stratified=True)
    sizes = {"train": 51, "val": 17, "test": 17}
    plain = []
    for seed in range(6):
        parts = split(own, sizes, seed)
        for part, size in sizes.items():
            share = y.bincount() * size / 85
            assert (parts[part][1].bincount(minlength=3) - share).abs().max() <= 1
        rows = torch.cat([x for x, _ in parts.values()]).flatten()
        assert sorted(rows.tolist()) == list(range(85))
        plain.append(rows.tolist())
    assert len(set(map(tuple, plain))) == 6  # each seed another
