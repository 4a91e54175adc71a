#!/bin/sh
# Runs the commands of docs/own-images.md in new clones; that page shows what they print.
# usage: docs/own-images.sh FOLDER    (from the checkout, with its environment activated)
set -eu
git clone --quiet . "$1/mine"
cd "$1/mine"
git switch --quiet --create shapes
python - <<'PYTHON'
import numpy as np
from pathlib import Path
from PIL import Image

rng = np.random.default_rng(0)
for name, color in {"red": (150, 110, 110), "green": (110, 150, 110), "blue": (110, 110, 150)}.items():
    folder = Path("data/incoming/mine") / name
    folder.mkdir(parents=True)
    for i in range(60):
        noisy = rng.normal(rng.normal(color, 20), 60, (32, 32, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{i:02}.png")
PYTHON
cat > params.yaml <<'PARAMS'
seed: 0
dataset: {name: image_folder, path: data/incoming/mine}
features:
  color: {method: color_histogram, grid: 1, bins: 8}
  raw: {method: raw}
classical:
  color_svm: {method: linear_svm, features: [color], C: 0.001}
  raw_svm: {method: linear_svm, features: [raw], C: 0.001}
deep: {}
corrupt: {}
sample_size: {sizes: [], draws: 5, steps: 500, runs: {}}
ablations: {}
not_run: {}
PARAMS
cat > studies/stronger.yaml <<'OVERLAY'
classical:
  color_svm: {C: 1.0}
OVERLAY
say() { printf '\n$ %s\n' "$*"; "$@" 2>&1; }

say dvc add data/incoming/mine
say git add data/incoming/mine.dvc
say dvc repro
git add params.yaml studies dvc.lock
say git commit --quiet --message "Three colors: histograms, raw pixels"

say dvc exp run --queue --name stronger --set-param classical.color_svm.C=1.0
say dvc queue start
while dvc queue status | grep -qE 'Queued|Running'; do sleep 2; done
say dvc queue status
say dvc exp run --temp --name weaker --set-param classical.color_svm.C=0.00001
say dvc exp show --md --only-changed --drop '.*' --keep 'Exp.*|.*svm.test_acc.*|.*color_svm.C$'

say dvc remote add --default store ../store
git add .dvc/config
say git commit --quiet --message "Where results are kept"
say dvc push
say git clone --quiet ../mine ../theirs
cd ../theirs
say dvc pull
say dvc repro

cd ../mine
say python -m pipeline.commands.workspace run stronger
cd workspaces/stronger
say dvc push --run-cache
cd ../../../theirs
say python -m pipeline.commands.workspace create stronger
cd workspaces/stronger
say dvc repro --pull
