"""The sections of the page, top to bottom: the folders of their questions."""

ORDER = (
    "accuracy",
    "decision",
    "health",
    "near_duplicates",
    "learning_curves",
    "overfitting",
    "depth",
    "tuning",
    "cost",
    "pairwise",
    "calibration",
    "corruption",
    "two_classes",
    "confusion",
    "features_seen",
    "networks_seen",
    "mistakes",
    "samples",
    "confidence",
    "setup",
)
