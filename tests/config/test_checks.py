import pytest

from jaxvid import config as configs
from jaxvid.config import checks as config_checks
from jaxvid.errors import UserError


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("data.dataset", "ucf", "one of embedded, ucf101"),
        ("train.epochs", 0.0, "more than 0"),
        ("model.dropout", 1.0, "from 0 to below 1"),
        ("data.num_frames", 4, "at least 8"),
        ("data.image_size", 31, "at least 32"),
        ("data.jpeg_quality", 101, "at most 100"),
        ("eval.views", 0, "at least 1"),
        ("train.schedule", "step", "step_epochs is empty"),
        ("data.modality", "rgb+skeleton", r"one of rgb, flow, rgb\+flow, skeleton"),
        ("data.flow.bound", 0.0, "more than 0"),
        ("data.intervals", (3, 2), r"\(LEAST, MOST\) in frames"),
        ("train.center_loss", -1.0, "at least 0"),
        ("train.profile_steps", "10", "profile_steps='10': A:B with 1 <= A < B is wanted, such as"),
        ("train.profile_steps", "13:10", "profile_steps='13:10': A:B"),
        ("train.profile_steps", "a:b", "profile_steps='a:b': A:B"),
        ("train.profile_steps", "0:3", "profile_steps='0:3': A:B"),
        ("train.profile_steps", "3:3", "profile_steps='3:3': A:B"),
        ("train.center_rate", 0.0, r"in \(0, 1\]"),
        ("model.system", "svm", "one of recognizer, deep_fusion, sift is"),
        ("init.source", "torchvision", r"one of \(empty\), googlenet, vgg16, i3d_pytorch, "),
        ("init.path", "weights.pt", "config.init.source and config.init.path: both are wanted"),
        ("init.flow_path", "weights.pt", r"config.init.flow_path needs config.init.source"),
        ("init.flow_stem", "zero", "one of random, mean is wanted"),
        ("sift.encoder", "hog", "one of bof, fv, vlad is wanted"),
        ("sift.descriptors", 100, "at least 128"),
        ("sift.regularisation", 0.0, "more than 0"),
    ],
)
def test_values_without_meaning_are_refused(field, value, message):
    config = configs.default()
    config.update_from_flattened_dict({field: value})
    with pytest.raises(UserError, match=message):
        config_checks.check(config)


def test_a_mirror_needs_augmentation():
    config = configs.default()
    config.data.update(mirror=True, augment=False)
    with pytest.raises(UserError, match=r"data\.mirror=True needs config\.data\.augment=True"):
        config_checks.check(config)


def test_profiled_steps_leave_the_last_one_out():
    assert list(config_checks.profiled_steps("10:13")) == [10, 11, 12]
    assert not config_checks.profiled_steps("")
