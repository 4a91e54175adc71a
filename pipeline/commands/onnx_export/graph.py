"""An ONNX graph that grows node by node.

Values are referred to by name. A value of four dimensions is (n, channels, height, width), as ONNX
has it; Keras has the channels last, and `Graph.last` and `Graph.first` exchange them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 18
"""Of January 2023; ONNX Runtime reads it from version 1.14 on."""
IR_VERSION = 8


class Graph:
    """Nodes and constants so far."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output, and return the name of that.

        Args:
            kind: of ONNX, such as ``Conv``.
            inputs: names of values.
            attributes: of the node; those that are None are left out.
        """
        name = f"{kind.lower()}_{len(self._nodes)}"
        given = {key: value for key, value in attributes.items() if value is not None}
        self._nodes.append(helper.make_node(kind, inputs, [name], name=name, **given))
        return name

    def named(self, value: str, name: str) -> str:
        """Give a value a name, by which it can be an output."""
        self._nodes.append(helper.make_node("Identity", [value], [name], name=name))
        return name

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        """Add an array, float32 unless told otherwise, and return its name."""
        name = f"constant_{len(self._constants)}"
        array = np.ascontiguousarray(np.asarray(values, dtype=dtype))
        # `ascontiguousarray` makes a vector of a number.
        array = array.reshape(np.shape(values))
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def integers(self, values: Sequence[int]) -> str:
        """Add a vector of int64, as shapes and axes are."""
        return self.constant(values, np.int64)

    def first(self, value: str) -> str:
        """Move the channels of a value of four dimensions from the end to the front."""
        return self.add("Transpose", value, perm=[0, 3, 1, 2])

    def last(self, value: str) -> str:
        """Move the channels of a value of four dimensions from the front to the end."""
        return self.add("Transpose", value, perm=[0, 2, 3, 1])

    def scaled(self, value: str, factor: NDArray | float, offset: NDArray | float) -> str:
        """Return value · factor + offset; both broadcast to the value."""
        product = self.add("Mul", value, self.constant(factor))
        return self.add("Add", product, self.constant(offset))

    def model(
        self,
        image_shape: tuple[int, int, int],
        outputs: Mapping[str, int],
        metadata: Mapping[str, str],
    ) -> onnx.ModelProto:
        """Return the checked model; its input ``pixels`` is (n, height, width, channels) uint8.

        Args:
            image_shape: (height, width, channels).
            outputs: the name and the width of each output, (n, width) float32.
            metadata: of the model.
        """
        pixels = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", *image_shape])
        made = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])
            for name, width in outputs.items()
        ]
        graph = helper.make_graph(self._nodes, "run", [pixels], made, self._constants)
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
        helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model)
        return model
