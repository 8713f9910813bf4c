import { createPrivateKey, createPublicKey } from "node:crypto";
import { EventWebhook } from "@sendgrid/eventwebhook";

// A delivery is signed with the private half: a P-256 key made for this, as base64 of its PKCS#8 form.
export const example = {
  secret: "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgU9Lgw8KdCcp04zu2DEi0/yZ6ajsmk3Ash+vH6QB0ZNyhRANCAATCpwb4JdLuZkCOFJ7HH6Qz6Y9lJuv2VhZpG404J2nMmLXdyEHvanma/ogALxCc+bW+gsxeg+MfLRUiFjWul7p3",
  event: "delivered",
  body: '[{"email":"zoe@example.com","event":"delivered","sg_event_id":"oracle-1","timestamp":1795478398}]\r\n',
};

export async function verify({ headers, body, secret }) {
  const key = createPublicKey(createPrivateKey({ key: Buffer.from(secret, "base64"), format: "der", type: "pkcs8" }));
  const webhook = new EventWebhook();
  return webhook.verifySignature(
    webhook.convertPublicKeyToECDSA(key.export({ format: "der", type: "spki" }).toString("base64")),
    body,
    headers["x-twilio-email-event-webhook-signature"],
    headers["x-twilio-email-event-webhook-timestamp"],
  );
}
