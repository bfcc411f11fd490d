from jaxvid.data.skeleton_files import FORMATS, POSES
from jaxvid.skeletons import SKELETONS


def test_formats_have_joints_that_exist():
    assert {name: f.joints for name, f in FORMATS.items() if POSES not in name} == {
        "embedded": "figure18",
        "ntu60": "ntu25",
        "ntu120": "ntu25",
        "kinetics_skeleton": "openpose18",
        "utd_mhad": "kinect20",
        "northwestern_ucla": "kinect20",
        "msr_action3d": "kinect20",
    }
    assert {f.joints for name, f in FORMATS.items() if POSES in name} == set(SKELETONS)
    assert SKELETONS["ntu25"].centre == 20
    assert SKELETONS["openpose18"].centre == 1
