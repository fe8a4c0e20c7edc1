"""TLS and mutual TLS: who is let in, who is not, and which files stop the start."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from grpc import StatusCode, aio

from footfall.events.v1 import event_ingest_pb2
from shared.settings import ListenSettings
from shared.tls import TlsFiles, TlsUnusable, channel_credentials, server_credentials
from tests.certificates import Authority, Issued, authority
from tests.serving import Running, Unused, refusal, serving


class Handlers(Unused):
    """Answers."""

    async def ListEvents(self, _request: Any, _call: Any) -> Any:
        return event_ingest_pb2.ListEventsResponse()


@dataclass
class Authorities:
    """Ours, and another that nobody here trusts."""

    ours: Authority
    other: Authority


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Authorities:
    folder = tmp_path_factory.mktemp("certificates")
    return Authorities(authority(folder, "ours"), authority(folder, "other"))


@asynccontextmanager
async def mutual(
    authorities: Authorities, server_name: str = "127.0.0.1", names: tuple[str, ...] = ()
) -> AsyncIterator[tuple[Running, Callable[[Issued | None], Any]]]:
    """A server that asks for certificates, and a way to call it with one."""
    server_files = authorities.ours.issue(server_name)
    listen = ListenSettings(
        tls_cert_file=server_files.cert,
        tls_key_file=server_files.key,
        tls_client_ca_file=authorities.ours.file,
        tls_client_names=names,
    )
    async with serving(ingest=Handlers(), listen=listen) as server:
        yield server, partial(_call_with, authorities, server)


async def _call_with(authorities: Authorities, server: Running, client: Issued | None) -> bytes:
    key, chain = (client.key_bytes, client.cert_bytes) if client else (None, None)
    credentials = grpc.ssl_channel_credentials(authorities.ours.pem, key, chain)
    async with aio.secure_channel(server.address, credentials) as channel:
        return await Running(server.life, channel, server.metrics).unary("ListEvents", timeout=5)


async def test_a_client_with_a_certificate_of_ours_is_served(authorities: Authorities) -> None:
    async with mutual(authorities) as (_, call):
        assert await call(authorities.ours.issue("journey")) == b""


async def test_wrong_certificates_fail_the_handshake(authorities: Authorities) -> None:
    """Test 35: none at all, of another authority, expired."""
    async with mutual(authorities) as (_, call):
        for client in (
            None,
            authorities.other.issue("journey"),
            authorities.ours.issue("journey", expired=True),
        ):
            failed = await refusal(call(client))
            assert (failed.code, failed.reason) == (StatusCode.UNAVAILABLE, "")


async def test_a_server_of_another_name_is_not_trusted(authorities: Authorities) -> None:
    """Test 35, wrong SAN, as the client sees it."""
    async with mutual(authorities, server_name="elsewhere.example") as (_, call):
        failed = await refusal(call(authorities.ours.issue("journey")))
        assert failed.code is StatusCode.UNAVAILABLE


async def test_a_client_of_another_name_is_refused(authorities: Authorities) -> None:
    """Test 35, wrong SAN, as the server sees it: the name is the certificate's."""
    async with mutual(authorities, names=("journey", "gateway")) as (_, call):
        assert await call(authorities.ours.issue("gateway", "second.example")) == b""
        failed = await refusal(call(authorities.ours.issue("pricing")))
        assert (failed.code, failed.reason) == (
            StatusCode.UNAUTHENTICATED,
            "CREDENTIAL_REFUSED",
        )


