"""What the sessions of a project can be filtered by."""

from __future__ import annotations

from pydantic import BaseModel

from store.client import Store

_MAX = 25
_FACETS = f"""
SELECT
    arraySort(groupUniqArrayArray({_MAX})(Environments)),
    arraySort(groupUniqArrayArray({_MAX})(Models)),
    arraySort(groupUniqArrayArray({_MAX})(Tags)),
    arraySort(groupUniqArrayArray({_MAX})(Services))
FROM sessions_data
WHERE Project = {{project:String}} AND IsDeleted = 0
"""


class Facets(BaseModel):
    """Values that sessions have, some of them where there are many."""

    environments: list[str]
    models: list[str]
    tags: list[str]
    services: list[str]


async def of_project(store: Store, project: str) -> Facets:
    """Return what the sessions of a project can be filtered by."""
    [row] = await store.query(_FACETS, {"project": project})
    return Facets(**dict(zip(Facets.model_fields, row, strict=True)))
