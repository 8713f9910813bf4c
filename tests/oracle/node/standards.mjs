// Hook0 by its library; HTTP signatures by independent implementations of RFC 9421 and of the draft before it; CloudEvents by
// its SDK. The RSA key was made for this file, the Ed25519 key is that of RFC 9421, appendix B.1.4. Neither guards anything.
import { createHash, createHmac, createPublicKey } from "node:crypto";
import { CloudEvent, HTTP } from "cloudevents";
import { verifyWebhookSignature } from "hook0-client";
import { createSigner, createVerifier, httpbis } from "http-message-signatures";
import httpSignature from "http-signature";
import { date, must, now, post, sdk } from "./delivery.mjs";

const RSA = `-----BEGIN PRIVATE KEY-----
MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQC1ur6+irtVoEXN
kc9g0lmaaRW0gRssUV6xQGiCT3u8ge3gvawBqhDl9h98qlhW9L/CicJX/jcVpO0C
x75B2cdkW8KwIYe45g2FYS8IlfSqo/EuBm2LzF8Sk7Sh0bMwNo2TsKHGLJAERB9P
oayIcIpHcngip+fHTyrkeOsuClP+3U5hkNHMSLPUcuQzNldIp2Hz1cZkY9xsU3ac
V4hiOyWdtaNCCFwJ/U4SbalG1eCiafJ85mvL5PQZXXJJnVL99dzpAUVAm8PR/i+j
jb7LHpLyHayUWowKlgPt/V76ndjRR4v9KD8n+NcbI6kUkz9Qgc2n0PGEilotky9f
y7dfo8N3AgMBAAECggEAGJc+qgxIzDiQqYAHtqYleieqcw9IrNxikAv9+FV8EhE8
2Kf3J2SAE+C++FYZTRmiUdc6pUCLlfyywP5kCDIexpLvdc5GY3vnLCYZ614An7np
GrLDo7f8d3LlmENcLXPRqutVq2TVT2vObC6dk6WIOKHMkC1LR6ThUiLrTq1sGfUA
Cp4J3e9EG9f+7o08aPv9+Ffx0E2mj5uuvoN1wQU15MVXEbvaJ2k7OSqhYp7UyoT1
JvpCvUktgnQXrt7XonwkyA599aLtU878gU49gK5W6q/XOGTKsMhADmWKp2JBwg+2
esUSADG4hZ2KjtgOGCb4NKdh+Z95xiTVUeA9kLAmqQKBgQDuRXYyaI/IIErQjnXk
ZcoOguJHFZdSjsny6gXxLbkUW03DtfLy+PJNzAIqqQW4JpN/EyteJ9aUqffr6l1b
F9tu571KR2w+Icbg6p+upnNKELsELKtAi9pg47af8EqhAwA2V9vayenjXUFHi8am
h2/fwhR3XnRyeNlF+yytHTNWSQKBgQDDQElub6otisR3jA5Fc8uvPTkymambs+TU
rZfP70pGM9rNqWpCa4uWKW6GL9d6gnmNCNv+hc0A/y5/+Cs45MvSOLshMd1y398o
L4xWnsXOXK4HOPZyD0N7PgmTMqe/OQLyXeOOtoGXo/qYfJDaWMFSS1d9pXf/yFuR
0WzXb5dLvwKBgHXj9GlYhttz7tBlzDrniiPH6oFVU3vLnmwMEkiUYOCLlFxjKAPD
3M9VQzUsT+IfZBcZuvlpKKiBuGMHoI0zrqSfEG8yC4JqX+Zk8AEP5jcdNAsKtujG
yZPq1y8nSyWDQJWivurvwEN4npXxuKYomNfTRSESoPcKiCYx8pbsvbvRAoGAOOUN
wMGHLFgoYdGNAw34B2tmtGj0dGuaPaML/spysTxBAPbiANLHzQzrqOxd9NP6SW+Q
c31XvHeffCi7p4t8HRjs5oJaTjQQGeypD0Ca0URObcpafegWuN3d+mejW+RoCGn1
ekuSPbbJug9qQkXkp29O4k0KR52BmV8WQTzCMI8CgYArQ+YY/PzVe0Y5yVmK4VLW
M47LrdCXUL1aPQRdf/OuYZLTqAa+S4n+lX04StJK+hR3y9hNnuHSDAAaS5o5A0OA
AWhpYvgBIZnkRHWhZQvrHKFt2x+rJA4o+qlyE+Zi7+S88Ipcf2AaFfSOcw476INx
QSbaNKDXIC//0rSLpQnbBA==
-----END PRIVATE KEY-----`;
const ED25519 = `-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF
-----END PRIVATE KEY-----`;
const derived = (name) => ({ kind: "derived", name, date });
const publicKey = (key) => createPublicKey(key).export({ type: "spki", format: "pem" });

