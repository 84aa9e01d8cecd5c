"""A FAKE of nvidia-ml-py for tests: the real module's constants and errors, made-up GPUs behind its calls."""

import types

import pynvml

REAL = ("NVML_", "nvmlMemory_v2", "nvmlEventType")


class FakeGpu:
    """Answers by call name; a call without an answer is not supported."""

    def __init__(self, **answers):
        self.answers = answers


def make(gpus, driver="590.48.01", init_error=None):
    """A module-like object over these FakeGpus (or NVMLError codes for handles that cannot be had)."""
    nv = types.SimpleNamespace(**{n: getattr(pynvml, n) for n in dir(pynvml) if n.startswith(REAL)})
    nv.NVMLError = pynvml.NVMLError
    nv.NVMLLibraryMismatchError = pynvml.NVMLLibraryMismatchError
    nv.inits = 0

    def init():
        nv.inits += 1
        if nv.init_error is not None:
            raise pynvml.NVMLError(nv.init_error)

    def handle(index):
        if isinstance(gpus[index], int):
            raise pynvml.NVMLError(gpus[index])
        return gpus[index]

    def field_values(gpu, ids):
        known = gpu.answers.get("fields", {})
        return [_field(known.get(i[0] if isinstance(i, tuple) else i)) for i in ids]

    nv.init_error = init_error
    nv.nvmlInit, nv.nvmlShutdown = init, lambda: None
    nv.nvmlSystemGetDriverVersion = lambda: driver
    nv.nvmlDeviceGetCount = lambda: len(gpus)
    nv.nvmlDeviceGetHandleByIndex = handle
    nv.nvmlDeviceGetFieldValues = field_values
    nv.nvmlSystemGetProcessName = lambda pid: f"/usr/bin/prog{pid}"
    for name in dir(pynvml):
        if name.startswith("nvmlDeviceGet") and not hasattr(nv, name):
            setattr(nv, name, _call(name))
    return nv


def _call(name):
    def call(gpu, *arguments, **_):
        answer = gpu.answers.get(name.removeprefix("nvmlDeviceGet"), pynvml.NVML_ERROR_NOT_SUPPORTED)
        if callable(answer):
            return answer(*arguments)
        if isinstance(answer, Failure):
            raise pynvml.NVMLError(answer.code)
        if answer == pynvml.NVML_ERROR_NOT_SUPPORTED and name.removeprefix("nvmlDeviceGet") not in gpu.answers:
            raise pynvml.NVMLError(answer)
        return answer

    return call


class Failure:
    """An answer that is an NVML error."""

    def __init__(self, code):
        self.code = code


def _field(value):
    if value is None:
        return types.SimpleNamespace(nvmlReturn=pynvml.NVML_ERROR_NOT_SUPPORTED, valueType=0, value=None)
    kind = pynvml.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG
    return types.SimpleNamespace(
        nvmlReturn=pynvml.NVML_SUCCESS, valueType=kind, value=types.SimpleNamespace(ullVal=value)
    )
