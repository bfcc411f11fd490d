"""Times of a trace find the layers that they belong to."""

import pytest
import step_layers
from step_layers import Operation, by_layer

PROGRAM = """
%fused (p: f32[2]) -> f32[2] {
  ROOT %max.7 = f32[2]{0} maximum(p, zero), metadata={op_name="jit(f)/jvp(Recognizer)/pooling/max"}
}
ENTRY %main {
  %loop_fusion.1 = f32[2]{0} fusion(a), metadata={op_name="jit(f)/jvp(Recognizer)/backbone/conv_1a/norm/max"}
  %conv.3 = f32[2]{0} custom-call(b), metadata={op_name="jit(f)/transpose(jvp(Recognizer))/backbone/mixed_3b/branch_1/conv/conv_general_dilated"}
  %dot.9 = f32[2]{0} dot(c), metadata={op_name="jit(f)/jvp(Recognizer)/classifier/dot_general"}
  %pad.5 = f32[2]{0} pad(d), metadata={op_name="jit(f)/jvp(Recognizer)/backbone/jit(_pad)/pad"}
  ROOT %add.2 = f32[2]{0} add(d), metadata={op_name="jit(f)/add" source_line=3}
}
"""  # noqa: E501


@pytest.mark.parametrize(
    "operation, layer, column",
    [
        (Operation("loop_fusion.1", "loop_fusion.1", 2.0), "backbone/conv_1a", "rest forward"),
        (Operation("conv.3", "any kernel", 2.0), "backbone/mixed_3b", "products backward"),
        (Operation("conv.3", "nhwcAddPadding", 2.0), "backbone/mixed_3b", "products backward"),
        (Operation("dot.9", "dot.9", 2.0), "classifier", "products forward"),
        (Operation("pad.5", "pad.5", 2.0), "backbone", "rest forward"),
        (Operation("add.2", "add.2", 2.0), "other", "rest forward"),
        # In a CUDA graph, where the kernel alone has a name.
        (Operation("command_buffer_1", "loop_fusion_1", 2.0), "backbone/conv_1a", "rest forward"),
        (Operation("command_buffer_1", "nvjet_sm90_tst", 2.0), "other", "products forward"),
    ],
)
def test_an_operation_counts_for_its_layer_and_pass(operation, layer, column):
    expected = [2.0 if name == column else 0.0 for name in step_layers.COLUMNS]
    assert by_layer([operation], PROGRAM) == {layer: expected}


def test_times_add_up():
    operations = [Operation("conv.3", "a", 1.0), Operation("conv.3", "b", 0.5)]
    operations.append(Operation("dot.9", "dot.9", 2.0))
    assert by_layer(operations, PROGRAM) == {
        "backbone/mixed_3b": [0.0, 1.5, 0.0, 0.0],
        "classifier": [2.0, 0.0, 0.0, 0.0],
    }
    assert "| **all** | 2.00 | 1.50 | 0.00 | 0.00 | 3.50 |" in step_layers.table(
        by_layer(operations, PROGRAM)
    )