// Hook0: the library verifies. The request says which headers are signed.
{
  const secret = "oracle-hook0-subscription-secret";
  const make = (name, type, id, names, payload, before = "") => {
    const body = JSON.stringify(payload);
    const given = { "content-type": "application/json", "x-event-id": id, "x-event-type": type };
    const text = [now, names.join(" "), ...names.map((one) => given[one]), body].join(".");
    const signature = `t=${now},${before}h=${names.join(" ")},v1=${createHmac("sha256", secret).update(text).digest("hex")}`;
    must(verifyWebhookSignature(signature, Buffer.from(body), new Headers(given), secret, 300), name);
    const headers = { "X-Event-Id": id, "X-Event-Type": type, "X-Hook0-Signature": signature };
    post("hook0", name, { from: sdk("hook0-client 1.1.0 (accepts)"), secrets: [secret], headers, body, expect: { event: type, id } });
  };
  make("sdk-event", "billing.invoice.paid", "6f5c1f0e-0000-4000-8000-000000000001", ["content-type", "x-event-id", "x-event-type"], { invoice: 7, note: "größer" });
  make("sdk-both-versions", "user.account.created", "6f5c1f0e-0000-4000-8000-000000000002", ["x-event-id", "x-event-type"], { id: 1 }, `v0=${"0".repeat(64)},`);
}

// RFC 9421: http-message-signatures signs and verifies.
{
  const url = "https://hooks.example.com/shop/endpoint";
  const make = async (provider, name, algorithm, key, verifying, secret, payload, digest, expect) => {
    const body = JSON.stringify(payload);
    const headers = { "content-type": "application/json", "content-digest": `${digest}=:${createHash(digest.replace("-", "")).update(body).digest("base64")}:` };
    const fields = ["@method", "@target-uri", "content-digest"];
    const request = { method: "POST", url, headers };
    const config = { key: { ...createSigner(key, algorithm), id: "oracle" }, fields, params: ["created", "keyid"], paramValues: { created: new Date(now * 1000) } };
    const signed = await httpbis.signMessage(config, request);
    must(await httpbis.verifyMessage({ keyLookup: async () => ({ id: "oracle", algs: [algorithm], verify: createVerifier(verifying, algorithm) }) }, signed), name);
    const { "content-type": contentType, ...rest } = signed.headers;
    const from = derived("http-message-signatures 1.0.6, an independent implementation");
    post(provider, name, { from, secrets: [secret], url: "/shop/endpoint", contentType, headers: rest, body, expect });
  };
  const shared = Buffer.from("jethook oracle, a shared secret of RFC 9421, 64 bytes of it here.");
  await make("rfc9421-hmac", "derived-sha-256", "hmac-sha256", shared, shared, shared.toString("base64"), { type: "lamp.lit", id: "l1", note: "größer" }, "sha-256", { event: "lamp.lit", id: "l1" });
  await make("rfc9421-hmac", "derived-sha-512", "hmac-sha256", shared, shared, shared.toString("base64"), { id: "l2" }, "sha-512", { event: null, id: "l2" });
  await make("rfc9421-ed25519", "derived-sha-256", "ed25519", ED25519, publicKey(ED25519), publicKey(ED25519), { type: "lamp.lit", id: "l1", note: "größer" }, "sha-256", { event: "lamp.lit", id: "l1" });
}

// The draft: http-signature, by the authors of an early implementation, signs and verifies.
{
  const make = (name, payload, expect) => {
    const body = JSON.stringify(payload);
    const headers = { host: "hooks.example.com", date: new Date(now * 1000).toUTCString(), digest: `SHA-256=${createHash("sha256").update(body).digest("base64")}`, "content-type": "application/activity+json" };
    const request = { method: "POST", path: "/shop/endpoint", url: "/shop/endpoint", headers, httpVersion: "1.1", getHeader: (key) => headers[key.toLowerCase()], setHeader: (key, value) => (headers[key.toLowerCase()] = value) };
    httpSignature.signRequest(request, { key: RSA, keyId: "https://social.example.com/actor#main-key", algorithm: "rsa-sha256", headers: ["(request-target)", "host", "date", "digest"], authorizationHeaderName: "Signature" });
    must(httpSignature.verifySignature(httpSignature.parseRequest(request, { authorizationHeaderName: "signature", clockSkew: 300 }), publicKey(RSA)), name);
    const { "content-type": contentType, signature, ...rest } = headers;
    post("draft-cavage", name, { from: derived("http-signature 1.4.0, an independent implementation"), secrets: [publicKey(RSA)], url: "/shop/endpoint", contentType, headers: { ...rest, signature: signature.replace(/^Signature /, "") }, body, expect });
  };
  const actor = "https://social.example.com/actor";
  make("derived-create", { "@context": "https://www.w3.org/ns/activitystreams", id: `${actor}/1`, type: "Create", actor, object: { type: "Note", content: "größer" } }, { event: "Create.Note", id: `${actor}/1` });
  make("derived-follow", { "@context": "https://www.w3.org/ns/activitystreams", id: `${actor}/2`, type: "Follow", actor, object: "https://hooks.example.com/lamp" }, { event: "Follow", id: `${actor}/2` });
}

// CloudEvents: the SDK makes the messages of both modes; the token is ours.
{
  const token = "oracle-cloudevents-token";
  const event = (id, data) => new CloudEvent({ id, type: "com.example.lamp.lit", source: "/lamps", time: "2026-11-23T23:59:58.000Z", data });
  const make = (name, message, id) => {
    const { "content-type": contentType, ...headers } = message.headers;
    post("cloudevents-webhook", name, { from: sdk("cloudevents 10.0.0"), secrets: [token], contentType, headers: { Authorization: `Bearer ${token}`, ...headers }, body: message.body, expect: { event: "com.example.lamp.lit", id: `/lamps#${id}` } });
  };
  make("sdk-binary", HTTP.binary(event("A234-10", { note: "größer" })), "A234-10");
  make("sdk-structured", HTTP.structured(event("A234-11", { note: "größer" })), "A234-11");
}
