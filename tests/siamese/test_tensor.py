import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from scans.outcome import ConstantImage, NotFinite
from siamese.recipe import Recipe, Spacing, Window, recipe_for
from siamese.tensor import BadTensor, from_levels, load_tensor, save_tensor, to_levels, to_tensor, triangle_weights

CT = (Window("ct", "value", -1000.0, 400.0), Window("", "percentile", 1.0, 99.0))
BODY = recipe_for("3d")
PLAIN = Recipe("plain", "3d", (4, 4, 4), (Spacing("", (1.0, 1.0, 1.0)),), CT, 1)


def noise(shape, seed=0, low=-1000.0, high=400.0):
    return np.random.default_rng(seed).uniform(low, high, shape).astype(np.float32)


def test_same_grid_is_only_windowed(make_volume):
    voxels = noise((4, 4, 4), low=-1200.0, high=600.0)
    expected = np.clip((voxels + 1000.0) / 1400.0, 0.0, 1.0)
    np.testing.assert_allclose(to_tensor(make_volume(voxels), PLAIN)[0], expected, atol=1e-6)


def test_weights_equal_a_slow_loop_over_the_triangle():
    for n_in, step_in, n_out, step_out in ((7, 2.0, 5, 3.1), (5, 4.0, 9, 1.5), (1, 1.0, 3, 1.0)):
        weights = triangle_weights(n_in, step_in, n_out, step_out).toarray()
        for j in range(n_out):
            centre = (j - (n_out - 1) / 2) * step_out
            reach = max(step_in, step_out)
            everywhere = range(-50, 50 + n_in)
            heights = {i: max(0.0, 1 - abs((i - (n_in - 1) / 2) * step_in - centre) / reach) for i in everywhere}
            expected = [heights[i] / sum(heights.values()) for i in range(n_in)]
            np.testing.assert_allclose(weights[j], expected, atol=1e-6)


def test_a_ramp_stays_a_ramp_through_resampling(make_volume):
    ramp = np.broadcast_to(np.linspace(-900.0, 300.0, 40, dtype=np.float32), (40, 40, 40))
    recipe = replace(PLAIN, shape=(4, 4, 8), spacings=(Spacing("", (3.0, 3.0, 2.5)),))
    row = to_tensor(make_volume(ramp), recipe)[0, 2, 2]
    places_mm = (np.arange(8) - 3.5) * 2.5
    hounsfield = -300.0 + places_mm * 1200.0 / 39
    np.testing.assert_allclose(row, (hounsfield + 1000) / 1400, atol=5e-4)


def test_fine_patterns_are_averaged_not_aliased(make_volume):
    stripes = np.where(np.arange(64) % 2, 400.0, -1000.0)  # finer than the output can show
    volume = make_volume(np.broadcast_to(stripes, (16, 16, 64)))
    tensor = to_tensor(volume, replace(PLAIN, shape=(2, 2, 14), spacings=(Spacing("", (4.0, 4.0, 5.3)),)))
    assert np.abs(tensor[0, :, :, 2:-2] - 0.5).max() < 0.03


def test_outside_of_the_scan_is_air_and_the_scan_is_centred(make_volume):
    voxels = np.full((2, 2, 2), 400.0)
    voxels[0, 0, 0] = -300.0
    tensor = to_tensor(make_volume(voxels), PLAIN)[0]
    inside = np.zeros((4, 4, 4))
    inside[1:3, 1:3, 1:3] = 1.0
    inside[1, 1, 1] = 0.5
    assert np.array_equal(tensor, inside)


def test_metal_counts_as_bone_and_does_not_spread(make_volume):
    voxels = np.full((8, 8, 8), -1000.0)
    voxels[4, 4, 4] = 30000.0
    metal, bone = (
        to_tensor(make_volume(np.minimum(voxels, top)), replace(PLAIN, spacings=(Spacing("", (2.0, 2.0, 2.0)),)))
        for top in (30000, 400)
    )
    assert np.array_equal(metal, bone)


def test_storage_order_and_direction_do_not_matter(make_volume):
    volume = make_volume(noise((6, 7, 8)), (3.0, 2.0, 2.0))
    turned = volume._turned((2, 0, 1), (True, False, True))
    assert not np.array_equal(turned.voxels.shape, volume.voxels.shape)
    assert np.array_equal(to_tensor(turned, BODY), to_tensor(volume, BODY))


