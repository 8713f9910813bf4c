import { verifyWebhookSignatureWithCurrentTime } from "hook0-client";

// The library is that of Hook0, whose scheme Coinbase uses.
export const example = { secret: "oracle cdp subscription secret", event: "onchain.activity.detected", id: "evt_oracle1" };

export const verify = ({ headers, body, secret, now }) =>
  verifyWebhookSignatureWithCurrentTime(headers["x-hook0-signature"], body, new Headers(headers), secret, 300, new Date(now * 1000)) === true;
