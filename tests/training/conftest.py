"""What tests of training share."""

from collections.abc import Callable

import pytest
import torch


@pytest.fixture
def only_on_the_device(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Call it, and from then on a value that is looked at, or brought from the host, is an error: no graph holds it."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("an update passes a value between host and device")

    def forbid() -> None:
        for look in ("item", "tolist", "__bool__", "__int__", "__float__", "__index__", "cpu", "numpy", "nonzero"):
            monkeypatch.setattr(torch.Tensor, look, refuse)
        for make in ("tensor", "as_tensor", "from_numpy", "nonzero"):
            monkeypatch.setattr(torch, make, refuse)

    return forbid
