"""Presets: the paper's numbers, overrides, and one clear error per mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rvos_edu.config import ExperimentConfig, R2VOSExperimentConfig
from rvos_edu.errors import ConfigError
from rvos_edu.presets import PRESET_FOLDER, known_keys, load_config, preset_names, to_yaml

A2D = {"mttr-a2d-w6": (6, 2), "mttr-a2d-w8": (8, 2), "mttr-a2d-w10": (10, 3)}
JHMDB = {"mttr-jhmdb": (10, 3), "mttr-jhmdb-w8": (8, 2)}
REF_YOUTUBE_VOS = {"mttr-ref-ytvos-w8": (8, 1), "mttr-ref-ytvos-w12": (12, 1)}
PAPER = {**A2D, **JHMDB, **REF_YOUTUBE_VOS}
NANO = ["nano-mttr", "nano-mttr-level1"]
R2VOS = ["nano-r2vos"]
R2VOS_PAPER = [f"r2vos-ref-ytvos{end}" for end in ("", "-published", "-vswin-t", "-vswin-s", "-vswin-b")]


def test_every_preset_is_listed_and_carries_its_own_name() -> None:
    assert preset_names() == sorted([*PAPER, *NANO, *R2VOS, *R2VOS_PAPER])
    assert [load_config(name).name for name in preset_names()] == preset_names()


@pytest.mark.parametrize("name", PAPER)
def test_paper_presets_hold_the_numbers_of_section_c4(name: str) -> None:
    """MTTR supplement C.2 (layers, queries), C.3 (kernels), C.4 (everything else)."""
    config = load_config(name)
    model, loss, optimizer = config.model, config.loss, config.optimizer
    assert (model.d_model, model.encoder_layers, model.decoder_layers) == (256, 3, 3)
    assert (model.queries, model.kernel_dim, model.heads, model.feedforward) == (50, 8, 8, 2048)
    assert model.dropout == 0.1
    assert (loss.reference, loss.dice, loss.focal, loss.not_referred) == (2.0, 5.0, 2.0, 0.1)
    assert loss.normalise == "paper"
    assert (optimizer.lr, optimizer.lr_temporal_encoder) == (1e-4, 5e-5)
    assert (optimizer.weight_decay, optimizer.clip_norm) == (1e-4, 0.1)
    assert optimizer.schedule == "step" and optimizer.factor == pytest.approx(1 / 2.5)
    assert config.data.flip == 0.5
    assert (config.train.precision, config.train.seed, config.train.steps) == ("fp16", 42, None)


def test_defaults_of_r2vos_are_those_of_the_supplement() -> None:
    """Supplement C: lambdas, width 256, three layers in both decoders, K = 3; queries: published code."""
    config = R2VOSExperimentConfig()
    model, loss = config.model, config.loss
    assert (loss.text, loss.cls, loss.mask, loss.align, loss.angle) == (0.1, 2.0, 2.0, 1.0, 10.0)
    assert (loss.l1, loss.giou, loss.dice, loss.focal) == (5.0, 2.0, 2.0, 5.0)
    assert (loss.relation, loss.normalise) == ("relational", "paper")
    assert config.data.negatives_per_clip is None
    assert (model.d_model, model.reconstruction_layers, model.decoder_layers, model.filters) == (256, 3, 3, 3)
    assert (model.encoder_layers, model.points, model.queries, model.heads) == (4, 4, 5, 8)
    assert (model.grounding, model.decoder, model.mask_head) == ("two-way", "standard", "linear")
    assert (config.inference.align_filter, config.inference.align_threshold) == (True, 0.5)


def test_nano_r2vos_starts_from_the_same_shipped_parts_as_nano_mttr() -> None:
    config, mttr = load_config("nano-r2vos"), load_config("nano-mttr")
    assert isinstance(config, R2VOSExperimentConfig) and isinstance(mttr, ExperimentConfig)
    assert config.init.frame_encoder == mttr.init.temporal_encoder == "nano-video-swin"
    assert config.init.text_encoder == mttr.init.text_encoder == "nano-roberta"
    assert config.model.text_encoder == mttr.model.text_encoder
    assert config.model.frame_encoder.video_swin == mttr.model.temporal_encoder
    assert (config.data.name, config.data.short_side, config.data.max_side) == ("moving-shapes", 80, 112)


def test_each_architecture_has_keys_of_its_own() -> None:
    assert load_config("nano-r2vos", ["--loss.relation", "point-wise"]).loss.relation == "point-wise"
    with pytest.raises(ConfigError, match="unknown key 'loss.relation'"):
        load_config("nano-mttr", ["--loss.relation", "point-wise"])
    with pytest.raises(ConfigError, match="architecture must be 'r2vos', got 'mttr'"):
        load_config("nano-r2vos", ["--architecture", "mttr"])


@pytest.mark.parametrize(
    ("key", "value", "part"),
    [
        ("loss.relation", "cosine", "'relational' or 'point-wise' or 'none'"),
        ("data.negatives_per_clip", "-1", "at least 0"),
        ("model.grounding", "late", "'two-way' or 'none'"),
        ("model.d_model", "100", "a multiple of 32"),
        ("model.frame_encoder.kind", "vit", "'timm' or 'video-swin' or 'none'"),
        ("inference.align_threshold", "1.5", "between 0 and 1"),
        ("pretrain.evaluate_every", "0", "at least 1"),
        ("pretrain.optimizer.milestones", "[10, 8]", "rising epochs"),
        ("pretrain.optimizer.lr", "0", "above 0"),
    ],
)
def test_impossible_values_of_r2vos_name_their_key(key: str, value: str, part: str) -> None:
    with pytest.raises(ConfigError, match=f"{key} must be .*{part}"):
        load_config("nano-r2vos", [f"--{key}={value}"])


def test_weights_of_a_part_that_is_not_there() -> None:
    none = ["--model.frame_encoder.kind", "none", "--model.frame_encoder.channels", "[8, 16]"]
    with pytest.raises(ConfigError, match="init.frame_encoder must be null: model.frame_encoder.kind is 'no"):
        load_config("nano-r2vos", none)
    assert load_config("nano-r2vos", [*none, "--init.frame_encoder="]).init.frame_encoder is None
    assert load_config("r2vos-ref-ytvos").init.frame_encoder == "timm"


def test_an_unknown_architecture_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("architecture: sam\n")
    with pytest.raises(ConfigError, match="architecture must be one of mttr, r2vos, got 'sam'"):
        load_config(tmp_path / "x.yaml")


@pytest.mark.parametrize("name", PAPER)
def test_paper_presets_use_video_swin_t_and_roberta_base(name: str) -> None:
    temporal, text = load_config(name).model.temporal_encoder, load_config(name).model.text_encoder
    assert (temporal.embed_dim, temporal.depths, temporal.heads) == (96, [2, 2, 6], [3, 6, 12])
    assert (temporal.window, temporal.drop_path) == ([8, 7, 7], 0.1)
    assert (text.source, text.hidden_size, text.layers, text.heads) == ("roberta-base", 768, 12, 12)
    assert (text.feedforward, text.vocab_size, text.max_positions) == (3072, 50265, 514)


@pytest.mark.parametrize(("name", "window", "batch"), [(name, *values) for name, values in PAPER.items()])
def test_windows_and_batches_per_process(name: str, window: int, batch: int) -> None:
    """6 clips on 3 GPUs (w = 8, C.4), 6 on 2 (w = 10); Refer-YouTube-VOS: 4 on 4 (C.4) and 8 on 8."""
    config = load_config(name)
    assert (config.data.window, config.train.batch_size, config.train.accumulate) == (window, batch, 1)


@pytest.mark.parametrize("name", [*A2D, *JHMDB])
def test_a2d_schedule_and_size(name: str) -> None:
    config = load_config(name)
    assert (config.train.epochs, config.optimizer.milestones) == (70, [50])
    assert (config.data.short_side, config.data.max_side) == (320, 576)
    assert config.data.name == ("jhmdb-sentences" if name in JHMDB else "a2d-sentences")
    assert config.data.annotated_frames is None


@pytest.mark.parametrize("name", REF_YOUTUBE_VOS)
def test_refer_youtube_vos_schedule_and_size(name: str) -> None:
    config = load_config(name)
    assert (config.train.epochs, config.optimizer.milestones) == (30, [20])
    assert (config.data.short_side, config.data.max_side) == (360, 640)
    assert config.data.name == "refer-youtube-vos"
    assert config.inference.max_frames == 36  # the longest video is one window


@pytest.mark.parametrize("name", NANO)
def test_nano_presets_train_from_shipped_parts_on_moving_shapes(name: str) -> None:
    config = load_config(name)
    assert config.data.name == "moving-shapes"
    assert config.data.level == ("1" if name.endswith("level1") else "full")
    assert config.init.temporal_encoder is not None and config.init.text_encoder is not None
    frames, height, width = config.model.temporal_encoder.window
    assert frames == config.data.window
    short, long = config.data.short_side, config.data.max_side
    # REFERENCE: clipped windows read wrong offsets, so a window never exceeds the map of any stage.
    assert height <= short // 16 and width <= long // 16


@pytest.mark.parametrize("name", ["mttr-a2d-w8", "nano-mttr", "nano-r2vos"])
def test_yaml_round_trip(name: str, tmp_path: Path) -> None:
    config = load_config(name, ["--optimizer.lr", "3e-4", "--data.root", "no"])
    (tmp_path / "config.yaml").write_text(to_yaml(config), encoding="utf-8")
    assert load_config(tmp_path / "config.yaml") == config


def _write(tmp_path: Path, text: str) -> str:
    (tmp_path / "my.yaml").write_text(text, encoding="utf-8")
    return str(tmp_path / "my.yaml")


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load_config(_write(tmp_path, "# nothing\n")) == ExperimentConfig()


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "1.e-4", "0.0001", "1.0e-4", ".1e-3"])
def test_every_way_to_write_a_number_is_a_number(text: str, tmp_path: Path) -> None:
    from_file = load_config(_write(tmp_path, f"optimizer: {{lr: {text}}}"))
    assert from_file.optimizer.lr == load_config("nano-mttr", ["--optimizer.lr", text]).optimizer.lr == 1e-4


def test_no_is_a_precision_and_not_a_truth_value(tmp_path: Path) -> None:
    assert load_config(_write(tmp_path, "train: {precision: no}")).train.precision == "no"
    assert load_config("mttr-a2d-w8", ["--train.precision", "no"]).train.precision == "no"


def test_overrides() -> None:
    tokens = ["--optimizer.lr", "3e-4", "--data.window=8", "--data.root", "2024", "--train.steps=null"]
    tokens += ["--optimizer.milestones", "[3, 5]", "--model.temporal_encoder.embed_dim", "48"]
    tokens += ["--inference", "{overlap: 2}", "--inference.voting", "false"]
    tokens += ["--data.window=6", "--init.model="]
    config = load_config("mttr-ref-ytvos-w12", tokens)
    assert (config.optimizer.lr, config.data.window, config.data.root) == (3e-4, 6, "2024")
    assert (config.train.steps, config.optimizer.milestones) == (None, [3, 5])
    assert config.model.temporal_encoder.embed_dim == 48 and config.model.temporal_encoder.depths == [2, 2, 6]
    assert (config.inference.overlap, config.inference.max_frames, config.inference.voting) == (2, 36, False)
    assert config.init.model is None


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        (["--optimizer.lrr", "1"], ["'optimizer.lrr'", "did you mean 'optimizer.lr'"]),
        (["--optimzer.lr", "1"], ["'optimzer.lr'", "did you mean 'optimizer.lr'"]),
        (["--lr", "1"], ["'lr'", "did you mean 'optimizer.lr'"]),
        (["--seed", "1"], ["did you mean 'data.seed' or 'train.seed'"]),
        (["--qqqq", "1"], ["'qqqq'", "sections are architecture, name, model"]),
        (["--optimizer.lr.x", "1"], ["'optimizer.lr.x'", "did you mean 'optimizer.lr'"]),
        (["--optimizer.lr", "fast"], ["optimizer.lr must be a number", "'fast'"]),
        (["--train.epochs", "1.5"], ["train.epochs must be a whole number", "1.5"]),
        (["--train.steps", "many"], ["train.steps must be a whole number or null", "'many'"]),
        (["--inference.voting", "3"], ["inference.voting must be true or false", "3"]),
        (["--optimizer.milestones", "[1, x]"], ["optimizer.milestones must be a list", "'x'"]),
        (["--optimizer.milestones", "[1"], ["optimizer.milestones", "not readable as YAML"]),
        (["--optimizer", "3"], ["optimizer is a section", "lr_temporal_encoder", "3"]),
        (["--optimizer={lrr: 1}"], ["'optimizer.lrr'", "'optimizer.lr'"]),
        (["--optimizer=3", "--optimizer.lr=1"], ["optimizer.lr", "optimizer holds 3"]),
        (["--optimizer.lr"], ["--optimizer.lr needs a value"]),
        (["--optimizer.lr", "--data.window", "8"], ["--optimizer.lr needs a value"]),
        (["optimizer.lr", "3"], ["'optimizer.lr'", "--optimizer.lr 3e-4"]),
    ],
)
def test_a_wrong_override_names_the_key(overrides: list[str], parts: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        load_config("mttr-a2d-w8", overrides)
    assert all(part in str(error.value) for part in parts), str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("optimzer: {lr: 1}", ["my.yaml", "'optimzer'", "'optimizer'"]),
        ("train: {epochs: x}", ["my.yaml", "train.epochs", "'x'"]),
        ("data: {level: 1}", ["data.level must be text", "got 1", "quotes"]),
        ("data: {root: 3}", ["data.root must be text or null", "quotes"]),
        ("data:", ["data is a section", "None"]),
        ("- 1", ["expected keys and values, got list"]),
        ("just text", ["expected keys and values, got str"]),
        ("data: [", ["not readable YAML"]),
        ("data: {seed: 1, seed: 2}", ["'seed' is given twice"]),
        ("data: !!python/object/apply:os.getcwd []", ["not readable YAML"]),
        ("1: 2", ["unknown key '1'"]),
        ("? [a, b]\n: 2", ["not readable YAML"]),
    ],
)
def test_a_wrong_file_names_the_file_and_the_key(text: str, parts: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(_write(tmp_path, text))
    assert all(part in str(error.value) for part in parts), str(error.value)


def test_unknown_presets_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown preset 'nano_mttr' \(did you mean 'nano-mttr'\?\)"):
        load_config("nano_mttr")
    with pytest.raises(ConfigError, match="unknown preset 'zzz'; presets are mttr-a2d-w10, "):
        load_config("zzz")
    with pytest.raises(ConfigError, match="missing.yaml does not exist"):
        load_config("missing.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        load_config(tmp_path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(ConfigError, match="not readable YAML"):
        load_config(tmp_path / "binary.yaml")


IMPOSSIBLE = {
    "model.d_model": ["100", "0"],
    "model.heads": ["3", "0"],
    "model.queries": ["0"],
    "model.decoder_layers": ["0"],
    "model.dropout": ["-0.1", "1.5", ".nan"],
    "model.temporal_encoder.embed_dim": ["0"],
    "model.temporal_encoder.depths": ["[2, 2]", "[2, 2, 0]"],
    "model.temporal_encoder.heads": ["[3, 5, 12]"],
    "model.temporal_encoder.window": ["[7, 7]"],
    "model.text_encoder.hidden_size": ["100"],
    "model.text_encoder.max_positions": ["2"],
    "model.text_encoder.layer_norm_eps": ["0"],
    "data.window": ["0"],
    "data.annotated_frames": ["0", "9"],
    "data.expressions_per_clip": ["0"],
    "data.train_videos": ["0"],
    "data.short_side": ["0"],
    "data.max_side": ["100"],
    "data.flip": ["1.1"],
    "data.seed": ["-1"],
    "loss.dice": ["-1", ".inf"],
    "loss.normalise": ["code"],
    "optimizer.lr": ["0", "-1e-4", ".nan", ".inf"],
    "optimizer.lr_temporal_encoder": ["-1e-4"],
    "optimizer.weight_decay": ["-1"],
    "optimizer.clip_norm": ["0"],
    "optimizer.schedule": ["linear"],
    "optimizer.milestones": ["[5, 3]", "[0]"],
    "optimizer.factor": ["0"],
    "optimizer.warmup_steps": ["-1"],
    "train.epochs": ["0"],
    "train.steps": ["0"],
    "train.batch_size": ["0"],
    "train.accumulate": ["0"],
    "train.precision": ["fp8"],
    "train.workers": ["-1"],
    "train.log_every": ["0"],
    "train.checkpoint_every": ["0"],
    "train.evaluate_every": ["-1"],
    "inference.max_frames": ["0"],
    "inference.overlap": ["-1", "36"],
    "inference.order": ["last"],
}


@pytest.mark.parametrize(("key", "value"), [(key, v) for key, values in IMPOSSIBLE.items() for v in values])
def test_impossible_values_name_their_key(key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{key} must be .*got "):
        load_config("mttr-a2d-w8", [f"--{key}={value}"])


@pytest.mark.parametrize("key", [k for k, kind in known_keys().items() if kind in (int, float, int | None)])
def test_no_number_may_be_negative(key: str) -> None:
    """Also a guard: a key added later needs its check."""
    with pytest.raises(ConfigError, match=f"^{key} must be"):
        load_config("mttr-a2d-w8", [f"--{key}=-1"])


@pytest.mark.parametrize(
    "key", [k for k, kind in known_keys("r2vos").items() if kind in (int, float, int | None)]
)
def test_no_number_of_r2vos_may_be_negative(key: str) -> None:
    temporal = key.startswith("model.frame_encoder.video_swin.")
    preset = "r2vos-ref-ytvos-vswin-t" if temporal else "r2vos-ref-ytvos"
    with pytest.raises(ConfigError, match=f"^{key} must be"):
        load_config(preset, [f"--{key}=-1"])


@pytest.mark.parametrize("name", NANO)
def test_nano_text_encoder_has_the_sizes_of_the_shipped_one(name: str) -> None:
    text = load_config(name).model.text_encoder
    shipped = json.loads((PRESET_FOLDER.parent / "assets" / text.source / "config.json").read_text())
    assert (text.hidden_size, text.layers) == (shipped["hidden_size"], shipped["num_hidden_layers"])
    assert (text.heads, text.feedforward) == (shipped["num_attention_heads"], shipped["intermediate_size"])
    assert text.vocab_size == shipped["vocab_size"]
    assert text.max_positions == shipped["max_position_embeddings"]


def test_presets_travel_with_the_package() -> None:
    assert PRESET_FOLDER.parent.name == "rvos_edu"
