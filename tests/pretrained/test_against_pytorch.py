"""The same random weights in the published network and in ours: the same features and logits."""

import numpy as np
import pytest

WIDTH = 0.125


def clips(*shape):
    return np.random.default_rng(3).uniform(-1, 1, shape).astype(np.float32)


def run(torch_network, x):
    import torch

    with torch.no_grad():
        return [y.numpy() for y in torch_network(torch.from_numpy(np.ascontiguousarray(x)))]


def save(network, folder):
    import torch

    path = folder / "weights.pth"
    torch.save(network.state_dict(), path)
    return str(path)


def agree(ours, theirs):
    theirs = np.asarray(theirs)
    np.testing.assert_allclose(ours, theirs, atol=1e-4 * max(1, np.abs(theirs).max()), rtol=0)
    assert np.ptp(theirs) > 1e-2


@pytest.mark.parametrize(
    "stream, frames, size", [("rgb", 16, 32), ("flow", 9, 45)], ids=["rgb", "flow"]
)
def test_i3d(stream, frames, size, torch_networks, make_config, start, tmp_path):
    channels = {"rgb": 3, "flow": 2}[stream]
    theirs = torch_networks.randomise(torch_networks.I3D(7, channels, WIDTH))
    init = {"init__source": "i3d_pytorch", "init__path": save(theirs, tmp_path)}
    ours = start(make_config(model__backbone="i3d", data__modality=stream, **init), 7)
    assert not ours.loaded.initial
    x = clips(2, frames, size, size + 2, channels)
    features, logits = run(theirs, x.transpose(0, 4, 1, 2, 3))
    outputs = ours(x)
    agree(outputs.sequence, features)
    agree(outputs.logits, logits)


def test_googlenet_per_frame(torch_networks, make_config, start, tmp_path):
    theirs = torch_networks.randomise(torch_networks.GoogLeNet(7, WIDTH))
    init = {"init__source": "googlenet", "init__path": save(theirs, tmp_path)}
    ours = start(make_config(model__backbone="inception2d", model__padding="torch", **init), 7)
    assert not ours.loaded.initial and not ours.loaded.notes
    for size in (32, 45, 57):
        x = clips(2, 1, size, size, 3)
        features, logits = run(theirs, x[:, 0].transpose(0, 3, 1, 2))
        outputs = ours(x)
        agree(outputs.sequence[:, 0], features)
        agree(outputs.logits, logits)


def imagenet(x):
    values = (x + 1) / 2
    return (values - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])


@pytest.mark.parametrize("size", [32, 96])
def test_vgg16(size, torch_networks, make_config, start, tmp_path):
    theirs = torch_networks.randomise(torch_networks.VGG16(7, size, WIDTH))
    init = {"init__source": "vgg16", "init__path": save(theirs, tmp_path)}
    fields = {"model__backbone": "vgg16", "model__image_norm": "imagenet", "data__image_size": size}
    x = clips(2, 1, size, size, 3)
    maps, fc7, logits = run(theirs, imagenet(x[:, 0]).transpose(0, 3, 1, 2))
    outputs = start(make_config(**fields, **init), 7)(x)
    agree(outputs.sequence[:, 0], maps.mean((2, 3)))
    ours = start(make_config(model__fully_connected=True, **fields, **init), 7)
    assert not ours.loaded.initial and not ours.loaded.notes
    outputs = ours(x)
    agree(outputs.sequence[:, 0], fc7)
    agree(outputs.logits, logits)


@pytest.mark.parametrize("size", [48, 64])
def test_c3d(size, torch_networks, make_config, start, tmp_path):
    theirs = torch_networks.randomise(torch_networks.C3D(7, size, WIDTH))
    ours = start(
        make_config(
            model__backbone="c3d",
            model__image_norm="sports1m",
            model__padding="torch",
            model__temporal_stride=16,
            data__num_frames=16,
            data__image_size=size,
            init__source="c3d",
            init__path=save(theirs, tmp_path),
        ),
        7,
    )
    assert not ours.loaded.initial and not ours.loaded.notes
    x = clips(2, 16, size, size, 3)
    shown = (x[..., ::-1] + 1) * 127.5 - np.float32([90, 98, 102])
    features, logits = run(theirs, shown.transpose(0, 4, 1, 2, 3))
    outputs = ours(x)
    agree(outputs.sequence[:, 0], features)
    agree(outputs.logits, logits)


@pytest.mark.parametrize(
    "skeleton, frames, partition",
    [
        ("openpose18", 16, "spatial"),
        ("ntu25", 17, "spatial"),
        ("ntu25", 16, "distance"),
        ("ntu25", 16, "uniform"),
    ],
)
def test_st_gcn(skeleton, frames, partition, torch_networks, make_config, start, tmp_path):
    from jaxvid.skeletons import SKELETONS

    graph = SKELETONS[skeleton]
    network = torch_networks.STGCN(7, graph.edges, graph.centre, WIDTH, partition)
    theirs = torch_networks.randomise(network)
    ours = start(
        make_config(
            model__backbone="st_gcn",
            model__skeleton=skeleton,
            model__partition=partition,
            model__authors_code=True,
            model__padding="torch",
            model__temporal_stride=4,
            data__modality="skeleton",
            init__source="st_gcn",
            init__path=save(theirs, tmp_path),
        ),
        7,
    )
    assert not ours.loaded.initial and not ours.loaded.notes
    x = clips(2, frames, 2, len(graph.joints), 3)
    # The authors' coordinates of Kinetics-skeleton are half of ours.
    scale = np.float32([0.5, 0.5, 1] if skeleton == "openpose18" else [1, 1, 1])
    features, logits = run(theirs, (x * scale).transpose(0, 4, 1, 3, 2))
    outputs = ours(x)
    agree(outputs.embedding, features)
    agree(outputs.logits, logits)
