"""One CUDA graph of a step of many stacks: launched once, with each stack a branch of its own.

What a step costs a small model is not arithmetic but the launching of its hundred kernels; a graph launches them all
at once, and branches fill the device with what one small model cannot.
"""

from collections.abc import Callable, Sequence

import torch


class StepGraph:
    """Replays the work of several functions as one graph, each on a stream of its own.

    The functions must read and write tensors of the device alone, and the same ones each time. They must have run
    before, eagerly, through `eager`: libraries choose their algorithms and allocate their workspaces then.
    """

    def __init__(self, branches: Sequence[Callable[[], None]]) -> None:
        self.branches = branches
        self.streams = [torch.cuda.Stream() for _ in branches]
        self.graph: torch.cuda.CUDAGraph | None = None

    def eager(self, branches: Sequence[Callable[[], None]] | None = None) -> None:
        """Run the functions (or others that do the same and more) once, each on its stream."""
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
