import { ElevenLabsClient } from "@elevenlabs/elevenlabs-js";

export const example = { secret: "wsec_an-oracles-secret", event: "post_call_transcription" };

export async function verify({ headers, body, secret }) {
  const client = new ElevenLabsClient({ apiKey: "unused" });
  await client.webhooks.constructEvent(body.toString("utf8"), headers["elevenlabs-signature"], secret);
  return true;
}
