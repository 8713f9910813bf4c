// Push deliveries of Google Cloud Pub/Sub, with a key of our own; google-auth-library, Google's, accepts each token before it
// is written.
import { createPublicKey, createSign } from "node:crypto";
import { readFileSync } from "node:fs";
import { OAuth2Client } from "google-auth-library";
import { date, now, write } from "./vector.mjs";

// The library asks for the time by `new Date()`, too.
const Real = Date;
globalThis.Date = class extends Real {
  constructor(...given) {
    super(...(given.length > 0 ? given : [now * 1000]));
  }
};

const key = readFileSync(new URL("keys/rsa.pem", import.meta.url), "utf8");
const publicKey = createPublicKey(key);
const id = "7d680d8c70d44e947133cbd499ebc1a61c3d5abc";
const url = "https://www.googleapis.com/oauth2/v3/certs";
const jwks = { keys: [{ ...publicKey.export({ format: "jwk" }), kid: id, use: "sig", alg: "RS256" }] };
const audience = "https://hooks.example.com/shop/endpoint";
const email = "push@project-7.iam.gserviceaccount.com";

async function token() {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = {
    aud: audience,
    azp: "113774264463038321964",
    email,
    sub: "113774264463038321964",
    email_verified: true,
    exp: now + 3500,
    iat: now - 100,
    iss: "https://accounts.google.com",
  };
  const signed = `${encode({ alg: "RS256", kid: id, typ: "JWT" })}.${encode(claims)}`;
  const token = `${signed}.${createSign("RSA-SHA256").update(signed).sign(key, "base64url")}`;
  const certificates = { [id]: publicKey.export({ format: "pem", type: "spki" }) };
  const client = new OAuth2Client();
  await client.verifySignedJwtWithCertsAsync(token, certificates, audience, ["https://accounts.google.com"]);
  return token;
}

async function make(provider, name, parameters, message, expect) {
  write(provider, name, {
    from: { kind: "sdk", name: "google-auth-library 10.9.1 (accepts)", date },
    now,
    parameters: { audience, email, ...parameters },
    fetched: { [url]: jwks },
    request: {
      method: "POST",
      url: audience,
      headers: [
        ["content-type", "application/json"],
        ["authorization", `Bearer ${await token()}`],
        ["user-agent", "CloudPubSub-Google"],
      ],
      body: JSON.stringify({ message, subscription: "projects/project-7/subscriptions/orders", deliveryAttempt: 1 }),
    },
    expect,
  });
}

const encode = (text) => Buffer.from(text).toString("base64");
const times = { publishTime: "2026-11-23T23:59:58.5Z", publish_time: "2026-11-23T23:59:58.5Z" };
const ids = { messageId: "2070443601311540", message_id: "2070443601311540" };
await make("gcp-pubsub", "sdk-attributes", {}, { attributes: { eventType: "OBJECT_FINALIZE" }, data: encode("zwölf ☃"), ...ids, ...times }, {
  event: "OBJECT_FINALIZE",
  id: "2070443601311540",
});
await make("gcp-pubsub", "sdk-plain", {}, { data: encode('{"order":7}'), ...ids, ...times }, { event: null, id: "2070443601311540" });
const notification = (kind, value) =>
  encode(JSON.stringify({ version: "1.0", packageName: "com.example.shop", eventTimeMillis: "1795478398000", [kind]: value }));
await make("google-play-rtdn", "sdk-subscription", { packageName: "com.example.shop" }, {
  data: notification("subscriptionNotification", { version: "1.0", notificationType: 4, purchaseToken: "PURCHASE_TOKEN" }),
  ...ids,
}, { event: "subscriptionNotification", id: "2070443601311540" });
await make("google-play-rtdn", "sdk-test", { packageName: "com.example.shop" }, {
  data: notification("testNotification", { version: "1.0" }),
  ...ids,
}, { event: "testNotification", id: "2070443601311540" });
