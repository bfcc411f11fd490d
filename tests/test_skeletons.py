from jaxvid.skeletons import SKELETONS


def test_bones_make_a_tree_of_all_joints_that_mirrors_onto_itself():
    for skeleton in SKELETONS.values():
        joints = range(len(skeleton.joints))
        assert len(skeleton.bones) == len(joints) - 1
        assert {joint for bone in skeleton.bones for joint in bone} == set(joints)
        turned = {frozenset(skeleton.mirrored[j] for j in bone) for bone in skeleton.bones}
        assert turned == {frozenset(bone) for bone in skeleton.bones}
        assert all(skeleton.mirrored[skeleton.mirrored[joint]] == joint for joint in joints)
        assert skeleton.mirrored[skeleton.joints.index("left_knee")] == skeleton.joints.index(
            "right_knee"
        )
