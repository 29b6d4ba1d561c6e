"""How a trunk is worked out: by torch in float32, or faster by other means, whose vectors are no others' equals.

Engine and precision are part of an encoder's name (siamese.manifest), so vectors of two of them never meet. The head
and the length are always torch's, in float32. An encoder that learns by gradient does so as torch float32.
"""

import sys
import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from functools import lru_cache
from typing import Any

import torch

from siamese.choices import missing_engine
from siamese.encoder import Encoder, sign
from siamese.kernels import has_bf16, kernels
from siamese.limits import Engine, Precision, refusal
from siamese.manifest import EncoderMismatch

Trunk = Callable[[torch.Tensor], torch.Tensor]


class ArithmeticMissing(EncoderMismatch):
    """This machine cannot work as an encoder's name says."""


def worked_by(encoder: Encoder, engine: Engine, precision: Precision) -> Encoder:
    """Return the encoder under the name that it has with an engine and a precision."""
    manifest = encoder.manifest
    if (manifest.engine, manifest.precision) != (engine, precision):
        sign(encoder, replace(manifest, engine=engine, precision=precision, created_utc=""))
    return encoder


def arithmetic_refusal(engine: str, precision: str, device: str) -> str:
    """Return why a device ("cpu" or "cuda") of this machine cannot work so; "" when it can."""
    if why := refusal("engine", engine) or refusal("precision", precision):
        return why
    if engine == "openvino" and device != "cpu":
        return 'OpenVINO works on the CPU here: set [siamese] device to "cpu" or "auto"'
    if engine == "openvino" and (why := missing_engine(engine)):
        return why
    if precision == "bf16" and not has_bf16(device):
        return f"bf16 needs a processor that has it, oneDNN AVX512_CORE_BF16 or above; here it is {kernels(device)}"
    return ""


def trunk_of(encoder: Encoder, shape: tuple[int, ...], place: torch.device) -> Trunk:
    """Return what makes features, float32, of batches of one shape, as the encoder's name says.

    Raises:
        ArithmeticMissing: This machine cannot do that.
    """
    manifest = encoder.manifest
    if why := arithmetic_refusal(manifest.engine, manifest.precision, place.type):
        raise ArithmeticMissing(f"encoder {manifest.id}: {why}")
    if manifest.engine == "openvino":
        return by_openvino(encoder, shape, manifest.precision, torch.get_num_threads())
    return in_bf16(encoder, place.type) if manifest.precision == "bf16" else encoder.backbone


@lru_cache(maxsize=2)
def in_bf16(encoder: Encoder, device: str) -> Trunk:
    """Return the trunk with weights, sums and features rounded to bfloat16."""
    network = deepcopy(encoder.backbone).to(device, torch.bfloat16)
    return lambda scans: network(scans.to(torch.bfloat16)).float()


@lru_cache(maxsize=2)
def by_openvino(encoder: Encoder, shape: tuple[int, ...], precision: str, threads: int) -> Trunk:
    """Return the trunk compiled by OpenVINO for this CPU, in memory; nothing is fetched, told or written."""
    openvino = _without_telemetry()
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # torch.jit.trace is deprecated, and warns of shapes that are fixed here
        model = openvino.convert_model(encoder.backbone, example_input=torch.zeros(shape), input=[shape])
    settings = {
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",  # its own choice depends on the processor
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
    }
    compiled = openvino.Core().compile_model(model, "CPU", settings)
    return lambda scans: torch.from_numpy(compiled(scans.numpy())[0].copy())


def _without_telemetry() -> Any:
    """Import OpenVINO without its telemetry, which would call home at once; it has a stub for where that is missing."""
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    return openvino
