"""What is asked of DVC about a study, and told to it; see `pipeline.commands.jobs.dvc_process`.

The working directory is the study's folder. DVC is imported inside the functions, so that importing
their names costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config.yaml_files import dump_yaml
from pipeline.storage.files import save_text

if TYPE_CHECKING:
    from dvc.stage import Stage

LOCK = "dvc.lock"


@dataclass(frozen=True)
class Node:
    """A stage in DVC's graph."""

    name: str
    needs: frozenset[str]
    """Stages whose outputs it depends on."""
    in_run_cache: bool
    """Whether DVC finds its results again on any machine that shares the cache."""


def load_graph() -> list[Node]:
    """Return all stages, each after those that it needs."""
    import networkx
    from dvc.repo import Repo

    with Repo(_wait_for_lock=True) as repo:
        graph = repo.index.graph
        return [
            Node(
                stage.addressing,
                frozenset(each.addressing for each in graph.successors(stage)),
                _in_run_cache(stage),
            )
            for stage in networkx.dfs_postorder_nodes(graph)
        ]


def _in_run_cache(stage: Stage) -> bool:
    """Return whether DVC's run cache takes a stage, as `dvc.stage.cache` decides."""
    if stage.always_changed or not (stage.cmd and stage.deps and stage.outs):
        return False
    return all(out.is_in_repo and out.use_cache and not out.persist for out in stage.outs)


def unchanged(finished: Collection[str]) -> list[str]:
    """Return the stages that need not run, given those that just have.

    A stage need not run if neither it nor its files have changed, and the same is true of all
    stages that it needs.
    """
    import networkx
    from dvc.repo import Repo, lock_repo

    done = set(finished)
    with Repo(_wait_for_lock=True) as repo, lock_repo(repo):
        graph = repo.index.graph
        for stage in networkx.dfs_postorder_nodes(graph):
            needed = {each.addressing for each in graph.successors(stage)}
            if needed <= done and stage.addressing not in done and not stage.changed():
                done.add(stage.addressing)
    return sorted(done - set(finished))


def reproduce(stage: str) -> int:
    """Run ``dvc --wait-for-lock repro --single-item <stage>``; return its exit code."""
    from dvc.cli import main

    return main(["--wait-for-lock", "repro", "--single-item", stage])


def restore(stage: str) -> bool:
    """Bring a stage's results from the cache, if they are there; never run it."""
    from dvc.repo import Repo, lock_repo
    from dvc.stage.cache import RunCacheNotFoundError

    with Repo(_wait_for_lock=True) as repo, lock_repo(repo):
        (found,) = repo.stage.collect(stage)
        if found.changed():
            found.save_deps()
            try:
                repo.stage_cache.restore(found, dry=True)
            except RunCacheNotFoundError:
                return False
    return reproduce(stage) == 0


def locked_entries(stages: Sequence[str]) -> dict[str, Any]:
    """Return what dvc.lock says of stages: the checksums of their dependencies and outputs."""
    from dvc.repo import Repo, lock_repo
    from dvc.utils.serialize import load_yaml

    with Repo(_wait_for_lock=True) as repo, lock_repo(repo):
        document = load_yaml(LOCK)
    return {name: document["stages"][name] for name in stages}


def check_out(entries: dict[str, Any]) -> None:
    """Bring the outputs of stages from the cache, given their entries of dvc.lock.

    The stages of DVC's file that are not given are forgotten; their results stay in the cache. All
    is done under one lock: DVC removes an output of which dvc.lock says nothing, so no other call
    may write dvc.lock between this one's writing and its reading.
    """
    from dvc.repo import Repo, lock_repo

    with Repo(_wait_for_lock=True) as repo, lock_repo(repo):
        text = dump_yaml({"schema": "2.0", "stages": entries})
        lock = Path(LOCK)
        if not lock.exists() or lock.read_text(encoding="utf-8") != text:
            save_text(lock, text)
        repo.checkout(targets=list(entries), force=True)  # reads dvc.lock now


def cache_folder() -> str:
    """Return the path of DVC's cache."""
    from dvc.repo import Repo

    with Repo() as repo:
        return str(repo.cache.local.path)
