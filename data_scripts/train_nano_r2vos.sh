#!/usr/bin/env bash
# Train the shipped nano-r2vos from the pretrained nano parts: about 80 minutes on two cores.
#
#   data_scripts/train_nano_r2vos.sh [FOLDER]      # default runs; the result is FOLDER/nano-r2vos
#
# Two stages, as for nano-mttr: which of two objects is named, then the full mixture. The frame encoder stays as it is.
set -euo pipefail
runs=${1:-runs}
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE ACCELERATE_USE_CPU=true
frozen="--train.freeze_temporal_encoder_steps 100000"

train() {
  "${BIN:-.venv/bin}"/torchrun --nproc_per_node 2 -m rvos_edu.cli train --config nano-r2vos --train.workers 1 $frozen "$@"
}

train --out "$runs/nano-r2vos-1-two-objects" --data.level 1 --data.train_videos null \
  --train.batch_size 4 --train.steps 450 --optimizer.warmup_steps 50 --optimizer.schedule step \
  --train.evaluate_every 225 --train.evaluate_samples 60
train --out "$runs/nano-r2vos" --init.model "$runs/nano-r2vos-1-two-objects/model" --data.negatives_per_clip 2 \
  --train.batch_size 2 --train.steps 5000 --optimizer.warmup_steps 50 --train.evaluate_samples 150
