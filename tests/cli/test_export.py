import pytest

from jaxvid import main as command
from jaxvid.experiment import experiment as experiments

pytestmark = pytest.mark.usefixtures("shallow")


def test_an_export_names_what_it_wrote(tiny, saved, tmp_path, capsys):
    saved(experiments.open_experiment(tiny), tmp_path / "run")
    given = ["jaxvid", "--mode=export", f"--workdir={tmp_path / 'run'}"]
    assert command.main(given) == 2
    assert "--mode=export writes to --output=FOLDER" in capsys.readouterr().err
    output = tmp_path / "export"
    assert command.main([*given, f"--output={output}"]) == 0
    printed = capsys.readouterr().out
    assert f"the network of {tmp_path / 'run'}, step 3, is in {output}" in printed
    assert f"python {output / 'example.py'} VIDEO runs it" in printed
    assert (output / "about.json").is_file()
    assert command.main([*given, f"--output={output}"]) == 2
    assert f"--output={output} exists already" in capsys.readouterr().err
