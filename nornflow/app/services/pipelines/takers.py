"""Which workers take up a pipeline that nobody leads, and why those that are there do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nornflow.app.services.pipelines.spec import PipelineSpec
from nornflow.errors import UsageError
from nornflow.model.pipeline import PipelineRecord
from nornflow.model.submission import Post
from nornflow.store.posts import Posts
from nornflow.store.runs import SqlRunStore
from nornflow.store.workers import Workers


def takers(store: SqlRunStore) -> Sequence[Post]:
    """Return the posts of the workers that live and take more."""
    looker = Workers(store.engine)
    return [each.post for each in Posts(store.engine).all() if not each.draining and not looker.is_dead(each.worker.id)]


def why_not(spec: PipelineSpec, record: PipelineRecord, home: str, settings: Mapping[str, str]) -> str:
    """Return why a pipeline is not led in a project's folder under these settings; nothing when it may be.

    One that is to end begins no run any more, so that it may be ended under any settings.
    """
    if not spec.is_of(home):
        return f"it was begun in {spec.project}, where no worker is"
    changes = [] if record.wish is not None else spec.changes(settings)
    return f"no worker has its settings: {'; '.join(changes)}" if changes else ""


def why_untaken(kept: Mapping[str, object], record: PipelineRecord, posts: Sequence[Post]) -> str:
    """Return why none of the workers at these posts takes up a pipeline; nothing when one does, or there is none.

    What is not understood here may be understood by a worker of another version.
    """
    try:
        spec = PipelineSpec.read(kept)
    except UsageError:
        return ""
    found = [why_not(spec, record, post.home, post.settings) for post in posts]
    return "" if "" in found else next(iter(found), "")
