"""How small a difference between two runs a test set can show."""

from __future__ import annotations

from math import ceil, nan, sqrt

ALPHA = 0.05
POWER = 0.8


def images_needed(
    difference: float, discordance: float, alpha: float = ALPHA, power: float = POWER
) -> float:
    """Return how many images McNemar's test needs to show a difference.

    Connor (Biometrics 43, 1987, 207-211, equation 3).

    Args:
        difference: of the two accuracies, above 0.
        discordance: the share of images that exactly one of the two classifies correctly; at least
            the difference.
        alpha: the level of the test, two-sided.
        power: the chance that the test finds the difference.

    Returns:
        The number, rounded up; NaN if the discordance is below the difference.
    """
    if not 0 < difference <= discordance:
        return nan
    from scipy.stats import norm

    z_alpha, z_power = float(norm.ppf(1 - alpha / 2)), float(norm.ppf(power))
    root = z_alpha * sqrt(discordance) + z_power * sqrt(discordance - difference**2)
    return float(ceil((root / difference) ** 2 - 1e-9))


def detectable_difference(
    n: int, discordance: float, alpha: float = ALPHA, power: float = POWER
) -> float:
    """Return the smallest difference that McNemar's test on n images finds with this power.

    Returns:
        The difference; NaN if even one as large as the discordance would not be found.
    """
    if not discordance > 0 or images_needed(discordance, discordance, alpha, power) > n:
        return nan
    low, high = 0.0, discordance
    for _ in range(60):
        middle = (low + high) / 2
        enough = images_needed(middle, discordance, alpha, power) <= n
        low, high = (low, middle) if enough else (middle, high)
    return high
