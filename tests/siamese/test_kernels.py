import os
import re
import subprocess
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from siamese.embedding import embed
from siamese.kernels import kernels, onednn_level
from siamese.manifest import Manifest
from siamese.recipe import recipe_for
from siamese.training.head import starter_of

ALL = {"amx_bf16": True, "avx512_bf16": True, "avx512_vnni": True, "avx512_bw": True, "avx2": True, "sse4_1": True}
OLD = {"avx512_bw": False, "avx2": True, "sse4_1": True}
LIMITS = ("SSE41", "")
NEAR = 1e-5  # of each number of a vector; float32 rounding through a network comes to about 1e-7


def test_level_is_the_processors_best_and_at_most_what_the_environment_allows():
    assert onednn_level(ALL, {}) == "AVX512_CORE_AMX"
    assert onednn_level(OLD, {}) == "AVX2"
    assert onednn_level(ALL, {"ONEDNN_MAX_CPU_ISA": "avx512_core"}) == "AVX512_CORE"
    assert onednn_level(ALL, {"DNNL_MAX_CPU_ISA": "SSE41"}) == "SSE41"
    assert onednn_level(OLD, {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}) == "AVX2"  # nothing is lent
    assert onednn_level(OLD, {"ONEDNN_MAX_CPU_ISA": "ALL"}) == "AVX2"
    assert onednn_level({}, {}) == "unknown"


def test_level_of_this_processor_is_one_short_text_whatever_the_threads(monkeypatch):
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    before = kernels("cpu")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert kernels("cpu") == before
    assert re.fullmatch(r"[A-Z0-9 ]+, oneDNN [A-Z0-9_a-z]+", before)


CHILD = """
import sys
import numpy as np
from siamese.embedding import embed
from siamese.training.head import starter_of
from siamese.kernels import kernels
tensors, out = np.load(sys.argv[1]), sys.argv[2]
np.savez(out, **{cover: embed(starter_of("small", cover), list(tensors[cover])) for cover in tensors})
print(kernels("cpu"))
"""


def vectors_by(limit: str, tensors: Path) -> tuple[str, dict[str, np.ndarray]]:
    """Level and vectors, by cover, of a process whose oneDNN may use at most `limit`."""
    environment = {name: value for name, value in os.environ.items() if name != "ONEDNN_MAX_CPU_ISA"}
    words = [sys.executable, "-c", CHILD, str(tensors), str(tensors.with_name("v.npz"))]
    limited = environment | ({"ONEDNN_MAX_CPU_ISA": limit} if limit else {})
    told = subprocess.run(words, env=limited, check=True, capture_output=True, text=True)
    return told.stdout.split("\n")[0], dict(np.load(words[-1]))


def test_vectors_of_two_kernel_levels_are_near_and_those_of_one_are_equal(tmp_path):
    rng = np.random.default_rng(3)
    tensors = {cover: rng.random((2, 1, *recipe_for(cover).shape), dtype=np.float32) for cover in ("2d", "3d")}
    np.savez(tmp_path / "t.npz", **tensors)
    found = [vectors_by(limit, tmp_path / "t.npz") for limit in LIMITS]
    found.append(
        (kernels("cpu"), {cover: embed(starter_of("small", cover), list(some)) for cover, some in tensors.items()})
    )
    for (level, ours), (other, theirs) in combinations(found, 2):
        for cover in tensors:
            if level == other:
                assert ours[cover].tobytes() == theirs[cover].tobytes()
            assert np.abs(ours[cover] - theirs[cover]).max() < NEAR


def test_manifest_tells_the_level_and_one_of_before_is_read_without(tmp_path):
    manifest = replace(starter_of("small", "2d").manifest, kernels="AVX2, oneDNN AVX2")
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert manifest.fingerprint() == manifest.id  # where it was trained is no part of the name
    text = re.sub(r' "kernels": ".*",?\n', "", manifest.to_json())
    assert "kernels" not in text
    assert Manifest.from_json(text).kernels == ""
    with pytest.raises(ValueError, match="missing or unknown"):
        Manifest.from_json(text.replace('"recipe":', '"recipes":'))
