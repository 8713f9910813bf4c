import { WebhookReceiver } from "livekit-server-sdk";

export const example = { secret: "exampleLiveKitSecretOfThirtyTwoChars", event: "room_started", id: "EV_example", parameters: { apiKey: "APIexample" } };

// Throws where the token or the body is wrong.
export async function verify({ headers, body, secret }) {
  await new WebhookReceiver(example.parameters.apiKey, secret).receive(body.toString(), headers.authorization);
  return true;
}