def test_finer_sampling_of_one_body_gives_nearly_one_tensor(make_volume):
    def body(step):
        z, y, x = np.meshgrid(*[np.arange(-60, 60 + step / 2, step)] * 3, indexing="ij")
        return np.clip(40.0 - 20.0 * (np.sqrt(z**2 + y**2 + x**2) - 40.0), -1000.0, 300.0)

    coarse, fine = (to_tensor(make_volume(body(s), (s, s, s)), BODY) for s in (4.0, 2.0))
    assert np.abs(coarse - fine).max() < 0.1


def test_mr_does_not_depend_on_the_scale_of_its_numbers(make_volume):
    voxels = noise((8, 16, 16), low=0.0, high=500.0)
    volumes = (make_volume(v, (8, 5, 5), "mr/head/3d/t1") for v in (voxels, voxels * 7 + 90))
    first, second = (to_tensor(v, BODY) for v in volumes)
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_one_hot_pixel_does_not_darken_a_projection(make_volume):
    picture = noise((1, 200, 160), low=100.0, high=900.0)
    hot = picture.copy()
    hot[0, 0, 0] = 1e6
    recipe = recipe_for("2d")
    plain, spoilt = (to_tensor(make_volume(v, key="xr/chest/2d/frontal"), recipe) for v in (picture, hot))
    assert np.abs(plain - spoilt).mean() < 1e-3


def test_projection_keeps_its_proportions_with_uneven_pixels(make_volume):
    # 64 x 100 pixels of 2 x 1 mm are 128 x 100 mm: the rows are the long side and fill the grid
    volume = make_volume(noise((1, 64, 100), low=500, high=900), (1.0, 2.0, 1.0), "xr/chest/2d/frontal")
    shown = to_tensor(volume, recipe_for("2d"))[0] > 0
    assert shown.any(axis=1).sum() >= 127
    assert 98 <= shown.any(axis=0).sum() <= 102


def test_bits_do_not_depend_on_the_number_of_threads(make_volume):
    script = (
        "import hashlib, numpy as np; from siamese.tensor import triangle_weights as w;"
        "a = np.random.default_rng(0).random((60, 40000), dtype=np.float32);"
        "print(hashlib.sha256((w(60, 2.0, 32, 8.0) @ a).tobytes()).hexdigest())"
    )
    found = set()
    for n_threads in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True,
            env={"OMP_NUM_THREADS": n_threads, "OPENBLAS_NUM_THREADS": n_threads, "PYTHONPATH": "."},
        )  # fmt: skip
        found.add(ran.stdout)
    assert len(found) == 1


def test_shape_dtype_and_range(make_volume):
    for key, shape in (
        ("ct/chest/3d", (9, 30, 40)),
        ("mr/head/3d/t2", (9, 30, 40)),
        ("xr/a/2d/b", (1, 30, 40)),
    ):
        recipe = recipe_for("2d" if "2d" in key else "3d")
        tensor = to_tensor(make_volume(noise(shape, high=3000.0), (5, 4, 4), key), recipe)
        assert tensor.shape == (1, *recipe.shape)
        assert tensor.dtype == np.float32
        assert tensor.flags.c_contiguous
        assert tensor.min() >= 0.0
        assert tensor.max() <= 1.0


def test_the_volume_is_left_as_it_was(make_volume):
    voxels = noise((8, 8, 8))
    before = voxels.copy()
    to_tensor(make_volume(voxels), BODY)
    assert np.array_equal(voxels, before)


@pytest.mark.parametrize("key", ["ct/chest/3d", "mr/head/3d/t1"])
def test_constant_volume_is_refused(make_volume, key):
    with pytest.raises(ConstantImage):
        to_tensor(make_volume(np.full((5, 5, 5), 40.0), key=key), BODY)


def test_values_that_are_no_numbers_are_refused(make_volume):
    voxels = noise((5, 5, 5))
    voxels[2, 2, 2] = np.nan
    with pytest.raises(NotFinite):
        to_tensor(make_volume(voxels), BODY)


def test_recipe_of_the_other_cover_is_refused(make_volume):
    with pytest.raises(ValueError, match="covers 2d"):
        to_tensor(make_volume(noise((5, 5, 5))), recipe_for("2d"))


def test_stored_tensor_comes_back_bit_for_bit(tmp_path):
    tensor = noise((1, *BODY.shape), low=0, high=1)
    save_tensor(tmp_path / "a.npy", tensor)
    assert np.array_equal(load_tensor(tmp_path / "a.npy", BODY), tensor)
    assert [p.name for p in tmp_path.iterdir()] == ["a.npy"]


