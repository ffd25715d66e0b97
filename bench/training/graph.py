"""One CUDA graph of a step of many stacks: launched once, with a branch for each stack.

A step of a small model is bound by the launch overhead of its hundred kernels, not by arithmetic. A graph launches all
kernels at once, and its branches together fill a device that one small model cannot.
"""

from collections.abc import Callable, Sequence

import torch


class StepGraph:
    """Replays the work of several functions as one graph, each function on a separate stream.

    The functions must read and write only tensors on the device, and the same ones each time. Run them through `eager`
    first: libraries then choose their algorithms and allocate their workspaces.
    """

    def __init__(self, branches: Sequence[Callable[[], None]]) -> None:
        self.branches = branches
        self.streams = [torch.cuda.Stream() for _ in branches]
        self.graph: torch.cuda.CUDAGraph | None = None

    def eager(self, branches: Sequence[Callable[[], None]] | None = None) -> None:
        """Run the functions once, each on its stream; or other functions that do the same and more."""
        start = torch.cuda.current_stream()
        for stream, branch in zip(self.streams, branches or self.branches, strict=True):
            stream.wait_stream(start)
            with torch.cuda.stream(stream):
                branch()
        for stream in self.streams:
            start.wait_stream(stream)

    def replay(self) -> None:
        """Run the functions once more, as one launch."""
        if self.graph is None:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):  # records, runs nothing
                self.eager()
            self.graph = graph
        self.graph.replay()
