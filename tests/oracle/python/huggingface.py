"""Hugging Face: the secret is checked by huggingface_hub's server for webhooks, the body by its payload model."""

import asyncio

from fastapi import Request
from huggingface_hub import WebhookPayload, _webhooks_server

from vector import DATE, NOW, compact, write

SECRET = "an-oracles-random-token"


async def endpoint():
    return "taken"


def make(name, body, event):
    headers = [["Content-Type", "application/json"], ["X-Webhook-Secret", SECRET]]
    scope = {"type": "http", "headers": [(key.lower().encode(), value.encode()) for key, value in headers]}
    assert asyncio.run(protected(Request(scope))) == "taken", name
    WebhookPayload.model_validate_json(body)
    write(
        "huggingface",
        name,
        {
            "from": {"kind": "sdk", "name": "huggingface_hub 2.4.0 (accepts)", "date": DATE},
            "now": NOW,
            "secrets": [SECRET],
            "request": {"method": "POST", "url": "/shop/huggingface", "headers": headers, "body": body},
            "expect": {"event": event, "id": None},
        },
    )


_webhooks_server._load_fastapi()
protected = _webhooks_server._wrap_webhook_to_check_secret(endpoint, SECRET)

repo = {
    "id": "621ffdc036468d709f17434d",
    "type": "model",
    "name": "acme/lamp",
    "private": False,
    "owner": {"id": "628b753283ef59b5be89e937"},
    "url": {"web": "https://huggingface.co/acme/lamp", "api": "https://huggingface.co/api/models/acme/lamp"},
}
hook = {"id": "6390e855e30d9209411de93b", "version": 3}
discussion = {
    "id": "6399f58518721fdd27fc9ca9",
    "title": "Update co2 emissions ☀",
    "url": {"web": "https://huggingface.co/acme/lamp/discussions/19", "api": "https://huggingface.co/api/models/acme/lamp/discussions/19"},
    "status": "open",
    "author": {"id": "61d2f90c3c2083e1c08af22d"},
    "num": 19,
    "isPullRequest": True,
    "changes": {"base": "refs/heads/main"},
}
make("sdk-discussion", compact({"event": {"action": "create", "scope": "discussion"}, "repo": repo, "discussion": discussion, "webhook": hook}), "discussion.create")
make("sdk-repo-config", compact({"event": {"action": "update", "scope": "repo.config"}, "repo": repo, "webhook": hook}), "repo.config.update")
