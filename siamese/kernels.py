"""Which arithmetic made a result: the kernels that torch and oneDNN choose by the processor, or the GPU's level.

One processor adds in another order than the next: results of equal kernels are equal bit for bit,
those of different ones are near, and no more than that.
"""

import os
from collections.abc import Mapping

import torch

# What oneDNN chooses by, best first: a capability of the processor, and the name that ONEDNN_MAX_CPU_ISA has for it.
LEVELS = (
    ("amx_fp16", "AVX512_CORE_AMX_FP16"), ("amx_bf16", "AVX512_CORE_AMX"), ("avx512_fp16", "AVX512_CORE_FP16"),
    ("avx512_bf16", "AVX512_CORE_BF16"), ("avx512_vnni", "AVX512_CORE_VNNI"), ("avx512_bw", "AVX512_CORE"),
    ("avx_vnni", "AVX2_VNNI"), ("avx2", "AVX2"), ("avx", "AVX"), ("sse4_1", "SSE41"),
)  # fmt: skip
BF16 = tuple(name for flag, name in LEVELS if flag in ("amx_fp16", "amx_bf16", "avx512_fp16", "avx512_bf16"))
LIMIT = "ONEDNN_MAX_CPU_ISA"


def kernels(device: str) -> str:
    """Return the kernel level of a device as a short text, such as "AVX2, oneDNN AVX512_CORE" or "sm_90".

    Threads do not enter it: an encoder's vectors do not depend on their number.

    Args:
        device: "cpu" or "cuda".
    """
    if device == "cuda":
        major, minor = torch.cuda.get_device_capability()
        return f"sm_{major}{minor}"
    return f"{torch.backends.cpu.get_cpu_capability()}, oneDNN {onednn_level(_capabilities(), os.environ)}"


def has_bf16(device: str) -> bool:
    """Whether a device multiplies bfloat16 by itself, and is allowed to.

    Args:
        device: "cpu" or "cuda".
    """
    if device == "cuda":
        return torch.cuda.get_device_capability() >= (8, 0)
    return onednn_level(_capabilities(), os.environ) in BF16


def onednn_level(has: Mapping[str, object], environment: Mapping[str, str]) -> str:
    """Return the level that oneDNN works at: what the processor has, at most what the operator allows.

    oneDNN does not tell it, so it is worked out as oneDNN does (its "CPU Dispatcher Control"); an
    unknown word in the environment limits nothing. A processor of another make is "unknown".
    """
    names = [name for _, name in LEVELS]
    found = next((place for place, (flag, _) in enumerate(LEVELS) if has.get(flag)), None)
    if found is None:
        return "unknown"
    limit = environment.get(LIMIT, environment.get("DNNL_MAX_CPU_ISA", "")).upper()
    return names[max(found, names.index(limit))] if limit in names else names[found]


def _capabilities() -> Mapping[str, object]:
    ask = getattr(torch.cpu, "get_capabilities", dict)  # older torch has none
    found: Mapping[str, object] = ask()
    return found
