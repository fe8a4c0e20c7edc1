"""The scheme of Standard Webhooks 1.0.0: its published vector, and all that a receiver refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.insight.webhooks.rules import signing
from services.insight.webhooks.rules.endpoints import Endpoint
from tests.receiving import NotGenuine, verified

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECRET = signing.to_secret(bytes(range(32)))
OTHER = signing.to_secret(bytes(range(1, 33)))
BODY = b'{"type":"feed.concierge"}'


def test_the_published_vector() -> None:
    signature = signing.sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@given(st.binary(min_size=24, max_size=64), st.text(), st.integers(0, 2**33))
def test_a_receiver_believes_what_is_signed(key: bytes, text: str, second: int) -> None:
    body, now = text.encode(errors="replace"), datetime.fromtimestamp(second, UTC)
    secret, message_id = signing.to_secret(key), str(uuid4())
    headers = signing.headers([secret], message_id, now, body)
    assert headers["webhook-id"] == message_id
    assert verified(secret, headers, body, now.timestamp()) == body


def headers_now() -> dict[str, str]:
    return dict(signing.headers([SECRET], str(uuid4()), NOW, BODY))


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "5f0c1a52-6c1e-4b55-9a0e-3f1d2c4b5a69"},
        {"webhook-timestamp": str(int(NOW.timestamp()) + 1)},
        {"webhook-timestamp": "today"},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": ""},
    ],
    ids=str,
)
def test_a_receiver_refuses_what_was_changed(change: dict[str, str]) -> None:
    assert verified(SECRET, headers_now(), BODY, NOW.timestamp())
    with pytest.raises(NotGenuine):
        verified(SECRET, {**headers_now(), **change}, BODY, NOW.timestamp())


def test_a_receiver_refuses_another_body_or_key() -> None:
    for secret, body in ((SECRET, BODY + b" "), (OTHER, BODY)):
        with pytest.raises(NotGenuine):
            verified(secret, headers_now(), body, NOW.timestamp())


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_receiver_refuses_without(missing: str) -> None:
    headers = headers_now()
    del headers[missing]
    with pytest.raises(NotGenuine):
        verified(SECRET, headers, BODY, NOW.timestamp())


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_receiver_refuses_what_is_old_or_early(seconds: int) -> None:
    headers = headers_now()
    assert verified(SECRET, headers, BODY, NOW.timestamp() + seconds // 301 * 300)
    with pytest.raises(NotGenuine):
        verified(SECRET, headers, BODY, NOW.timestamp() + seconds)


def test_during_a_rotation_either_secret_verifies() -> None:
    headers = signing.headers([OTHER, SECRET], "one", NOW, BODY)
    for secret in (OTHER, SECRET):
        assert verified(secret, headers, BODY, NOW.timestamp())
    assert len(headers["webhook-signature"].split(" ")) == 2


def test_the_secret_before_signs_for_a_day() -> None:
    endpoint = Endpoint("https://acme.example/", OTHER, SECRET, NOW)
    assert endpoint.secrets(NOW) == (OTHER, SECRET)
    assert endpoint.secrets(NOW + timedelta(hours=24, seconds=-1)) == (OTHER, SECRET)
    assert endpoint.secrets(NOW + timedelta(hours=24)) == (OTHER,)
    assert Endpoint("https://acme.example/", SECRET).secrets(NOW) == (SECRET,)


@pytest.mark.parametrize("size", [0, 23, 65])
def test_keys_of_other_sizes_sign_nothing(size: int) -> None:
    with pytest.raises(ValueError, match="24 to 64"):
        signing.key_of(signing.to_secret(bytes(size)))


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_%%", SECRET.removeprefix("whsec_")])
def test_what_is_no_secret_signs_nothing(secret: str) -> None:
    with pytest.raises(ValueError, match="a secret is"):
        signing.key_of(secret)
