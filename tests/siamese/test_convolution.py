"""The convolution is torch's own, less its copies and its habits."""

import pytest
import torch
from torch import nn

from siamese.convolution import OneDnnConvolution
from siamese.embedding import embed
from siamese.training.head import starter_of

pytestmark = pytest.mark.floats


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def drawn(shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("kernel", "before", "after"), [(3, 0, 1), (5, 1, 2), (3, 1, 1), (1, 0, 0)])
@pytest.mark.parametrize("groups", [1, 4])
@torch.inference_mode()
def test_padding_within_is_padding_before(kernel, before, after, groups):
    torch.manual_seed(1)
    stride = 2 if before < after else 1
    plain = nn.Conv2d(4, 8, kernel, stride, groups=groups)
    ours = OneDnnConvolution(plain, (after, after), is_late=before < after)
    scans = drawn((1, 4, 20, 36)).contiguous(memory_format=torch.channels_last)
    wanted = plain(nn.functional.pad(scans, (before, after, before, after)))
    torch.testing.assert_close(ours(scans), wanted, rtol=1e-4, atol=1e-5)
    assert ours.state_dict().keys() == plain.state_dict().keys()


@torch.inference_mode()
def test_volumes_are_filtered_alike():
    torch.manual_seed(1)
    plain = nn.Conv3d(2, 4, 3, (1, 2, 2), padding=1)
    scans = drawn((1, 2, 6, 8, 10))
    torch.testing.assert_close(OneDnnConvolution(plain, (1, 1, 1))(scans), plain(scans), rtol=1e-4, atol=1e-5)


def test_a_training_has_gradients():
    plain = nn.Conv2d(2, 4, 3, 2)
    ours = OneDnnConvolution(plain, (1, 1), is_late=True)
    ours(drawn((1, 2, 8, 8))).square().sum().backward()
    assert ours.weight.grad is not None and ours.weight.grad.abs().sum() > 0


def test_a_films_vector_does_not_depend_on_the_number_of_threads():
    trunk = starter_of("efficientnet-lite0", "2d")
    film = drawn((1, *trunk.recipe.shape)).sigmoid().numpy()
    vectors = []
    for n in (1, 2):
        torch.set_num_threads(n)
        vectors.append(embed(trunk, [film]))
    assert (vectors[0] == vectors[1]).all()
