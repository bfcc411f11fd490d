import csv
from pathlib import Path

from jaxvid.ablation import writing as table_files
from jaxvid.ablation.rows import Ablation
from jaxvid.ablation.tables import C2, D3, TABLES, Row, Run, Table
from jaxvid.ablation.writing import Outcome

RESULTS = {
    "accuracy": 0.975,
    "precision": 0.97625,
    "recall": 0.9751,
    "parameters": 12_379_984,
    "seconds_per_clip": 0.0123456,
    "num_clips": 420,
}
COLUMNS = ("paper on UCF101", "measured on embedded")


def csv_of(folder: Path, table: Table, dataset: str, outcomes: dict[Run, Outcome]) -> str:
    table_files.write(folder, table, dataset, outcomes, [])
    return (folder / f"{table.name}.csv").read_text()


def test_a_row_of_another_scale_has_no_figure_of_the_other(tmp_path):
    small = Ablation([TABLES["B2"]], "embedded", Path("out"), [])
    large = Ablation([TABLES["B2"]], "ucf101,split=1", Path("out"), [])
    assert [run.overrides[-1] for run in small.labels] == [
        f"model.clusters={k}" for k in (32, 16, 8, 4)
    ]
    assert [run.overrides[-1] for run in large.labels] == [
        f"model.clusters={k}" for k in (1024, 256, 128, 64)
    ]
    outcomes = {run: Outcome("", RESULTS) for run in small.labels}
    text = csv_of(tmp_path, TABLES["B2"], "embedded", outcomes)
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == 8
    for row in rows:
        printed, measured = (row[f"{which}: accuracy"] for which in COLUMNS)
        assert bool(printed) != bool(measured)
    assert rows[0]["state"] == "at the paper's scale only"


def test_a_table_exactly(tmp_path):
    first, second = Run("i3d", ("augment=false",)), Run("li3d")
    printed = {"ucf101": "2.80s 81.0"}
    rows = (Row("I3D", first, printed), Row("LI3D", second))
    table = Table(
        *("T1", "Two rows", ("test time", "accuracy"), rows, ("A remark.",)),
        percent=True,
    )
    outcomes = {first: Outcome("python -m jaxvid.main --config=i3d", RESULTS)}
    assert table_files.markdown(table, "embedded", outcomes, ("--config.seed=1",)) == (
        "# T1: Two rows\n"
        "\n"
        "**measured on: embedded (not the paper's dataset UCF101: the two columns cannot be "
        "compared)**\n"
        "\n"
        "Set on the command line for every run: `--config.seed=1`\n"
        "\n"
        "| row | paper on UCF101: test time | paper on UCF101: accuracy (%) | "
        "measured on embedded: accuracy (%) | measured on embedded: precision (%) | "
        "measured on embedded: recall (%) | measured on embedded: parameters | "
        "measured on embedded: seconds per clip | test clips | state | command |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
        "| I3D | 2.80s | 81.0 | 97.50 | 97.62 | 97.51 | 12,379,984 | 0.01235 | 420 | measured | "
        "`python -m jaxvid.main --config=i3d` |\n"
        "| LI3D | – | – | – | – | – | – | – | – | not finished |  |\n"
        "\n"
        "- A remark.\n"
        "- Precision and recall: measured ones are macro means over the classes.\n"
        "- Seconds per clip: the forward pass of a test clip in a batch, without decoding. The "
        "paper does not say what its test time covers.\n"
    )
    assert csv_of(tmp_path, table, "ucf101", outcomes) == (
        "row,paper on UCF101: test time,paper on UCF101: accuracy (%),"
        "measured on UCF101: accuracy (%),measured on UCF101: precision (%),"
        "measured on UCF101: recall (%),measured on UCF101: parameters,"
        "measured on UCF101: seconds per clip,test clips,state,command\n"
        "I3D,2.80s,81.0,97.50,97.62,97.51,12379984,0.01235,420,measured,"
        "python -m jaxvid.main --config=i3d\n"
        "LI3D,,,,,,,,,not finished,\n"
    )


def test_printed_figures_follow_the_dataset(tmp_path):
    assert table_files.measured_on(D3, "hmdb51") == "measured on: HMDB51 (the paper's dataset)"
    assert table_files.measured_on(C2, "ucf101") == (
        "measured on: UCF101 (not the paper's datasets UCF11 and UCFSports: the two columns cannot "
        "be compared)"
    )
    both = csv_of(tmp_path, D3, "embedded", {}).splitlines()
    assert both[0].startswith("row,paper on UCF101: accuracy (%),paper on HMDB51: accuracy (%),")
    assert both[1].startswith("2D CNN + LSTM,99.12,96.23,")
    one = csv_of(tmp_path, D3, "hmdb51", {}).splitlines()
    assert one[0].startswith("row,paper on HMDB51: accuracy (%),measured on HMDB51: accuracy (%),")
    assert one[1].startswith("2D CNN + LSTM,96.23,")
