from jaxvid.skeletons import SKELETONS


def test_edges_make_a_tree_of_all_joints_that_mirrors_onto_itself():
    for skeleton in SKELETONS.values():
        joints = range(len(skeleton.joints))
        assert len(skeleton.edges) == len(joints) - 1
        assert {joint for edge in skeleton.edges for joint in edge} == set(joints)
        turned = {frozenset(skeleton.mirrored[j] for j in edge) for edge in skeleton.edges}
        assert turned == {frozenset(edge) for edge in skeleton.edges}
        assert all(skeleton.mirrored[skeleton.mirrored[joint]] == joint for joint in joints)
        assert skeleton.mirrored[skeleton.joints.index("left_knee")] == skeleton.joints.index(
            "right_knee"
        )
