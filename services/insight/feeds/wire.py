"""Feeds between the wire and values, and the body of their webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

import orjson
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.insights.v1 import feed_pb2 as pb
from services.insight.detection.rules.vocabulary import Subject, SubjectKind
from services.insight.feeds.rules import TOPICS, Delivery, Feed, fitting
from services.insight.insights.rules.life import Insight
from services.insight.insights.wire import to_fitting, to_insight

MAX_BODY_BYTES = 20_000
"""Receivers of Standard Webhooks may refuse larger ones."""

Published = TypeVar("Published", pb.PublishToConciergeResponse, pb.PublishToTierManagerResponse)


def from_subject(
    request: pb.GetConciergeContextRequest | pb.PublishToConciergeRequest,
) -> Subject | None:
    """Whom the session is with; None for anybody."""
    kind = request.WhichOneof("subject")
    if kind is None:
        return None
    if kind == "user_id":
        return Subject(SubjectKind.USER, request.user_id)
    return Subject(SubjectKind.CLIENT, request.client_id)


def from_feed(feed: int) -> Feed | None:
    """Which feed is asked for; None for all."""
    return Feed(feed) if feed else None


def to_context(found: Sequence[Insight], as_of: datetime) -> pb.GetConciergeContextResponse:
    """The context of a session."""
    shown, _ = to_fitting(found)
    return pb.GetConciergeContextResponse(insights=shown, as_of=_timestamp(as_of))


def to_published(
    answer: type[Published], delivery: Delivery, handed: Sequence[Insight]
) -> Published:
    """What was handed over."""
    shown, _ = to_fitting(handed)
    return answer(delivery=to_delivery(delivery), insights=shown)


def to_delivery(one: Delivery) -> pb.FeedDelivery:
    """The record of what was handed over."""
    shown = pb.FeedDelivery(
        delivery_id=str(one.delivery_id),
        feed=cast("pb.Feed.ValueType", int(one.feed)),
        session_id=one.session_id,
        insight_ids=map(str, one.insight_ids),
        created_at=_timestamp(one.created_at),
        created_by=one.created_by,
        state=cast("pb.DeliveryState.ValueType", int(one.state)),
        attempts=one.attempts,
        last_status=one.last_status or 0,
        last_error=one.last_error,
    )
    if one.next_attempt_at is not None:
        shown.next_attempt_at.FromDatetime(one.next_attempt_at)
    if one.finished_at is not None:
        shown.finished_at.FromDatetime(one.finished_at)
    return shown


def to_message(delivery: Delivery, handed: Sequence[Insight]) -> Mapping[str, Any]:
    """The body of the webhook: as many of the insights as it has room for, in names of the proto.

    The others are told of by `insight_count`; ListFeedDeliveries has the ids of all.
    """
    shown = [MessageToDict(to_insight(one), preserving_proto_field_name=True) for one in handed]
    data = {
        "delivery_id": str(delivery.delivery_id),
        "session_id": delivery.session_id,
        "insight_count": len(shown),
        "truncated": False,
        "insights": [],
    }
    body = {
        "type": TOPICS[delivery.feed],
        "timestamp": delivery.created_at.astimezone(UTC).isoformat(),
        "data": data,
    }
    room = MAX_BODY_BYTES - len(orjson.dumps(body))
    many = fitting([len(orjson.dumps(one)) + 1 for one in shown], room)
    data["insights"], data["truncated"] = shown[:many], many < len(shown)
    return body


def _timestamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
