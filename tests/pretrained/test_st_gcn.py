import numpy as np
import pytest

from jaxvid import pretrained
from jaxvid.errors import UserError
from jaxvid.experiment.network import open_network
from jaxvid.models.st_gcn import adjacency
from jaxvid.skeletons import SKELETONS

GRAPH = {
    "model__backbone": "st_gcn",
    "data__modality": "skeleton",
    "init__source": "st_gcn",
    "model__temporal_stride": 4,
}


def test_st_gcn_of_another_graph_or_network_is_refused(
    torch_networks, make_config, start, tmp_path
):
    import torch

    thumbs = SKELETONS["ntu25_thumbs"]
    network = torch_networks.STGCN(7, thumbs.edges, thumbs.centre, 0.125)
    path = tmp_path / "st_gcn.pth"
    torch.save(torch_networks.randomise(network).state_dict(), path)
    fields = {**GRAPH, "init__path": str(path), "model__authors_code": True}
    with pytest.raises(
        UserError,
        match=r"another than that of config\.model\.skeleton=ntu25; as many .* ntu25_thumbs",
    ):
        start(make_config(**fields, model__skeleton="ntu25"), 7)
    with pytest.raises(UserError, match="its graph of 25 joints is another"):
        start(make_config(**fields, model__skeleton="openpose18"), 7)
    ours = start(make_config(**fields, model__skeleton="ntu25_thumbs"), 7)
    assert any("config.model.padding=torch" in note for note in ours.loaded.notes)
    # Our weights of the edges make our adjacency the file's.
    importance = network.edge_importance[3].detach() * network.A
    edges = ours.variables["params"]["backbone"]["unit_2"]["edges"]
    learned = edges * adjacency(thumbs.edges, thumbs.centre)
    expected = importance.numpy().transpose(0, 2, 1)[[0, 2, 1]]
    np.testing.assert_allclose(learned, expected, atol=1e-6)
    fields["model__skeleton"] = "ntu25_thumbs"
    with pytest.raises(UserError, match=r"number of subsets 3, and .*partition=uniform has 1"):
        start(make_config(**fields, model__partition="uniform"), 7)
    with pytest.raises(UserError, match=r"no powers .* must be spatial, distance or uniform"):
        start(make_config(**fields, model__partition="powers"), 7)
    fields["model__authors_code"] = False
    with pytest.raises(UserError, match=r"config\.model\.authors_code must be true"):
        start(make_config(**fields), 7)


@pytest.mark.parametrize(
    "name, tensor, says",
    [
        ("data_bn.weight", [0.0] * 7, r"data_bn\.weight is \(7,\), must be \(75,\)"),
        ("data_bn.running_var", [-1.0] * 75, r"data_bn\.running_var has -1: no variance"),
        ("st_gcn_networks.0.tcn.2.bias", [0.0], r"tcn\.2\.bias is \(1,\), must be \(8,\)"),
    ],
)
def test_a_tensor_of_st_gcn_that_is_not_what_its_name_says(
    name, tensor, says, torch_networks, make_config, tmp_path
):
    thumbs = SKELETONS["ntu25_thumbs"]
    network = torch_networks.STGCN(7, thumbs.edges, thumbs.centre, 0.125)
    tensors = {key: value.numpy() for key, value in network.state_dict().items()}
    path = tmp_path / "st_gcn.npz"
    np.savez(path, **{**tensors, name: np.array(tensor)})
    fields = {"model__skeleton": "ntu25_thumbs", "model__authors_code": True}
    config = make_config(**GRAPH, **fields, init__path=str(path))
    with pytest.raises(UserError, match=rf"st_gcn\.npz: .*{says}"):
        pretrained.load_for(config, open_network(config, 7).shapes)
