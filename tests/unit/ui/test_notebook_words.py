"""What the editor of a cell offers."""

from __future__ import annotations

from watchdog.model.metrics import BY_EXPORTED_NAME
from watchdog.model.notebook import Notebook, Parameter, ParameterKind
from watchdog.services.notebook import editing
from watchdog.ui.notebook_words import promql_completion


def test_promql_is_completed_with_parameters_functions_and_the_names_that_exporters_give():
    notebook = editing.add(Notebook("nb", "", "ann"), Parameter("node", ParameterKind.NODE, "gpu01"))
    words = {name: (what, about) for name, what, about in promql_completion(notebook).words}
    assert words["$node"] == ("node", "gpu01")
    assert words["rate"][0] == "function"
    assert {*BY_EXPORTED_NAME} <= {*words}
    [(temperature, _)] = BY_EXPORTED_NAME["DCGM_FI_DEV_GPU_TEMP"]
    assert words["DCGM_FI_DEV_GPU_TEMP"] == ("metric", temperature.definition)
