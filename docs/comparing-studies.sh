#!/bin/sh
# Runs the commands of docs/comparing-studies.md in a new clone; that page shows what they print.
# usage: docs/comparing-studies.sh FOLDER    (from the checkout, with its environment activated)
set -eu
git clone --quiet . "$1"
cd "$1"
git switch --quiet --create digits
cat > params.yaml <<'PARAMS'
seed: 0
dataset: {name: digits, path: data/incoming}
features:
  raw: {method: raw}
  hog: {method: hog, cell: 2, orientations: 9, channel: gray}
classical:
  raw_svm: {method: linear_svm, features: [raw], C: 0.001}
  hog_svm: {method: linear_svm, features: [hog], C: 0.001}
deep:
  mlp: {method: mlp, epochs: 5, deterministic: true}
corrupt: {}
sample_size: {sizes: [], draws: 5, steps: 500, runs: {}}
ablations: {}
not_run: {}
PARAMS
say() { printf '\n$ %s\n' "$*"; "$@" 2>&1; }

say dvc repro
git add params.yaml dvc.lock
say git commit --quiet --message "digits: raw pixels, HOG, an MLP"

say dvc exp run --name longer --set-param deep.mlp.epochs=15
say dvc params diff
say dvc metrics diff

say git restore params.yaml dvc.lock
say dvc checkout --quiet
say dvc exp run --queue --name stronger --set-param classical.hog_svm.C=0.1
say dvc exp run --queue --name coarser --set-param features.hog.cell=4
say dvc queue start
while dvc queue status | grep -qE 'Queued|Running'; do sleep 5; done
say dvc queue status
say dvc exp show --md --only-changed --drop '.*' --keep 'Exp.*|mlp.test_acc.*|hog_svm.test_acc.*|.*(epochs|svm.C|cell)$'
say dvc metrics diff --no-path digits coarser
say dvc plots diff digits longer coarser

say dvc exp run --name both --set-param '+deep.longer={method: mlp, epochs: 15, deterministic: true}'
say cat reports/study/tables/pairwise.csv
