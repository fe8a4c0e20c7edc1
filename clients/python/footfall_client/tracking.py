"""The surface that every tracker has: one `track`, and the words of the trade on top of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Literal, Unpack

from footfall.events.v1.event_pb2 import (
    EventContext,
    ModelRequest,
    ModelRequestStatus,
    Revenue,
    RevenueKind,
)
from footfall_client.visits import PageLeft
from footfall_client.wire import Amount, Detail, EventFields, to_money

Status = Literal["ok", "error", "timeout"]
Kind = Literal[
    "purchase",
    "subscription",
    "renewal",
    "expansion",
    "contraction",
    "cancellation",
    "refund",
]


class Tracking(ABC):
    """Everything that can be tracked.

    No method waits for the network or, unless the client was made with `raise_errors`, raises; each
    returns the id of the event, or None when it was dropped at once.
    """

    @abstractmethod
    def track(
        self,
        type: str,  # noqa: A002 - the word of the proto
        *,
        detail: Detail | Callable[[], Detail] | None = None,
        **fields: Unpack[EventFields],
    ) -> str | None:
        """Track an event of a registered type.

        Time and id are those of this moment unless given; `detail` is a typed detail, or what makes
        one.
        """

    @abstractmethod
    def _turn_page(self, user_id: str, url: str) -> PageLeft | None: ...

    def bind(self, **defaults: Unpack[EventFields]) -> Bound:
        """A tracker on which these fields need not be repeated.

        `context` and `properties` are merged key by key, other fields are replaced by what a call
        says.
        """
        return Bound(self, defaults)

    def track_feature(
        self, feature: str, /, *, abandoned: bool = False, **fields: Unpack[EventFields]
    ) -> str | None:
        """A feature was used, or begun and given up."""
        fields["feature"] = feature
        return self.track("feature_abandoned" if abandoned else "feature_used", **fields)

    def track_tool_usage(self, tool: str, /, **fields: Unpack[EventFields]) -> str | None:
        """A tool was used; `section` is the place in it."""
        fields["feature"] = tool
        return self.track("tool_usage", **fields)

    def track_export(
        self, tool: str, export_type: str, **fields: Unpack[EventFields]
    ) -> str | None:
        """Something was exported, such as a `pdf`. High impact: sent at once."""
        fields["feature"] = tool
        fields.setdefault("impact", "high")
        return self.track("export_action", **_with(fields, {"export_type": export_type}))

    def track_milestone(
        self,
        competency_area: str,
        /,
        description: str = "",
        *,
        competency_points: int,
        **fields: Unpack[EventFields],
    ) -> str | None:
        """A competency grew by so many points. High impact: sent at once."""
        fields["competency_area"] = competency_area
        fields.setdefault("impact", "high")
        said: dict[str, object] = {"competency_points": competency_points}
        if description:
            said["description"] = description
        return self.track("competency_milestone", **_with(fields, said))

    def track_resource_generation(
        self,
        tool: str,
        resource_type: str = "",
        *,
        succeeded: bool = True,
        **fields: Unpack[EventFields],
    ) -> str | None:
        """A resource was generated: high impact, sent at once. A failure is of medium impact."""
        fields["feature"] = tool
        fields.setdefault("impact", "high" if succeeded else "medium")
        said: dict[str, object] = {"succeeded": succeeded}
        if resource_type:
            said["resource_type"] = resource_type
        return self.track("resource_generation", **_with(fields, said))

    def track_model_request(  # house: the fields of the message, one a line
        self,
        model: str,
        *,
        provider: str = "",
        input_tokens: int = 0,
        output_tokens: int = 0,
        cache_read_tokens: int = 0,
        cache_write_tokens: int = 0,
        reasoning_tokens: int = 0,
        latency_ms: int = 0,
        status: Status = "ok",
        reported_cost: Amount | None = None,
        currency: str = "",
        was_routed: bool = False,
        router: str = "",
        router_confidence: float = 0.0,
        baseline_model: str = "",
        project: str = "",
        team: str = "",
        quality: float | None = None,
        **fields: Unpack[EventFields],
    ) -> str | None:
        """An AI model was called."""
        return self.track(
            "model_request",
            detail=lambda: ModelRequest(
                model=model,
                provider=provider,
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                cache_read_tokens=cache_read_tokens,
                cache_write_tokens=cache_write_tokens,
                reasoning_tokens=reasoning_tokens,
                latency_ms=latency_ms,
                status=ModelRequestStatus.Value(f"MODEL_REQUEST_STATUS_{status.upper()}"),
                reported_cost=None if reported_cost is None else to_money(reported_cost, currency),
                was_routed=was_routed,
                router=router,
                router_confidence=router_confidence,
                baseline_model=baseline_model,
                project=project,
                team=team,
                quality=quality,
            ),
            **fields,
        )

    def track_revenue(
        self,
        amount: Amount,
        currency: str,
        kind: Kind = "purchase",
        *,
        source: str = "",
        campaign: str = "",
        content_id: str = "",
        content_type: str = "",
        platform: str = "",
        tier: str = "",
        units: int = 0,
        **fields: Unpack[EventFields],
    ) -> str | None:
        """Money was earned or given back. A refund is a positive amount of its kind."""
        return self.track(
            "revenue",
            detail=lambda: Revenue(
                amount=to_money(amount, currency),
                kind=RevenueKind.Value(f"REVENUE_KIND_{kind.upper()}"),
                source=source,
                campaign=campaign,
                content_id=content_id,
                content_type=content_type,
                platform=platform,
                tier=tier,
                units=units,
            ),
            **fields,
        )

    def page(self, url: str, **fields: Unpack[EventFields]) -> str | None:
        """The user (or the process, without a `user_id`) looks at a page: a `page_view`.

        What the user does next carries the page and the time on it so far, until `leave_page`,
        another page or 30 idle minutes; how long the page before was looked at is told by a
        `navigation`.
        """
        self._tell_left(url, fields)
        return self.track("page_view", **_at(fields, url=url))

    def leave_page(self, **fields: Unpack[EventFields]) -> str | None:
        """The user left the page and went nowhere else."""
        return self._tell_left("", fields)

    def _tell_left(self, url: str, fields: EventFields) -> str | None:
        left = self._turn_page(fields.get("user_id") or "", url)
        if left is None:
            return None
        circumstances = _at(fields, url=left.url, time_on_page_ms=left.time_on_page_ms)
        circumstances.pop("event_id", None)
        return self.track("navigation", **circumstances)


class Bound(Tracking):
    """A tracker that knows some fields already, such as the user of the request in hand."""

    def __init__(self, tracking: Tracking, defaults: EventFields) -> None:
        self._tracking = tracking
        self._defaults = defaults

    def track(
        self,
        type: str,  # noqa: A002 - the word of the proto
        *,
        detail: Detail | Callable[[], Detail] | None = None,
        **fields: Unpack[EventFields],
    ) -> str | None:
        """As the tracker below, with the bound fields."""
        return self._tracking.track(type, detail=detail, **self._merged(fields))

    def page(self, url: str, **fields: Unpack[EventFields]) -> str | None:
        """As the tracker below, with the bound fields."""
        return super().page(url, **self._merged(fields))

    def leave_page(self, **fields: Unpack[EventFields]) -> str | None:
        """As the tracker below, with the bound fields."""
        return super().leave_page(**self._merged(fields))

    def _merged(self, fields: EventFields) -> EventFields:
        merged: EventFields = {**self._defaults, **fields}
        for name in ("properties", "context"):
            if name in self._defaults and name in fields:
                merged[name] = _joined(self._defaults[name], fields[name])
        return merged

    def _turn_page(self, user_id: str, url: str) -> PageLeft | None:
        return self._tracking._turn_page(user_id, url)  # noqa: SLF001 - one of us


def _with(fields: EventFields, properties: Mapping[str, object]) -> EventFields:
    fields["properties"] = _joined(fields.get("properties"), properties)
    return fields


def _at(fields: EventFields, **circumstances: str | int) -> EventFields:
    changed = fields.copy()
    changed["context"] = _joined(fields.get("context"), circumstances)
    return changed


def _joined(first: object, second: object) -> Any:
    """Both mappings in one. What is none is left for `track` to complain about."""
    one, other = _mapping(first), _mapping(second)
    return {**one, **other} if isinstance(one, Mapping) and isinstance(other, Mapping) else first


def _mapping(value: object) -> object:
    if isinstance(value, EventContext):
        return {field.name: known for field, known in value.ListFields()}
    return {} if value is None else value
