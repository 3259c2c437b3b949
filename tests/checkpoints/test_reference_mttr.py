"""Published MTTR checkpoints: wrappers, sizes, foreign keys, pickled code, damaged files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from rvos_edu.checkpoints import load_reference_mttr
from rvos_edu.errors import CheckpointError
from tests import parity
from tests.tiny import tiny_tokenizer


@pytest.fixture
def state() -> dict[str, Tensor]:
    return parity.read("mttr_nano_weights")


def load(source: Any, **more: Any) -> Any:
    return load_reference_mttr(source, heads=4, text_heads=4, **more)


def test_a_file_as_published(state: dict[str, Tensor], tmp_path: Path) -> None:
    """Wrapped, with `module.`, an old `position_ids` buffer and a numpy number beside the weights."""
    state["transformer.text_encoder.embeddings.position_ids"] = torch.arange(40)[None]
    wrapped = {
        "epoch": 3,
        "best_mAP": np.float64(0.45),
        "model_state_dict": {f"module.{key}": value for key, value in state.items()},
    }
    torch.save(wrapped, tmp_path / "published.pth.tar")
    model = load(tmp_path / "published.pth.tar")
    expected = parity.published_model().state_dict()
    assert all(value.equal(expected[key]) for key, value in model.state_dict().items())


def test_numpy_arrays_are_as_good_as_tensors(state: dict[str, Tensor]) -> None:
    model = load({key: value.numpy() for key, value in state.items()})
    expected = parity.published_model().state_dict()
    assert all(value.equal(expected[key]) for key, value in model.state_dict().items())


def test_sizes_are_read(state: dict[str, Tensor]) -> None:
    config = load(state).config
    described = parity.read_json("mttr_nano")["config"]
    assert (config.queries, config.d_model, config.feedforward, config.kernel_dim) == (10, 64, 128, 8)
    assert config.temporal_encoder.depths == [2, 2, 2]  # the fourth stage is not in the file
    assert config.temporal_encoder.heads == described["swin"]["num_heads"][:3]
    assert config.temporal_encoder.window == described["swin"]["window_size"]
    assert config.text_encoder.max_positions == described["text_encoder"]["max_position_embeddings"]


def test_a_tokenizer_makes_it_understand_sentences(state: dict[str, Tensor]) -> None:
    model = load(state, tokenizer=tiny_tokenizer())
    with torch.no_grad():
        out = model(torch.randn(1, 1, 3, 16, 16), ["the red circle"])
    assert out.mask_logits.isfinite().all()
    with pytest.raises(ValueError, match="no tokenizer"):
        load(state)(torch.randn(1, 1, 3, 16, 16), ["the red circle"])


def test_differing_keys_are_named(state: dict[str, Tensor]) -> None:
    state["obj_keys.weight"] = torch.zeros(3)
    del state["vid_embed_proj.bias"]
    with pytest.raises(CheckpointError, match=r"1 missing \(pixel_projection.bias\).*unexpected \(obj_keys"):
        load(state)
    with pytest.raises(CheckpointError, match="obj_queries.weight is missing"):
        load({k: v for k, v in state.items() if not k.startswith("obj_queries")})


def test_not_a_mttr_checkpoint() -> None:
    with pytest.raises(CheckpointError, match="no Video Swin weights"):
        load({"fc.weight": torch.zeros(2, 2)})
    with pytest.raises(CheckpointError, match="holds no tensors"):
        load({"epoch": 3})


class Evil:
    """Runs code when unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch pwned",)


def test_pickled_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"model_state_dict": {"a": torch.zeros(1)}, "extra": Evil()}, "evil.pth")
    with pytest.raises(CheckpointError, match="pickled code is never run"):
        load(Path("evil.pth"))
    assert not Path("pwned").exists()


def test_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is missing"):
        load(tmp_path / "none.pth")
    torch.save({"a": torch.zeros(100)}, tmp_path / "cut.pth")
    whole = (tmp_path / "cut.pth").read_bytes()
    for damaged in (whole[:200], b"", b"text, no checkpoint"):
        (tmp_path / "cut.pth").write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"cut\.pth"):
            load(tmp_path / "cut.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="holds a list"):
        load(tmp_path / "list.pth")
