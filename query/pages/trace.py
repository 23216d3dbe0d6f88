"""The pages of one trace and one span, and a value as text."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from query.access.guard import Access, Viewer
from query.api.traces import SPANS_MAX
from query.marks.comments import Comments
from query.marks.scores import Scores
from query.messages import messages
from query.pages import context, view
from query.pages.marks import panel
from query.pages.rendering import large_page, link
from query.reads import logs, replay, spans
from query.reads.models import Figures, Span, WholeSpan
from query.services import Services, Shared

_LOGS_MAX = 500

router = APIRouter(include_in_schema=False)

TraceId = Annotated[str, Query(alias="id", min_length=1)]
OfTrace = Annotated[str, Query(alias="trace", min_length=1)]


@router.get("/trace")
async def show_trace(
    *,
    request: Request,
    trace_id: TraceId,
    access: Viewer,
    projects: context.Projects,
    services: Shared,
    span: str = "",
) -> Response:
    """Show a trace: its tree beside its waterfall, and one of its spans."""
    store, project = services.store, access.project
    found = await replay.whole_trace(store, project, trace_id, spans_max=SPANS_MAX + 1)
    shown = found[:SPANS_MAX]
    chosen = next((s.span_id for s in shown if s.span_id == span), shown[0].span_id)
    total = _total(shown)
    ran = logs.Time(total.start_ns, total.end_ns)
    whole, records, ids, scores, comments = await asyncio.gather(
        spans.whole(store, project, trace_id, chosen),
        logs.of_trace(store, project, trace_id, ran, logs_max=_LOGS_MAX + 1),
        replay.sessions_of(store, project, trace_id),
        Scores(store, services.config.query.score_definitions).of_traces(project, [trace_id]),
        Comments(store).of_traces(project, [trace_id]),
    )
    return await large_page(
        request,
        "trace.html",
        **context.of(access, projects),
        **_detail(whole),
        **panel(access, services, {"trace_id": trace_id}, scores=scores, comments=comments),
        here=link("/trace", id=trace_id, span=span, project=project),
        trace_id=trace_id,
        session_ids=ids,
        total=total,
        records=view.logs(records[:_LOGS_MAX]),
        all_records=len(records) <= _LOGS_MAX,
        rows=view.waterfall(shown),
        width=view.WIDTH,
        is_whole=len(found) <= SPANS_MAX,
    )


@router.get("/span")
async def show_span(
    *,
    request: Request,
    trace_id: OfTrace,
    span_id: Annotated[str, Query(alias="id", min_length=1)],
    access: Viewer,
    projects: context.Projects,
    services: Shared,
) -> Response:
    """Show a span with everything that was sent."""
    whole = await spans.whole(services.store, access.project, trace_id, span_id)
    return await large_page(
        request,
        "span.html",
        **context.of(access, projects),
        **_detail(whole),
        **await _span_marks(access, services, whole),
        here=link("/span", trace=trace_id, id=span_id, project=access.project),
    )


@router.get("/value")
async def show_value(
    trace_id: OfTrace,
    span_id: Annotated[str, Query(alias="id", min_length=1)],
    of: Literal["input", "output"],
    access: Viewer,
    services: Shared,
) -> Response:
    """Return an input or output as the text that it is, whole."""
    whole = await spans.whole(services.store, access.project, trace_id, span_id)
    return PlainTextResponse(whole.input if of == "input" else whole.output)


async def _span_marks(access: Access, services: Services, span: WholeSpan) -> dict[str, Any]:
    scores, comments = await asyncio.gather(
        Scores(services.store, services.config.query.score_definitions).of_traces(
            access.project, [span.trace_id]
        ),
        Comments(services.store).of_traces(access.project, [span.trace_id]),
    )
    subject = {"trace_id": span.trace_id, "span_id": span.span_id}
    own_scores = [score for score in scores if score.span_id == span.span_id]
    own_comments = [comment for comment in comments if comment.span_id == span.span_id]
    return panel(access, services, subject, scores=own_scores, comments=own_comments)


def _detail(span: WholeSpan) -> dict[str, Any]:
    asks, answers = ("arguments", "result") if span.type == "tool" else ("user", "assistant")
    return {
        "span": span,
        "input_said": messages(span.input, role=asks),
        "output_said": messages(span.output, role=answers),
        "fold": view.FOLD_CHARACTERS,
    }


def _total(found: list[Span]) -> Figures:
    return Figures(
        start_ns=min(span.start_ns for span in found),
        end_ns=max(span.start_ns + span.duration_ns for span in found),
        span_count=len(found),
        error_count=sum(span.is_error for span in found),
        generation_count=sum(span.type == "generation" for span in found),
        input_tokens=sum(span.input_tokens for span in found),
        output_tokens=sum(span.output_tokens for span in found),
        total_tokens=sum(span.total_tokens for span in found),
        cost=sum(span.cost for span in found),
    )
