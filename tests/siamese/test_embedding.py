import numpy as np
import pytest
import torch

from siamese.embedding import BadEmbedding, choose_device, embed
from siamese.encoder import build
from siamese.recipe import recipe_for


def tensors_of(cover, n, seed=0):
    rng = np.random.default_rng(seed)
    return list(rng.random((n, 1, *recipe_for(cover).shape), dtype=np.float32))


@pytest.fixture(scope="module", params=["2d", "3d"])
def encoder(request):
    return build("small", request.param, seed=1)


def test_vectors_are_bit_equal_however_the_work_was_cut(encoder):
    tensors = tensors_of(encoder.recipe.cover, 11)
    whole = embed(encoder, tensors, batch_size=4)
    for cut in ([1] * 11, [2, 3, 6], [7, 4]):
        ends = np.cumsum(cut)
        parts = [embed(encoder, tensors[e - n : e], batch_size=4) for n, e in zip(cut, ends, strict=True)]
        assert np.array_equal(np.concatenate(parts), whole)


def test_a_vector_does_not_depend_on_its_neighbours_or_its_place(encoder):
    first, *rest = tensors_of(encoder.recipe.cover, 8)
    alone = embed(encoder, [first])[0]
    for place in range(8):
        crowd = [*rest[:place], first, *rest[place:]]
        assert np.array_equal(embed(encoder, crowd)[place], alone)


def test_vectors_do_not_depend_on_the_number_of_threads(encoder):
    tensors, before = tensors_of(encoder.recipe.cover, 3), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = embed(encoder, tensors)
        torch.set_num_threads(2)
        assert np.array_equal(embed(encoder, tensors), one)
    finally:
        torch.set_num_threads(before)


def test_vectors_are_float32_rows_of_unit_length_in_the_order_given(encoder):
    tensors = tensors_of(encoder.recipe.cover, 3)
    vectors = embed(encoder, iter(tensors), batch_size=2)
    assert vectors.shape == (3, 128)
    assert vectors.dtype == np.dtype("<f4")
    assert vectors.flags.c_contiguous
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    assert np.array_equal(embed(encoder, tensors[::-1], batch_size=2), vectors[::-1])


def test_nothing_in_nothing_out(encoder):
    assert embed(encoder, []).shape == (0, 128)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_tensor_that_is_not_finite_is_refused_by_its_index(encoder, bad):
    tensors = tensors_of(encoder.recipe.cover, 5)
    tensors[4].flat[7] = bad
    with pytest.raises(BadEmbedding, match="tensor 4: holds"):
        embed(encoder, tensors, batch_size=2)


def test_tensor_of_another_recipe_is_refused(encoder):
    other = tensors_of("2d" if encoder.recipe.cover == "3d" else "3d", 1)
    with pytest.raises(BadEmbedding, match="tensor 0: found"):
        embed(encoder, other)


def test_vector_without_a_direction_is_refused():
    encoder = build("small", "2d")
    with torch.no_grad():
        encoder.head.weight.zero_()
        encoder.head.bias.zero_()
    with pytest.raises(BadEmbedding, match="length 0"):
        embed(encoder, tensors_of("2d", 1))


def test_encoder_in_training_mode_is_refused():
    with pytest.raises(ValueError, match="eval"):
        embed(build("small", "2d").train(), tensors_of("2d", 1))


def test_unusable_arguments_are_refused(encoder):
    with pytest.raises(ValueError, match="batch_size 0"):
        embed(encoder, [], batch_size=0)
    with pytest.raises(ValueError, match="'tpu'"):
        embed(encoder, [], device="tpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_auto_falls_back_to_the_cpu_and_cuda_says_why_not():
    assert choose_device("auto") == torch.device("cpu")
    with pytest.raises(ValueError, match="no GPU"):
        choose_device("cuda")
