import autohook from "twitter-autohook";

export const example = { secret: "oracle-x-consumer-secret", event: "tweet_create_events" };

export const verify = async ({ headers, body, secret }) => autohook.validateSignature(headers, { consumer_secret: secret }, body);