def test_failed_write_leaves_the_former_tensor(tmp_path, monkeypatch):
    path = tmp_path / "a.npy"
    save_tensor(path, np.zeros((1, 2, 2), np.float32))

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_tensor(path, np.ones((1, 2, 2), np.float32))
    assert load_tensor(path).max() == 0.0
    assert [p.name for p in tmp_path.iterdir()] == ["a.npy"]


@pytest.mark.parametrize("damage", ["short", "empty", "junk", "pickle", "shape", "float64", "nan", "range"])
def test_damaged_tensor_is_refused_with_the_next_step(tmp_path, damage):
    path = tmp_path / "a.npy"
    good = np.zeros((1, *BODY.shape), np.float32)
    save_tensor(path, good)
    content = path.read_bytes()
    if damage in ("short", "empty", "junk"):
        path.write_bytes({"short": content[:-100], "empty": b"", "junk": b"hello"}[damage])
    else:
        bad = {
            "pickle": np.array([{}], dtype=object), "shape": good[:, :3], "float64": good.astype(np.float64),
            "nan": np.full_like(good, np.nan), "range": good + 2,
        }[damage]  # fmt: skip
        np.save(path, bad, allow_pickle=True)
    with pytest.raises(BadTensor, match=r"a\.npy.*run ingest again"):
        load_tensor(path, BODY)


def test_no_torch_is_needed_to_make_a_tensor():
    script = "import sys, siamese.tensor, siamese.recipe; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_a_head_is_seen_larger_than_a_chest(make_volume):
    ball = np.zeros((40, 40, 40))
    ball[10:30, 10:30, 10:30] = 900.0
    voxels = ball + noise(ball.shape, low=0, high=9)
    counts = [
        int((to_tensor(make_volume(voxels, (4, 4, 4), f"mr/{part}/3d/t1"), BODY) > 0.5).sum())
        for part in ("head", "chest")
    ]
    assert counts[0] / counts[1] == pytest.approx(1 / 0.7**3, rel=0.15)


def test_a_squashed_film_fills_its_square_whatever_its_borders_and_sides(make_volume, tmp_path):
    """Flat borders are cut off and both sides are drawn to 320, so the same body gives nearly the same picture."""
    recipe = recipe_for("2d", "efficientnet-lite0")
    rng = np.random.default_rng(0)
    body = np.kron(rng.random((8, 6)), np.ones((40, 40))).astype(np.float32) * 900 + 100
    padded = np.pad(body, ((30, 80), (0, 55)))
    pictures = [
        to_tensor(make_volume(voxels[None], key="xr/chest/2d/frontal"), recipe)
        for voxels in (body, padded, body[:, ::2])
    ]
    assert all(picture.shape == (1, 320, 320) for picture in pictures)
    assert np.abs(pictures[0] - pictures[2]).mean() < 0.02
    assert np.abs(pictures[0] - pictures[1]).mean() < 0.05


def test_a_tensor_of_levels_comes_back_bit_for_bit_in_a_tenth_of_the_bytes(tmp_path):
    recipe = recipe_for("2d", "efficientnet-lite0")
    slope = np.tile(np.linspace(0, 1, 320, dtype=np.float32), (320, 1))[None]
    tensor = from_levels(to_levels(slope, 256), 256)
    path = tmp_path / f"a{recipe.suffix}"
    save_tensor(path, tensor, recipe)
    first = path.read_bytes()
    assert np.array_equal(load_tensor(path, recipe), tensor) and np.abs(tensor - slope).max() <= 0.5 / 255 + 1e-7
    save_tensor(path, tensor, recipe)
    assert path.read_bytes() == first and len(first) < tensor.nbytes / 10


@pytest.mark.parametrize("kept", [slice(0, -9), slice(0, 5000), slice(0, 0), slice(9, None)])
def test_a_damaged_file_of_levels_is_named_bad(tmp_path, kept):
    recipe = recipe_for("2d", "efficientnet-lite0")
    path = tmp_path / f"a{recipe.suffix}"
    save_tensor(path, np.random.default_rng(0).random((1, 320, 320), np.float32), recipe)
    path.write_bytes(path.read_bytes()[kept])
    with pytest.raises(BadTensor):
        load_tensor(path, recipe)
