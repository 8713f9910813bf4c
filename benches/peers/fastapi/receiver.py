"""A receiver as one writes it by hand in Python: FastAPI and nats-py. Reads NATS_URL and SECRET."""

import hashlib
import hmac
import os
from contextlib import asynccontextmanager

import nats
from fastapi import FastAPI, Request, Response
from nats.errors import Error
from nats.js.api import DiscardPolicy, StreamConfig

SECRET = os.environ["SECRET"].encode()
HOUR = 3600


@asynccontextmanager
async def connected(app: FastAPI):
    connection = await nats.connect(os.environ["NATS_URL"])
    app.state.store = connection.jetstream()
    await app.state.store.add_stream(
        StreamConfig(
            name="WEBHOOKS",
            subjects=["webhooks.>"],
            discard=DiscardPolicy.NEW,
            max_age=168 * HOUR,
            duplicate_window=2 * HOUR,
        )
    )
    yield
    await connection.close()


app = FastAPI(lifespan=connected, openapi_url=None)


@app.post("/bench/hmac")
async def receive(request: Request) -> Response:
    body = await request.body()
    expected = "sha256=" + hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    sent = request.headers.get("x-hub-signature-256", "")
    if not hmac.compare_digest(sent.encode(), expected.encode()):
        return Response(status_code=401)
    headers = {"Nats-Msg-Id": request.headers["x-github-delivery"]}
    try:
        await request.app.state.store.publish("webhooks.bench.hmac.push", body, headers=headers)
    except Error:
        return Response(status_code=503)
    return Response(status_code=200)
