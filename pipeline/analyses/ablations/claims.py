"""Is a claim confirmed, refuted, or neither?

Each claim has a two-sided test of the advantage being exactly what it says at least (`by`, 0 by
default). If it is rejected, the claim is confirmed or refuted, whichever side the advantage is on;
otherwise the two values are not separated, which shows nothing. A claim that two values are about
the same is confirmed if a difference of `within` is rejected in both directions (Schuirmann,
Journal of Pharmacokinetics and Biopharmaceutics 15, 1987, 657-680, here with two-sided tests), and
refuted if the difference is significantly larger. The p-values of all claims of an ablation are
corrected together by Holm's method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipeline.analyses.ablated import ScoredAblation
from pipeline.analyses.ablations.measures import Advantage, advantage
from pipeline.config.ablations import Claim
from pipeline.statistics.multiple_comparisons import holm

LEVEL = 0.05
Verdict = Literal["confirmed", "refuted", "not separated"]


@dataclass(frozen=True)
class JudgedClaim:
    """A claim with its verdict."""

    claim: Claim
    verdict: Verdict
    advantage: Advantage | None
    """None where the two cannot be compared."""
    p_value: float
    corrected: float
    """By Holm's method."""
    trainings: int
    """Of each value."""
    images: int
    """Test images; 0 where the measure is of no image."""


def judge(ablation: ScoredAblation) -> list[JudgedClaim]:
    """Judge all claims of an ablation, in the order of params.yaml."""
    claims = ablation.options.claims
    if not claims:
        return []
    found = [_advantage(ablation, each) for each in claims]
    tests = [_test(claim, each) for claim, each in zip(claims, found, strict=True)]
    corrected = holm([p for p, _ in tests])
    return [
        JudgedClaim(
            claim=claim,
            verdict=side if adjusted < LEVEL else "not separated",
            advantage=each,
            p_value=p,
            corrected=float(adjusted),
            trainings=ablation.options.repeats,
            images=_images(ablation, claim),
        )
        for claim, each, (p, side), adjusted in zip(claims, found, tests, corrected, strict=True)
    ]


def _advantage(ablation: ScoredAblation, claim: Claim) -> Advantage | None:
    first, second = (ablation.value(label) for label in claim.pair)
    return advantage(ablation, first, second, claim.measure)


def _test(claim: Claim, found: Advantage | None) -> tuple[float, Verdict]:
    """Return the p-value, and what the verdict is if it is small."""
    if found is None:
        return 1.0, "not separated"
    estimate = found.estimate
    if claim.within is None:
        margin = found.margin(claim.by)
        return estimate.p_value(margin), "confirmed" if estimate.value > margin else "refuted"
    margin = found.margin(claim.within)  # a ratio is as far from 1 in both directions
    nearest = max(estimate.p_value(margin), estimate.p_value(-margin))
    return nearest, "confirmed" if abs(estimate.value) <= margin else "refuted"


def _images(ablation: ScoredAblation, claim: Claim) -> int:
    if claim.measure not in ("accuracy", "generalization_gap"):
        return 0
    sizes: Sequence[int] = [len(ablation.value(label).ids) for label in claim.pair]
    return min(sizes)
