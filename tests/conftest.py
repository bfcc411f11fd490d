"""A tiny dataset and config, shared by the tests that train."""

import os

# Before JAX is imported anywhere: eight simulated devices, of which most tests use one, and
# programs that are quick to compile rather than to run.
os.environ["XLA_FLAGS"] = (
    "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
    " --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
)

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from jaxvid import config as configs
from jaxvid.cli import report
from jaxvid.config import files as config_files
from jaxvid.data.datasets import embedded
from jaxvid.experiment.experiment import Experiment
from jaxvid.models import googlenet, i3d, vgg
from jaxvid.pretrained import inception_layers
from jaxvid.runtime import devices
from jaxvid.workdir import checkpoints
from jaxvid.workdir import layout as workdirs

CLASSES = ("SitDown", "StandUp")
MODALITIES = {
    "rgb": {},
    "rgb+flow": {
        "model.backbone": "two_stream",
        "model.rgb_backbone": "vgg16",
        "model.flow_backbone": "vgg16",
        "model.width": 0.03125,
        "model.encoder": "none",
    },
    "skeleton": {
        "data.dataset": "embedded",
        "data.classes": CLASSES,
        "data.embedded.groups": 4,
        "data.embedded.clips_per_group": 2,
        "model.backbone": "st_gcn",
        "model.layers_per_stage": 1,
        "model.encoder": "none",
    },
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests first, so that no process is left alone with them at the end."""
    items.sort(key=lambda item: "test_faults" not in item.nodeid)


@pytest.fixture
def reports() -> None:
    """For tests of reports; all others go without the seconds that one takes."""


@pytest.fixture(autouse=True)
def _no_reports(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "reports" not in request.fixturenames:
        monkeypatch.setattr(report, "add", lambda *_: None)


@pytest.fixture(scope="session", autouse=True)
def _compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled programs are kept for the other tests: of all processes, where xdist has several.

    For every test, because JAX decides at its first program whether it keeps any; commands that
    run in this process leave it so.
    """
    base = tmp_path_factory.getbasetemp()
    devices.keep_compiled(
        (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "compiled"
    )
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(devices, "keep_compiled", lambda _: None)
        yield


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what is rendered and prepared, which all tests of a process share."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of a test run share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def dataset_root(cache: Path) -> Path:
    """Two classes, four actors, two clips each, in UCF101's layout: 12 to train on, 4 to test."""
    return embedded.generate(
        cache / "tiny", classes=CLASSES, groups=4, clips_per_group=2, workers=1
    )


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves one of nine Inception modules, one convolution of each of VGG-16's stages.

    These take a fifth and a half of the time to trace and compile.
    """
    monkeypatch.setattr(vgg, "STAGES", tuple((1, width) for _, width in vgg.STAGES))
    kept = {"mixed_4b": i3d.BRANCH_WIDTHS["mixed_4b"]}
    for module in (i3d, googlenet):
        monkeypatch.setattr(module, "BRANCH_WIDTHS", kept)


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves one Inception module of each stage, with the poolings and strides between them.

    The last one is as wide as mixed_5c, and so the features are as wide as in the whole network.
    """
    widths = i3d.BRANCH_WIDTHS
    kept = {name: widths[name] for name in ("mixed_3b", "mixed_4b")}
    kept["mixed_5b"] = widths["mixed_5c"]
    for module in (i3d, googlenet, inception_layers):
        monkeypatch.setattr(module, "BRANCH_WIDTHS", kept)


@pytest.fixture
def one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves one of the eight simulated devices, as on a plain machine."""
    first = jax.devices()[:1]
    monkeypatch.setattr(jax, "devices", lambda *_: first)


@pytest.fixture
def tiny(cache: Path, dataset_root: Path) -> ConfigDict:
    """LI3D-BiLSTM at its smallest: a step takes milliseconds."""
    config = configs.for_dataset("ucf101,split=1,augment=true")
    config.name = "tiny"
    config.data.root = str(dataset_root)
    config.data.cache = str(cache)
    config.data.short_side = 40
    config.data.num_frames = 8
    config.data.image_size = 32
    config.data.workers = 1
    config.data.threads = 1
    config.model.width = 0.125
    config.model.temporal_stride = 2
    config.model.factorised_stem = True
    config.model.hidden = 8
    config.train.batch_size = 8
    config.train.epochs = 4.0
    config.train.optimizer = "adam"
    config.train.learning_rate = 1e-3
    config.train.log_every = 1
    config.eval.batch_size = 8
    return config.lock()


@pytest.fixture
def tiny_file(tiny: ConfigDict, tmp_path: Path) -> Path:
    """A config file whose config is `tiny`."""
    file = tmp_path / "tiny.py"
    file.write_text(
        "from pathlib import Path\n"
        "from jaxvid.config import files as config_files\n"
        "def get_config(argument=''):\n"
        "    return config_files.read(Path(__file__).with_suffix('.json'))\n"
    )
    file.with_suffix(".json").write_text(config_files.to_json(tiny))
    return file


@pytest.fixture(params=list(MODALITIES))
def each_stream(request: pytest.FixtureRequest, tiny: ConfigDict) -> ConfigDict:
    """`tiny`, or a system as small on RGB and flow or on skeletons."""
    tiny.data.modality = request.param
    tiny.update_from_flattened_dict(MODALITIES[request.param])
    return tiny


@pytest.fixture
def saved() -> Callable[[Experiment, Path], Any]:
    """Makes a workdir whose checkpoint holds random variables, and returns those."""
    return _save


@pytest.fixture(scope="session")
def drawn() -> Callable[[Any], Any]:
    """Returns random variables of given shapes: nothing is compiled, as initial ones would be."""
    return _drawn


def _drawn(shapes: Any) -> Any:
    rng = np.random.default_rng(0)

    def value(leaf: jax.ShapeDtypeStruct) -> np.ndarray:
        fan_in = leaf.size // leaf.shape[-1]
        drawn = rng.normal(0, (2 / fan_in) ** 0.5, leaf.shape)
        return np.asarray(drawn if leaf.ndim > 1 else rng.uniform(0.5, 1, leaf.shape), leaf.dtype)

    return jax.tree.map(value, shapes)


def _save(experiment: Experiment, workdir: Path) -> Any:
    variables = _drawn(experiment.network.shapes)
    workdirs.claim(
        workdir, experiment.config, experiment.data.dataset, experiment.data.clips("train")
    )
    writer = checkpoints.Writer(workdir / "checkpoints", keep=1)
    writer.save(3, {"variables": variables})
    writer.close()
    return variables


def _published_vgg16(size: int, classes: int = 7) -> dict[str, np.ndarray]:
    """torchvision's VGG-16 for frames of `size` pixels, an eighth as wide, at random."""
    random = np.random.default_rng(0)
    places = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    widths = (8, 8, 16, 16, 32, 32, 32, 64, 64, 64, 64, 64, 64)
    shapes, channels = {}, 3
    for place, width in zip(places, widths, strict=True):
        shapes[f"features.{place}"] = (width, channels, 3, 3)
        channels = width
    maps = channels * (size // 32) ** 2
    shapes |= {"classifier.0": (512, maps), "classifier.3": (512, 512)}
    shapes["classifier.6"] = (classes, 512)
    tensors = {}
    for name, shape in shapes.items():
        scale = np.sqrt(2 / np.prod(shape[1:]))
        tensors[f"{name}.weight"] = scale * random.standard_normal(shape)
        tensors[f"{name}.bias"] = 0.1 * random.standard_normal(shape[0])
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


@pytest.fixture
def published_vgg16():
    return _published_vgg16