async def test_plaintext_does_not_get_through(authorities: Authorities) -> None:
    """Test 35."""
    async with mutual(authorities) as (server, _), aio.insecure_channel(server.address) as channel:
        plain = Running(server.life, channel, server.metrics)
        assert (await refusal(plain.unary("ListEvents"))).code is StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("version", "welcome"),
    [
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_nothing_below_tls_1_2_is_spoken(
    authorities: Authorities, version: ssl.TLSVersion, *, welcome: bool
) -> None:
    """Test 35. The client here would speak it: its own security level is lowered."""
    files = authorities.ours.issue("127.0.0.1")
    listen = ListenSettings(tls_cert_file=files.cert, tls_key_file=files.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authorities.ours.file)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols(["h2"])
    context.minimum_version = context.maximum_version = version
    credentials = partial(_trusting, authorities)
    async with serving(ingest=Handlers(), listen=listen, channel=credentials) as server:
        host, port = server.address.rsplit(":", 1)
        if welcome:
            _, writer = await asyncio.open_connection(host, int(port), ssl=context)
            writer.close()
        else:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.open_connection(host, int(port), ssl=context)
        await server.unary("ListEvents")


def _trusting(authorities: Authorities, address: str) -> aio.Channel:
    return aio.secure_channel(address, grpc.ssl_channel_credentials(authorities.ours.pem))


def _files(issued: Issued, **other: Path) -> TlsFiles:
    return TlsFiles(**{"cert": issued.cert, "key": issued.key, **other})


def test_without_files_there_is_no_tls() -> None:
    assert server_credentials(TlsFiles()) is None
    assert channel_credentials(TlsFiles()) is None


def test_keys_that_are_good_enough_are_taken(authorities: Authorities) -> None:
    for key in (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ):
        issued = authorities.ours.issue("x", key=key)
        assert server_credentials(_files(issued, client_ca=authorities.ours.file))
        assert channel_credentials(_files(issued, ca=authorities.ours.file))


def test_unfit_files_are_refused_by_the_name_of_their_setting(
    authorities: Authorities, tmp_path: Path
) -> None:
    """Test 34: missing, weak, readable by all, of another certificate, expired, no PEM."""
    good, second = authorities.ours.issue("x"), authorities.ours.issue("x")
    weak = authorities.ours.issue("x", key=rsa.generate_private_key(65537, 1024))
    small = authorities.ours.issue("x", key=ec.generate_private_key(ec.SECP224R1()))
    old = authorities.ours.issue("x", expired=True)
    bare = authorities.ours.issue("x")
    bare.key.chmod(0o644)
    noise = tmp_path / "noise.pem"
    noise.write_text("noise")
    noise.chmod(0o600)
    for files, named in (
        (TlsFiles(cert=good.cert), "FOOTFALL_TLS_KEY_FILE is missing"),
        (TlsFiles(key=good.key), "FOOTFALL_TLS_CERT_FILE is missing"),
        (_files(good, key=tmp_path / "none"), "FOOTFALL_TLS_KEY_FILE is .*none.* cannot be read"),
        (_files(good, key=second.key), "FOOTFALL_TLS_KEY_FILE is not the key"),
        (_files(weak), "FOOTFALL_TLS_KEY_FILE is .* too weak"),
        (_files(small), "FOOTFALL_TLS_KEY_FILE is .* too weak"),
        (_files(bare), "FOOTFALL_TLS_KEY_FILE is .*everybody may read.*chmod 600"),
        (_files(good, key=noise), "FOOTFALL_TLS_KEY_FILE is .* no private key"),
        (_files(good, cert=noise), "FOOTFALL_TLS_CERT_FILE is .* no certificate"),
        (_files(old), "FOOTFALL_TLS_CERT_FILE is .* expired"),
        (_files(good, client_ca=noise), "FOOTFALL_TLS_CLIENT_CA_FILE"),
    ):
        with pytest.raises(TlsUnusable, match=named):
            server_credentials(files)


def test_a_key_on_a_read_only_mount_is_accepted_with_the_modes_it_has(
    authorities: Authorities, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Test 34: orchestrators mount secrets readable, and nobody can change that."""
    issued = authorities.ours.issue("x")
    issued.key.chmod(0o444)

    class ReadOnly:
        f_flag = os.ST_RDONLY

    monkeypatch.setattr(os, "statvfs", lambda _: ReadOnly)
    assert server_credentials(_files(issued))
