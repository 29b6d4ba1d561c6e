"""A convolution that rounds alike for every number of threads, and pads without a copy of what it sees.

For kernels of one place, small batches and one thread torch leaves oneDNN for a routine of its own, which adds in
another order: the last bits of a vector would depend on the number of threads.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

Plain = nn.Conv2d | nn.Conv3d


class OneDnnConvolution(nn.Module):
    """A trained convolution, by oneDNN wherever a CPU works in float32; weights keep their names and shapes.

    Args:
        convolution: Its weights, stride and groups.
        padding: Zeros before and after each axis, by axis.
        is_late: Whether there is one zero less before each axis, as "same" padding of an even side by stride 2 has it.
            The kernel then begins with a zero of its own in place of that of the scan.
    """

    def __init__(self, convolution: Plain, padding: Sequence[int], *, is_late: bool = False) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias
        self.stride, self.dilation, self.groups = convolution.stride, convolution.dilation, convolution.groups
        self.padding = tuple(padding)
        self.is_late = is_late
        self.other: Any = nn.functional.conv2d if isinstance(convolution, nn.Conv2d) else nn.functional.conv3d

    def forward(self, scans: torch.Tensor) -> torch.Tensor:
        """Return the filtered scans."""
        weight = nn.functional.pad(self.weight, (1, 0) * len(self.padding)) if self.is_late else self.weight
        if _is_for_onednn(scans):
            return torch.mkldnn_convolution(
                scans, weight, self.bias, self.padding, self.stride, self.dilation, self.groups
            )
        filtered: torch.Tensor = self.other(
            scans, weight, self.bias, self.stride, self.padding, self.dilation, self.groups
        )
        return filtered


def _is_for_onednn(scans: torch.Tensor) -> bool:
    """Without a gradient and a tracer: torch's own choice has the one everywhere, and is known to the other."""
    is_plain = scans.device.type == "cpu" and scans.dtype == torch.float32
    is_run = not torch.is_grad_enabled() and torch._C._get_tracing_state() is None
    return is_plain and is_run and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call, no-any-return]
