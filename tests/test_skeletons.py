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


def test_parents_lead_to_the_centre_on_the_shortest_way():
    for skeleton in SKELETONS.values():
        assert skeleton.parents[skeleton.centre] == skeleton.centre
        edges = {frozenset(edge) for edge in skeleton.edges}
        for joint in range(len(skeleton.joints)):
            seen = [joint]
            while (parent := skeleton.parents[seen[-1]]) != seen[-1]:
                assert {frozenset((seen[-1], parent))} <= edges
                seen.append(parent)
            assert seen[-1] == skeleton.centre and len(set(seen)) == len(seen)


def test_axes_are_the_spine_from_below_and_the_shoulders_from_the_left():
    for skeleton in SKELETONS.values():
        assert skeleton.y_is_up == bool(skeleton.axes)
        if skeleton.axes:
            (bottom, top), (left, right) = skeleton.axes
            assert skeleton.joints[bottom] in ("spine_base", "hip_center")
            assert skeleton.joints[top] in ("spine_shoulder", "shoulder_center")
            assert (skeleton.joints[left], skeleton.joints[right]) == (
                "left_shoulder",
                "right_shoulder",
            )
            assert skeleton.mirrored[left] == right
