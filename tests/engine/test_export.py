"""Published files to folders: same outputs, right settings, safe reading, wrong files named."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torchvision.models.video.swin_transformer import SwinTransformer3d

from rvos_edu.checkpoints import load_kinetics_video_swin
from rvos_edu.cli import main
from rvos_edu.engine.export import export
from rvos_edu.engine.inference import load_model
from rvos_edu.errors import CheckpointError, ConfigError, DataError
from rvos_edu.models import MTTR, R2VOS, model_from_pretrained
from tests import parity
from tests.checkpoints.test_kinetics import authors_layout
from tests.parity_r2vos_model import features_of, tokens_of
from tests.parity_r2vos_model import published_model as published_r2vos
from tests.tiny import tiny_tokenizer

NANO: dict[str, Any] = {"heads": 4, "text_heads": 4}
NANO_R2: dict[str, Any] = {"heads": 8, "text_heads": 4}


def training_state() -> dict[str, Any]:
    """Optimiser and schedule as both implementations save them."""
    layer = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=1e-4)
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [8, 10])
    return {"optimizer": optimizer.state_dict(), "schedule": schedule.state_dict()}


@pytest.fixture
def mttr_file(tmp_path: Path) -> Path:
    """All keys that the published trainer saves, on A2D-Sentences."""
    held = training_state()
    values = {
        "epoch": 61,
        "total_epochs": 70,
        "model_state_dict": parity.read("mttr_nano_weights"),
        "optimizer_state_dict": held["optimizer"],
        "scheduler_state_dict": held["schedule"],
        "grad_scaler_state_dict": {"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 7},
        "best_mAP": np.float64(0.4612),
    }
    torch.save(values, tmp_path / "best.pth.tar")
    return tmp_path / "best.pth.tar"


@pytest.fixture
def r2vos_file(tmp_path: Path) -> Path:
    """All keys that the published main program saves, its options as an argparse.Namespace among them."""
    held = training_state()
    options = argparse.Namespace(lr=1e-4, lr_drop=[8, 10], device="cuda", pretrained_weights=None, gpu=0)
    values = {
        "model": {**parity.read("r2vos_nano_weights"), "resizer.total_ops": torch.zeros(1)},
        "optimizer": held["optimizer"],
        "lr_scheduler": held["schedule"],
        "epoch": 5,
        "args": options,
    }
    torch.save(values, tmp_path / "checkpoint.pth")
    return tmp_path / "checkpoint.pth"


def test_mttr_as_published(mttr_file: Path, tmp_path: Path) -> None:
    done = export(mttr_file, kind="mttr", out=tmp_path / "out", tokenizer=None, **NANO)
    assert done.preset == "mttr-a2d-w10"  # told by the best mAP
    assert done.published is None  # whose sizes the golden weights do not have
    assert sorted(p.name for p in done.folder.iterdir()) == [
        "config.json",
        "config.yaml",
        "model.safetensors",
    ]
    model, config = load_model(done.folder)
    assert isinstance(model, MTTR) and (config.name, config.data.window) == ("mttr-a2d-w10", 10)
    assert config.model == model.config and config.data.short_side == 320
    given, expected = parity.read("mttr_nano_case_short"), parity.published_model()
    tokens = {"input_ids": torch.tensor([[0, 5, 6, 2]]), "attention_mask": torch.ones(1, 4, dtype=torch.long)}
    frames = torch.randn(1, 2, 3, 32, 48, generator=torch.manual_seed(0))
    with torch.no_grad():
        ours, theirs = model(frames, tokens), expected(frames, tokens)
    assert ours.mask_logits.equal(theirs.mask_logits) and given
    assert ours.reference_logits.equal(theirs.reference_logits)


def test_r2vos_as_published(r2vos_file: Path, tmp_path: Path) -> None:
    """The options are no weights: they are not read, and nothing of them is kept."""
    done = export(r2vos_file, kind="r2vos", out=tmp_path / "out", **NANO_R2)
    assert (done.kind, done.preset, done.published) == ("r2vos", "r2vos-ref-ytvos-published", None)
    model = model_from_pretrained(done.folder)
    assert isinstance(model, R2VOS)
    given = parity.read("r2vos_nano_case_single")
    with torch.no_grad():
        pair = [
            m.from_features(expressions=tokens_of(given), **features_of(given))
            for m in (model, published_r2vos())
        ]
    assert pair[0].mask_logits.equal(pair[1].mask_logits)
    assert pair[0].alignment_logits is not None
    assert pair[0].alignment_logits.equal(pair[1].alignment_logits)
    _, config = load_model(done.folder)
    assert (config.name, config.model.mask_head) == ("r2vos-ref-ytvos-published", "conditional")


class NamespaceThatActs(argparse.Namespace):
    """A class of another name is no argparse.Namespace."""


def test_other_classes_stay_refused(tmp_path: Path) -> None:
    torch.save({"model": {"a": torch.zeros(1)}, "args": NamespaceThatActs(a=1)}, tmp_path / "checkpoint.pth")
    with pytest.raises(
        CheckpointError,
        match=r"numbers: tests\.engine\.test_export\.NamespaceThatActs \(pickled code is never run\)",
    ):
        export(tmp_path / "checkpoint.pth", kind="r2vos", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def swin_file(path: Path, *, embed: int = 8, layout: str = "authors") -> Path:
    torch.manual_seed(0)
    swin = SwinTransformer3d([2, 4, 4], embed, [1, 1, 2, 1], [1, 2, 4, 8], [8, 7, 7], num_classes=3)
    state: dict[str, Tensor] = dict(swin.state_dict())
    torch.save(
        {"meta": {"epoch": 30}, "state_dict": authors_layout(state)} if layout == "authors" else state, path
    )
    return path


@pytest.mark.parametrize("layout", ["authors", "torchvision"])
@pytest.mark.parametrize("embed", [8, 16])
def test_video_swin_of_any_size(layout: str, embed: int, tmp_path: Path) -> None:
    path = swin_file(tmp_path / "swin_base_patch244_window877_kinetics400_1k.pth", embed=embed, layout=layout)
    done = export(path, kind="video-swin", out=tmp_path / "swin")
    assert done.published is not None and done.published.name == "video-swin-b" and done.preset is None
    frames = torch.randn(1, 2, 3, 32, 32)
    for stages in (3, 4):
        ours = load_kinetics_video_swin(str(done.folder), stages=stages).eval()
        theirs = load_kinetics_video_swin(path, stages=stages).eval()
        assert ours.config.embed_dim == embed and ours.config == theirs.config
        with torch.no_grad():
            assert all(a.equal(b) for a, b in zip(ours(frames), theirs(frames), strict=True))
    with pytest.raises(CheckpointError, match="architecture 'video-swin'"):
        model_from_pretrained(done.folder)


def test_a_tokenizer_goes_with_it(mttr_file: Path, tmp_path: Path) -> None:
    tiny_tokenizer().save_pretrained(tmp_path / "words")
    done = export(mttr_file, kind="mttr", out=tmp_path / "out", tokenizer=tmp_path / "words", **NANO)
    assert done.tokenizer and "no tokenizer" not in str(done)
    model, _ = load_model(done.folder)
    with torch.no_grad():
        assert model(torch.randn(1, 1, 3, 16, 16), ["the red circle"]).mask_logits.isfinite().all()


def test_a_tokenizer_of_another_text_encoder(mttr_file: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="tokens, the text encoder of the checkpoint"):
        export(mttr_file, kind="mttr", out=tmp_path / "out", tokenizer="rvos_edu/assets/nano-roberta", **NANO)
    assert not (tmp_path / "out").exists()


def test_wrong_files_are_refused_with_the_differing_keys(mttr_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(CheckpointError, match=r"best\.pth\.tar.*adapter_1.weight is missing.*--kind mttr"):
        export(mttr_file, kind="r2vos", out=out, preset="r2vos-ref-ytvos-published")
    with pytest.raises(CheckpointError, match="--kind video-swin"):
        export(swin_file(tmp_path / "swin.pth"), kind="mttr", out=out, preset="mttr-a2d-w8")
    torch.save({f"conv{i}.weight": torch.zeros(1) for i in range(5)}, tmp_path / "other.pth")
    told = r"other\.pth.*expected the keys.*has 5 keys, such as conv0.weight, conv1.weight, conv4.weight"
    with pytest.raises(CheckpointError, match=told):
        export(tmp_path / "other.pth", kind="video-swin", out=out)
    (tmp_path / "empty.pth").touch()
    with pytest.raises(CheckpointError, match=r"empty\.pth is damaged or no file of torch.save: \w+"):
        export(tmp_path / "empty.pth", kind="video-swin", out=out)
    state = parity.read("mttr_nano_weights")
    state["obj_keys.weight"] = torch.zeros(3)
    del state["vid_embed_proj.bias"]
    torch.save({"model_state_dict": state}, tmp_path / "changed.pth.tar")
    differing = r"changed\.pth\.tar.*missing \(pixel_projection.bias\).*unexpected \(obj_keys"
    with pytest.raises(CheckpointError, match=differing):
        export(tmp_path / "changed.pth.tar", kind="mttr", out=out, preset="mttr-a2d-w8", **NANO)
    whole = mttr_file.read_bytes()
    page = (b"<!DOCTYPE html><html>too many downloads</html>", "it is a web page, download the file itself")
    for cut, hint in ((whole[: len(whole) // 2], ""), (b"", ""), page):
        (tmp_path / "cut.pth.tar").write_bytes(cut)
        with pytest.raises(CheckpointError, match=rf"cut\.pth\.tar is damaged.*{hint}"):
            export(tmp_path / "cut.pth.tar", kind="mttr", out=out)
    with pytest.raises(CheckpointError, match="is missing"):
        export(tmp_path / "none.pth", kind="mttr", out=out)
    assert not out.exists() and not list(tmp_path.glob(".tmp-*"))


def test_what_cannot_be_told_is_asked_for(mttr_file: Path, tmp_path: Path) -> None:
    torch.save({"model_state_dict": parity.read("mttr_nano_weights")}, tmp_path / "mine.pth.tar")
    with pytest.raises(ConfigError, match=r"give a preset \(--preset\), mttr-a2d-w10, mttr-a2d-w8"):
        export(tmp_path / "mine.pth.tar", kind="mttr", out=tmp_path / "out", **NANO)
    with pytest.raises(ConfigError, match="architecture r2vos, not mttr"):
        export(mttr_file, kind="mttr", preset="r2vos-ref-ytvos", out=tmp_path / "out", **NANO)
    with pytest.raises(ConfigError, match="kind must be one of mttr, r2vos, video-swin"):
        export(mttr_file, kind="mtr", out=tmp_path / "out")
    with pytest.raises(ConfigError, match="takes no preset"):
        export(swin_file(tmp_path / "s.pth"), kind="video-swin", preset="mttr-a2d-w8", out=tmp_path / "out")


def test_other_folders_are_left_alone(mttr_file: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="holds other files"):
        export(mttr_file, kind="mttr", out=tmp_path / "mine", **NANO)
    done = export(mttr_file, kind="mttr", out=tmp_path / "out", **NANO)
    first = load_file(done.folder / "model.safetensors")
    again = export(mttr_file, kind="mttr", out=tmp_path / "out", **NANO)  # an earlier export is replaced
    assert load_file(again.folder / "model.safetensors").keys() == first.keys()


def test_the_command(mttr_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["export", str(mttr_file), "--kind", "mttr", "--heads", "4", "--text-heads", "4"]
    assert main([*line, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "settings: those of the preset mttr-a2d-w10" in printed and "no tokenizer" in printed
    assert main(["export", "--list"]) == 0
    assert "mttr-a2d-w10: MTTR, A2D-Sentences, window 10" in capsys.readouterr().out
    assert main(["export"]) == 2
    assert "export needs a CHECKPOINT and its --kind" in capsys.readouterr().err
