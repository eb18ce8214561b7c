"""An ONNX model from elsewhere is refused before a runtime sees it."""

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from sasa_nas.errors import UserError
from sasa_nas.exporting.foreign import ForeignFileError
from sasa_nas.exporting.onnx_graph import checked_model


def model() -> ModelProto:
    """A convolution, as the exporter would write it."""
    weight = numpy_helper.from_array(np.ones((4, 3, 1, 1), np.float32), "weight")
    node = helper.make_node("Conv", ["images", "weight"], ["logits"], name="conv", kernel_shape=[1, 1])
    graph = helper.make_graph(
        [node],
        "main",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 4, 8, 8])],
        [weight],
    )
    return helper.make_model(graph, producer_name="pytorch", opset_imports=[helper.make_opsetid("", 20)])


def operator(name: str) -> Callable[[ModelProto], None]:
    def change(given: ModelProto) -> None:
        given.graph.node[0].op_type = name

    return change


def domain(given: ModelProto) -> None:
    given.graph.node[0].domain = "com.microsoft"


def library(given: ModelProto) -> None:
    given.opset_import.append(helper.make_opsetid("mine", 1))


def external(given: ModelProto) -> None:
    tensor = given.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../etc/passwd")


def hidden_external(given: ModelProto) -> None:
    """In an attribute, where readers of initializers do not look."""
    constant = TensorProto(data_type=1, dims=[1], name="x", data_location=TensorProto.EXTERNAL)
    given.graph.node[0].attribute.append(helper.make_attribute("value", constant))


def branch(given: ModelProto) -> None:
    given.graph.node[0].attribute.append(helper.make_attribute("then_branch", given.graph))


def function(given: ModelProto) -> None:
    given.functions.append(helper.make_function("mine", "Conv", ["x"], ["x"], [], [helper.make_opsetid("", 20)]))


def training(given: ModelProto) -> None:
    given.training_info.add()


def sparse(given: ModelProto) -> None:
    given.graph.sparse_initializer.add()


def sequence(given: ModelProto) -> None:
    given.graph.input[0].type.sequence_type.elem_type.tensor_type.elem_type = 1


def text(given: ModelProto) -> None:
    given.graph.initializer.append(TensorProto(data_type=TensorProto.STRING, dims=[1], string_data=[b"x"]))


def large(given: ModelProto) -> None:
    given.graph.initializer[0].dims[:] = [10**9, 10**9]


def negative(given: ModelProto) -> None:
    given.graph.initializer[0].dims[:] = [-4, -3]


def unknown(given: ModelProto) -> None:
    # field 999, a number
    given.MergeFromString(bytes([0b10111000 | 0, 0b00111110, 1]))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (operator("Loop"), "the operator 'Loop'"),
        (operator("If"), "the operator 'If'"),
        (operator("StringNormalizer"), "the operator 'StringNormalizer'"),
        (operator("\x1b[2J\u202e"), r"the operator '\\x1b\[2J\\u202e'"),
        (domain, "a NodeProto with domain"),
        (library, "a OperatorSetIdProto with domain"),
        (external, "a TensorProto with (data_location|external_data)"),
        (hidden_external, "a AttributeProto with t"),
        (branch, "a AttributeProto with g"),
        (function, "a ModelProto with functions"),
        (training, "a ModelProto with training_info"),
        (sparse, "a GraphProto with sparse_initializer"),
        (sequence, "a TypeProto with sequence_type"),
        (text, "a TensorProto with string_data"),
        (large, "the tensor 'weight' whose shape"),
        (negative, "the tensor 'weight' whose shape"),
        (unknown, "fields of no known meaning"),
    ],
)
def test_what_could_do_more_than_compute_is_refused(change: Callable[[ModelProto], None], words: str) -> None:
    given = model()
    change(given)
    with pytest.raises(ForeignFileError, match=rf"^model\.onnx holds {words}"):
        checked_model("model.onnx", given.SerializeToString())


def test_what_is_accepted_is_the_same_model() -> None:
    given = model()
    assert onnx.load_from_string(checked_model("model.onnx", given.SerializeToString())) == given


@pytest.mark.parametrize("content", [b"junk", model().SerializeToString()[:-20]])
def test_damage_is_named(content: bytes) -> None:
    with pytest.raises(UserError, match=r"^model\.onnx is damaged or no ONNX model") as caught:
        checked_model("model.onnx", content)
    assert not isinstance(caught.value, ForeignFileError)
