"""Whatever stands in params.yaml: it is read, or one message says what to fix, and soon."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.checks import LONGEST_MESSAGE, StudyError
from pipeline.config.params import load_params

BASE = """\
seed: 3
dataset: {name: photos, path: data/incoming, classes: [coffee, retina], limit: 50}
not_run: {resnet: too slow}
corrupt:
  svm: {limit: 30, severities: [1, 5]}
features:
  hog: {method: hog, cell: [8, 16], signed: true}
  color: {method: color_histogram, bins: 8}
classical:
  svm: {method: linear_svm, features: [hog], C: 0.001}
  both:
    method: rbf_svm
    features: [hog, color]
    scaling: unit
    weights: [1.0, 0.5]
    gamma: scale
    tune: {trials: 4, ranges: {C: {low: 1.0e-3, high: 9, log: true}}}
deep:
  lenet5: {method: lenet5, epochs: 2, learning_rate: 1.0e-3, seeds: [1, 2]}
  transfer:
    method: transfer
    weights: random
    then: [{unfreeze: 1, epochs: 1}]
"""
VALUES = (
    "", "~", "{}", "[]", "[[]]", "{a: {}}", "''", "yes", "true", "012", "0x1f", "0x_", "1_0", "7",
    "1:30", "1e3", "1e-300", "1e300", "-1", "0", ".inf", "-.inf", ".nan", "0.5", "3", "svm", "hog",
    "2020-13-40", "2020-01-01", "2020-01-01 25:61:61", "!!float abc", "!!int z", "!!bool abc",
    "!!binary x", "!!timestamp x", "!!python/object:os.system x", "!x y", "&a [*a]", "*unknown",
    "<<", "=", "@x", "`x", "%x", "{{ x }}", "1099511627776", "9" * 90, "9" * 5000, "a" * 30_000,
    "é\u2028\ud7ff", "\x07", "\x00", "0x" + "f" * 9000, "[" * 3000, "[" * 40 + "]" * 40,
    "{a: " * 3000, "- " * 3000, "? " * 3000, "[" + "1, " * 1000 + "]",
    f"{{{', '.join(f'k{i}: 1' for i in range(900))}}}", "x; touch p #", "'$(x)'", "../x",
    "&b [x, x, x, x, x, x, x, x, x, x]", "[*b, *b, *b, *b, *b, *b]", "class_weight", "rotation",
    "kernel", "weights.1", "CON", "a\n  b: c", "'", '"', "# x", "\t", "|",
)  # fmt: skip
"""What is put in the place of something."""


def mutated(text: str, rng: random.Random) -> str:
    """Change one or two places of a YAML text: values, keys, lines, characters."""
    for _ in range(rng.randint(1, 2)):
        lines = text.splitlines() or [""]
        place = rng.randrange(len(lines))
        line = lines[place]
        words = list(re.finditer(r"[\w./-]+", line))
        change = rng.randrange(10)
        if change <= 5 and words:
            word = rng.choice(words)
            lines[place] = line[: word.start()] + rng.choice(VALUES) + line[word.end() :]
        elif change == 6:
            lines.insert(place, rng.choice(lines))
        elif change == 7:
            lines[place] = " " * rng.randrange(6) + line.lstrip()
        elif change == 8:
            del lines[place]
        else:
            at = rng.randrange(len(line) + 1)
            letter = chr(rng.choice((*range(32, 127), 0, 7, 0x85, 0x2028, 0xFFFE)))
            lines[place] = line[:at] + letter + line[at + rng.randrange(2) :]
        text = "\n".join(lines) + "\n"
    return text


def outcomes(text: str, seeds: Sequence[int], path: Path) -> Counter[str]:
    """Read a mutation for each seed; return what came of them, and the ones that are wrong."""
    counts: Counter[str] = Counter()
    for seed in seeds:
        path.write_text(mutated(text, random.Random(seed)), encoding="utf-8")
        started = time.process_time()
        try:
            load_params(path)
            outcome = "read"
        except StudyError as error:
            outcome = "refused" if len(str(error)) <= LONGEST_MESSAGE else f"long: {seed}"
        except Exception as error:  # a defect: its seed says how to see it again
            outcome = f"raw: {seed}: {error!r:.200}"
        if time.process_time() - started > 2:
            outcome = f"slow: {seed}"
        counts[outcome] += 1
    return counts


def test_it_is_read_unchanged(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(BASE, encoding="utf-8")
    assert len(load_params(path).roster) == 4


@pytest.mark.tried(
    "params.yaml",
    "random changes of values, keys, lines and characters",
    "it is read, or refused with one message of at most 2,000 characters, within 2 seconds",
)
def test_any_change_is_read_or_refused_in_one_message(tmp_path, trials):
    counts = outcomes(BASE, range(300), tmp_path / "params.yaml")
    assert set(counts) == {"read", "refused"}, counts
    assert min(counts.values()) > 10
    trials(300)
