import pytest

from jaxvid import config as configs
from jaxvid.config import checks as config_checks
from jaxvid.errors import UserError


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("data.dataset", "ucf", "one of embedded, ucf101"),
        ("seed", 2**64, "config.seed=18446744073709551616: must be from 0 to 4294967295"),
        ("seed", 2**32, "must be from 0 to 4294967295"),
        ("seed", -1, "must be from 0 to 4294967295"),
        ("data.embedded.seed", -1, "must be from 0 to 4294967295"),
        ("data.prefix", "/data", "config.data.dataset=csv are relative to it, and ucf101 has none"),
        ("train.epochs", 0.0, "must be more than 0"),
        ("train.patience", -1.0, "must be at least 0"),
        ("train.balance", "clips", "one of none, loss"),
        ("data.division", "random", "one of own, groups, videos"),
        ("data.folds", 1, "must be 0, -1, or at least 2"),
        ("data.validation", 0.6, "must be from 0 to 0.5"),
        ("eval.split", "valid", "one of train, val, test"),
        ("model.dropout", 1.0, "must be at least 0 and below 1"),
        ("data.num_frames", 4, "at least 8"),
        ("data.image_size", 31, "at least 32"),
        ("data.jpeg_quality", 101, "must be from 1 to 100"),
        ("eval.views", 0, "at least 1"),
        ("train.schedule", "step", "requires config.train.step_epochs"),
        ("data.modality", "rgb+skeleton", r"one of rgb, flow, rgb\+flow, skeleton"),
        ("data.flow.bound", 0.0, "must be more than 0"),
        ("data.intervals", (3, 2), r"\(SHORTEST, LONGEST\) in frames"),
        ("train.center_loss", -1.0, "at least 0"),
        ("train.profile_steps", "10", "profile_steps='10': must be A:B with 1 <= A < B, such as"),
        ("train.profile_steps", "13:10", "profile_steps='13:10': must be A:B"),
        ("train.profile_steps", "a:b", "profile_steps='a:b': must be A:B"),
        ("train.profile_steps", "0:3", "profile_steps='0:3': must be A:B"),
        ("train.profile_steps", "3:3", "profile_steps='3:3': must be A:B"),
        ("train.center_rate", 0.0, "more than 0 and at most 1"),
        ("model.system", "svm", "one of recognizer, deep_fusion, sift"),
        ("init.source", "torchvision", r"one of \(empty\), googlenet, vgg16, i3d_pytorch, "),
        ("init.path", "weights.pt", "config.init.source and config.init.path: set both or neither"),
        ("init.flow_path", "weights.pt", r"config.init.flow_path requires config.init.source"),
        ("init.flow_stem", "zero", "one of random, mean"),
        ("sift.encoder", "hog", "one of bof, fv, vlad"),
        ("sift.norm", "l1", "one of usual, whole, none"),
        ("model.aggregation_norm", "l1", "one of usual, whole, none"),
        ("sift.descriptors", 100, "at least 128"),
        ("sift.regularisation", 0.0, "must be more than 0"),
        ("data.skeleton_input", "bones", "one of joint, bone, joint_motion, bone_motion"),
        ("data.least_share", 0.0, "must be more than 0 and at most 1"),
        ("data.rotation", 200.0, "must be from 0 to 180 degrees"),
        ("model.assignment_alpha", 0.0, "must be more than 0"),
        ("model.hidden", -1, "at least 0"),
        ("model.powers", 0, "at least 1"),
        ("data.skeleton_input", "bone", "it is for skeletons; config.data.modality=rgb has none"),
        ("data.view_normalised", True, "it is for skeletons; config.data.modality=rgb has none"),
        ("data.rotation", 5.0, "it is for skeletons; config.data.modality=rgb has none"),
        ("data.sampling", "resampled", "sampling=resampled: it is for skeletons; .*=rgb has none"),
    ],
)
def test_invalid_values_are_rejected(field, value, message):
    config = configs.default()
    config.update_from_flattened_dict({field: value})
    with pytest.raises(UserError, match=message):
        config_checks.check(config)


def test_options_of_skeletons_are_refused_where_they_do_not_apply():
    def refused(message, **fields):
        config = configs.default()
        config.data.modality, config.model.skeleton = "skeleton", "ntu25"
        config.update_from_flattened_dict({k.replace("__", "."): v for k, v in fields.items()})
        with pytest.raises(UserError, match=message):
            config_checks.check(config)

    flat = r"of config\.model\.skeleton=openpose18 are places in a picture; only joints in metres"
    refused(flat, data__view_normalised=True, model__skeleton="openpose18")
    refused(flat, data__rotation=5.0, model__skeleton="openpose18")
    refused(r"rotation requires config\.data\.augment", data__rotation=5.0, data__augment=False)
    refused("must be 1, the whole video", data__sampling="resampled", eval__views=3)


@pytest.mark.parametrize("encoder", ["ln_lstm", "transformer", "none"])
def test_the_width_of_the_features_is_for_recurrent_encoders(encoder):
    config = configs.default()
    config.model.update(hidden=0, encoder="gru")
    config_checks.check(config)
    config.model.encoder = encoder
    with pytest.raises(UserError, match=f"hidden=0: must be at least 1 for the encoder {encoder}"):
        config_checks.check(config)


def test_a_mirror_requires_augmentation():
    config = configs.default()
    config.data.update(mirror=True, augment=False)
    with pytest.raises(UserError, match=r"data\.mirror requires config\.data\.augment"):
        config_checks.check(config)


def test_patience_requires_evaluations():
    config = configs.default()
    config.train.update(patience=2.0, eval_every=0.0)
    with pytest.raises(UserError, match=r"train\.patience requires config\.train\.eval_every"):
        config_checks.check(config)


def test_profiled_steps_leave_the_last_one_out():
    assert list(config_checks.profiled_steps("10:13")) == [10, 11, 12]
    assert not config_checks.profiled_steps("")
