import base64

import cv2
import numpy as np
import pytest

from jaxvid.classical.experiment import whole_frames
from jaxvid.data import augment, loading, pipeline
from jaxvid.experiment.data import PreparedData
from jaxvid.report import clips, preview


def footage(config) -> PreparedData:
    dataset = loading.load(config.data)
    return PreparedData(config, dataset, loading.open_records(dataset, config.data))


@pytest.mark.parametrize("fields", [{}, {"data.fps": 10.0}, {"data.sampling": "interval"}])
def test_the_frames_are_those_that_an_evaluation_reads(tiny, fields):
    tiny.update_from_flattened_dict(fields)
    source = footage(tiny)
    clip = source.clips("test")[0].id
    shown = clips.pictures(source, clip, count=5)
    assert (len(shown.frames), shown.total) == (5, tiny.data.num_frames)
    settings = loading.clip_settings(tiny)
    [read] = pipeline.eval_clip(source.source[clip], settings, views=1)
    [(modality, record)] = source.source[clip]
    crop = augment.center_crop(*shown.frames.shape[1:3], settings.image_size)
    cut = [modality.cut(frame, lambda *_: crop, settings.image_size) for frame in shown.frames]
    np.testing.assert_array_equal(cut, read[shown.places])
    if not fields:
        assert shown.seconds == pytest.approx(tiny.data.num_frames / record.fps)


def test_frames_of_a_classical_system_are_those_it_describes(tiny):
    tiny.model.system = "sift"
    tiny.sift.frames = 3
    source = footage(tiny)
    clip = source.clips("test")[0].id
    shown = clips.pictures(source, clip)
    np.testing.assert_array_equal(shown.frames, whole_frames(source.source[clip], tiny.sift))


def test_a_sprite_has_all_frames_side_by_side(tiny):
    source = footage(tiny)
    ids = [clip.id for clip in source.clips("test")]
    for clip, sprite in zip(ids, clips.sprites(source, ids, 4), strict=True):
        head, _, data = sprite.uri.partition(",")
        assert head == "data:image/webp;base64"
        strip = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR_RGB)
        assert strip.shape == (sprite.height, 4 * sprite.width, 3)
        frames = clips.pictures(source, clip, 4).frames
        for place, frame in enumerate(frames):
            own = strip[:, place * sprite.width : (place + 1) * sprite.width]
            assert np.abs(own.astype(int) - frame).mean() < 12  # it is compressed


def test_large_frames_are_made_smaller():
    frames = np.zeros((2, 480, 640, 3), np.uint8)
    sprite = clips.as_sprite(clips.Pictures(frames, np.arange(2), 2, 1.0))
    assert (sprite.width, sprite.height) == (128, clips.HEIGHT)


def test_of_several_streams_the_one_that_people_read_is_shown(each_stream):
    source = footage(each_stream)
    clip = source.clips("test")[0].id
    shown = clips.pictures(source, clip, count=3)
    modality, record = source.source[clip][0]
    frames = modality.read(record.frames, np.arange(len(record.frames)))
    assert frames.any()
    if each_stream.data.modality == "skeleton":
        assert shown.frames.shape == (3, preview.SIDE, preview.SIDE, 3)
        assert (shown.frames != 255).any(axis=(1, 2, 3)).all()
    else:
        assert all(any(np.array_equal(frame, each) for each in frames) for frame in shown.frames)


def test_flow_alone_is_shown_in_colours(tiny):
    tiny.data.modality = "flow"
    source = footage(tiny)
    [picture, *_] = clips.pictures(source, source.clips("test")[0].id, count=3).frames
    assert picture.shape[-1] == 3
    assert (picture.max(-1) > picture.min(-1)).any()
