"""Columns that several tables have."""

from __future__ import annotations

from pipeline.storage.columns import Column

RUN = Column("run", "The name of the run in params.yaml.", format="text")
FAMILY = Column("family", "classical, deep or hybrid.", format="text")
IMAGE = Column("image", "The path of its picture.", format="text")
IMAGE_ID = Column("id", "The id of the image.", format="count")
ACTUAL = Column("actual", "The class of the image.", format="text")
PREDICTED = Column("predicted", "The class that the run predicts.", format="text")
RANK = Column("rank", "The place within its kind, from 1 on.", format="count")
