"""The smallest service: health over gRPC, and a last word to the database when told to end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import grpc
import psycopg
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


async def main() -> None:
    if message := os.environ.get("TINY_REFUSAL"):
        sys.exit(message)
    await asyncio.sleep(float(os.environ.get("TINY_START_SECONDS", "0")))
    server, told = grpc.aio.server(), asyncio.Event()
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(f"127.0.0.1:{os.environ['FOOTFALL_TINY_PORT']}")
    await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    await server.start()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, told.set)
    await told.wait()
    await asyncio.sleep(float(os.environ.get("TINY_DRAIN_SECONDS", "0.3")))
    last_word()
    await server.stop(None)


def last_word() -> None:
    with psycopg.connect(os.environ["FOOTFALL_EVENT_INGEST_DATABASE_URL"]) as connection:
        who = connection.execute("SELECT current_user").fetchone()
    print("drained into a living database as", who, flush=True)


asyncio.run(main())
