"""`lpreg compare`, as one types it."""

from pathlib import Path

import pytest

from lpreg.cli import main

LITTLE = ["--model", "mlp:3", "--seeds", "2", "--epochs", "2", "--workers", "1"]


def test_a_table_is_described_compared_and_reported(
    tmp_path: Path, table: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert main(["compare", str(table), "--target", "price", "--arms", "none,L1", *LITTLE]) == 0
    said = capsys.readouterr().out
    for text in (
        "houses.csv: 60 rows",
        "'price': a regression",
        "country  constant",
        "town     categorical",
        "arm   strength",
        "Use ",
        "report: runs/compare-houses/report.html",
        'lpreg.Comparison("runs/compare-houses").model.predict(rows)',
        "next: ",
    ):
        assert text in said, text
    page = (tmp_path / "runs/compare-houses/report.html").read_text("utf-8")
    assert "Which penalty for price of houses.csv?" in page
    other = ["--model", "mlp:4", *LITTLE[2:]]
    assert main(["compare", str(table), "--target", "price", "--arms", "none,L1", *other]) == 2
    assert "runs/compare-houses holds another comparison" in capsys.readouterr().err


WRONG = {
    "no file": (None, "price", "does not exist"),
    "an empty file": ("", "price", "is empty"),
    "names alone": ("a,price\n", "price", "no row"),
    "no such column": ("a,price\n1,2\n3,4\n", "prize", "did you mean 'price'?"),
    "no target": ("a,price\n1,2\n3,4\n", None, "say target (--target)"),
    "text among numbers": (
        "a,price\n" + "1.5,2.5\n" * 9 + "large,3.5\n",
        "price",
        "row 11: 'a' is 'large'",
    ),
    "a constant target": ("a,price\n1,2\n3,2\n", "price", "'price' is '2' everywhere"),
}


@pytest.mark.parametrize(("text", "target", "says"), WRONG.values(), ids=WRONG.keys())
def test_a_table_that_cannot_be_compared_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | None, target: str, says: str
):
    file = tmp_path / "houses.csv"
    if text is not None:
        file.write_text(text, "utf-8")
    asked = ["--target", target] if target else []
    assert main(["compare", str(file), *asked, "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("lpreg: ")
    assert len(said.err.splitlines()) <= 2
    assert says in said.err
    assert not (tmp_path / "run").exists()
