"""GetBehaviourProfile and ListBehaviourProfiles."""

from __future__ import annotations

from datetime import UTC, datetime

from footfall.insights.v1 import profile_requests_pb2 as pb
from services.insight.profiles import usecases, wire
from shared.database import Database
from shared.rpc.call import Call
from shared.rpc.page_token import PageTokens, page_size


class ProfileHandlers:
    """The RPCs on profiles."""

    def __init__(self, database: Database, tokens: PageTokens) -> None:
        self._database = database
        self._tokens = tokens

    async def GetBehaviourProfile(
        self, request: pb.GetBehaviourProfileRequest, call: Call
    ) -> pb.GetBehaviourProfileResponse:
        as_of = wire.from_as_of(request, datetime.now(UTC))
        profile = await usecases.get_behaviour_profile(
            self._database, call.identity, request.user_id, as_of
        )
        return pb.GetBehaviourProfileResponse(profile=wire.to_profile(profile, as_of))

    async def ListBehaviourProfiles(
        self, request: pb.ListBehaviourProfilesRequest, call: Call
    ) -> pb.ListBehaviourProfilesResponse:
        place = self._tokens.open(call, request, request.page_token)
        after, as_of = wire.from_place(place, datetime.now(UTC))
        page = await usecases.list_behaviour_profiles(
            self._database, call.identity, as_of, after=after, size=page_size(request.page_size)
        )
        response, last = wire.to_list_behaviour_profiles(page)
        if last is not None:
            response.next_page_token = self._tokens.seal(call, request, last)
        return response
