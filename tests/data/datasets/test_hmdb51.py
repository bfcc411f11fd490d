import pytest

from jaxvid.data.datasets import hmdb51
from jaxvid.errors import UserError

LISTS = "testTrainMulti_7030_splits"
# Names as they are in the original: brackets, signs, semicolons, and the class twice.
BRUSH = (
    "April_09_brush_hair_u_nm_np1_ba_goo_0.avi",
    "#20_Rhythm_brush_hair_u_cm_np1_fr_med_1.avi",
    "Haare_wild!_(2)_brush_hair_h_nm_np1_le_bad_0.avi",
)
WAVE = (
    "[OFFICIAL]_A;B_wave_wave_f_cm_np12_ri_med_3.avi",
    "[OFFICIAL]_A;B_wave_wave_f_cm_np12_ri_med_4.avi",
    "21_wave_u_nm_np1_fr_goo_5.avi",
)


def lists(*marks: str) -> dict[str, str]:
    """The lists of split 1, 2, ...: the marks of the six videos in each; lines end in a space."""
    texts = {}
    for split, row in enumerate(marks, 1):
        for name, files, part in (("brush_hair", BRUSH, row[:3]), ("wave", WAVE, row[3:])):
            text = "".join(f"{file} {mark} \r\n" for file, mark in zip(files, part, strict=True))
            texts[f"{LISTS}/{name}_test_split{split}.txt"] = text
    return texts


@pytest.fixture
def root(tree):
    videos = [f"brush_hair/{name}" for name in BRUSH] + [f"wave/{name}" for name in WAVE]
    return tree(*videos, **lists("120112", "201120", "012021"))


def test_reads_what_is_distributed(root):
    dataset = hmdb51.read(root, 1)
    assert dataset.class_names == ("brush_hair", "wave")
    assert [(c.id, c.label, c.split, c.group) for c in dataset.videos] == [
        (f"brush_hair/{BRUSH[0]}", 0, "train", "April_09"),
        (f"brush_hair/{BRUSH[1]}", 0, "test", "#20_Rhythm"),
        (f"wave/{WAVE[0]}", 1, "train", "[OFFICIAL]_A;B_wave"),
        (f"wave/{WAVE[1]}", 1, "train", "[OFFICIAL]_A;B_wave"),
        (f"wave/{WAVE[2]}", 1, "test", "21"),
    ]
    assert dataset.missing == ()
    # 0: not used in this split.
    assert [c.id for c in hmdb51.read(root, 2).videos if c.label == 0] == [
        f"brush_hair/{BRUSH[0]}",
        f"brush_hair/{BRUSH[2]}",
    ]


def test_class_folders_may_be_in_a_folder(root):
    (root / "hmdb51_org").mkdir()
    for name in ("brush_hair", "wave"):
        (root / name).rename(root / "hmdb51_org" / name)
    (root / LISTS / "._wave_test_split1.txt").write_bytes(b"\0\1")  # as macOS leaves it
    dataset = hmdb51.read(root, 3)
    assert dataset.folder == root / "hmdb51_org"
    assert len(dataset.videos) == 4


def test_missing_videos_are_named(root):
    (root / "wave" / WAVE[2]).unlink()
    assert hmdb51.read(root, 1).missing == (f"wave/{WAVE[2]}",)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("absent", "nowhere does not exist"),
        ("no lists", "has no CLASS_test_splitN.txt"),
        ("no class folders", "no folder of a class, such as brush_hair/"),
        ("mark", r"wave_test_split1.txt, line 2: must be 'NAME.avi 0\|1\|2', not 'b.avi 3'"),
        ("twice", "are lists of the same split"),
        ("split", "split=4: .* has the splits 1, 2, 3"),
        ("no videos", "none of the 5 listed videos is in"),
    ],
)
def test_what_is_not_hmdb51_is_said_to_be_so(root, how, message):
    where = root
    if how == "absent":
        where = root / "nowhere"
    if how == "no lists":
        where = root / "wave"
    if how == "no class folders":
        for name in ("brush_hair", "wave"):
            (root / name).rename(root / f"{name}_")
    if how == "mark":
        (root / LISTS / "wave_test_split1.txt").write_text("a.avi 1\nb.avi 3\n")
    if how == "twice":
        (root / "wave_test_split1.txt").write_text("a.avi 1\n")
    if how == "no videos":
        for path in root.glob("*/*.avi"):
            path.unlink()
    with pytest.raises(UserError, match=message):
        hmdb51.read(where, 4 if how == "split" else 1)


def test_the_full_dataset_is_counted(tmp_path, caplog):
    """51 classes of 70 and 30 videos, and 1,666 that the split does not use."""
    (tmp_path / LISTS).mkdir()
    for number in range(51):
        unused = 32 + (number < 34)
        marks = "1" * 70 + "2" * 30 + "0" * unused
        name = f"class{number:02d}"
        (tmp_path / name).mkdir()
        text = "".join(f"v{i}_{name}.avi {mark}\n" for i, mark in enumerate(marks))
        (tmp_path / LISTS / f"{name}_test_split1.txt").write_text(text)
        for i in range(100):
            (tmp_path / name / f"v{i}_{name}.avi").touch()
    dataset = hmdb51.read(tmp_path, 1)
    assert (len(dataset.split("train")), len(dataset.split("test"))) == (3570, 1530)
    assert not caplog.records
    (tmp_path / LISTS / "class07_test_split1.txt").write_text("v0_class07.avi 1\n")
    hmdb51.read(tmp_path, 1)
    assert "HMDB51, split 1, has 70 train videos of class07; here: 1" in caplog.text
    assert "has 6766 videos; here: 6634" in caplog.text
