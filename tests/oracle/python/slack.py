"""Slack: signed and checked by slack_sdk's SignatureVerifier."""

from urllib.parse import urlencode

from slack_sdk.signature import Clock, SignatureVerifier

from vector import DATE, NOW, compact, write


class Fixed(Clock):
    def __init__(self, now):
        self._now = now

    def now(self):
        return self._now


SECRET = "oracle slack signing secret"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


def make(name, content_type, body, expect, source=("sdk", "slack_sdk 3.47.0"), secret=SECRET, now=NOW, signature=None):
    verifier = SignatureVerifier(secret, Fixed(now))
    signature = signature or verifier.generate_signature(timestamp=str(now), body=body)
    headers = [
        ["Content-Type", content_type],
        ["User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)"],
        ["X-Slack-Request-Timestamp", str(now)],
        ["X-Slack-Signature", signature],
    ]
    assert verifier.is_valid_request(body, dict(headers)), name
    write(
        "slack",
        name,
        {
            "from": {"kind": source[0], "name": source[1], "date": DATE},
            "now": now,
            "secrets": [secret],
            "request": {"method": "POST", "url": "/shop/slack", "headers": headers, "body": body},
            "expect": expect,
        },
    )


app = {"token": "not-a-token", "team_id": "T1ORACLE", "api_app_id": "A1ORACLE"}

message = compact(
    {
        **app,
        "event": {"type": "message", "channel": "C1ORACLE", "user": "U1ORACLE", "text": "héllo ☃", "ts": f"{NOW - 2}.000100"},
        "type": "event_callback",
        "event_id": "Ev1ORACLE",
        "event_time": NOW - 2,
    }
)
make("sdk-event", JSON, message, {"event": "message", "id": "Ev1ORACLE", "time": "2026-11-23T23:59:58Z"})

limited = compact({**app, "type": "app_rate_limited", "minute_rate_limited": NOW - 60})
make("sdk-rate-limited", JSON, limited, {"event": "app_rate_limited", "id": None})

action = {"type": "block_actions", "team": {"id": "T1ORACLE"}, "trigger_id": "1.2.oracle", "actions": [{"action_id": "ok", "value": "a+b & c=d"}]}
make("sdk-interaction", FORM, urlencode({"payload": compact(action)}), {"event": "block_actions", "id": None})

command = urlencode({"team_id": "T1ORACLE", "command": "/lamp", "text": "on 100%", "trigger_id": "1.2.oracle"})
make("sdk-command", FORM, command, {"event": "/lamp", "id": None})

challenge = compact({"token": "not-a-token", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P", "type": "url_verification"})
make(
    "sdk-url-verification",
    JSON,
    challenge,
    {
        "handshake": True,
        "answer": {"status": 200, "contentType": "text/plain", "body": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"},
    },
)

# The example of Slack's page: secret, time, body and signature are its own.
make(
    "documentation-command",
    FORM,
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    "&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
    {"event": "/webhook-collect", "id": None},
    source=("documentation", "docs.slack.dev, verifying requests from Slack"),
    secret="8f742231b10e8888abcd99yyyzzz85a5",
    now=1531420618,
    signature="v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
)
