"""Viber's own library."""

from viberbot import Api, BotConfiguration

EXAMPLE = {"secret": "445da6az1s345z78-dazcczb2542zv51a-e0vc5fva17480im9", "event": "message"}


def verify(request):
    bot = Api(BotConfiguration(name="oracle", avatar="", auth_token=request.secret))
    return bot.verify_signature(request.body, request.headers["x-viber-content-signature"])
