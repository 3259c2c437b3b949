#!/usr/bin/env bash
# Train the shipped nano-mttr from the pretrained nano parts: about 45 minutes on two cores, two processes.
#
#   data_scripts/train_nano_mttr.sh [FOLDER]      # default runs; the result is FOLDER/nano-mttr
#
# Four stages, because the choice by language comes last and by itself takes long: first masks, then which of two
# objects is named (level 1, two learning rates), then the full mixture. The temporal encoder stays as it is.
set -euo pipefail
runs=${1:-runs}
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE ACCELERATE_USE_CPU=true
frozen="--train.freeze_temporal_encoder_steps 100000"

train() {
  "${BIN:-.venv/bin}"/torchrun --nproc_per_node 2 -m rvos_edu.cli train --config nano-mttr --train.workers 1 $frozen "$@"
}

train --out "$runs/nano-mttr-1-masks" --train.batch_size 2 --train.steps 500 --train.precision bf16 \
  --loss.not_referred 0.1 --optimizer.lr 4e-4 --optimizer.schedule step
train --out "$runs/nano-mttr-2-two-objects" --init.model "$runs/nano-mttr-1-masks/model" \
  --data.level 1 --data.train_videos null --train.batch_size 4 --train.steps 150 --train.precision bf16 \
  --loss.not_referred 0.1 --optimizer.lr 5e-4 --optimizer.warmup_steps 30 --optimizer.schedule step
train --out "$runs/nano-mttr-3-two-objects" --init.model "$runs/nano-mttr-2-two-objects/model" \
  --data.level 1 --data.train_videos null --train.batch_size 4 --train.steps 350 \
  --optimizer.lr 2e-4 --optimizer.warmup_steps 30 --optimizer.schedule step
train --out "$runs/nano-mttr" --init.model "$runs/nano-mttr-3-two-objects/model" \
  --train.batch_size 2 --train.steps 5000 --optimizer.warmup_steps 50
