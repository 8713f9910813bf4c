import { createSecretKey } from "node:crypto";
import jwt from "messagebird/lib/webhook-signature-jwt.js";

export const example = {
  secret: "oracle messagebird signing key, 32 bytes and more",
  event: "message.created",
  publicUrl: "https://hooks.example.com/shop/messagebird",
};

export async function verify({ url, headers, body, secret, now }) {
  const options = new jwt.VerifyOptions(true, true, {
    issuer: "MessageBird",
    algorithms: ["HS256", "HS384", "HS512"],
    clockTolerance: 5,
    currentDate: new Date(now * 1000),
  });
  const full = new URL(url, example.publicUrl).href;
  await jwt.verify(full, body, headers["messagebird-signature-jwt"], createSecretKey(Buffer.from(secret)), options);
  return true;
}
