// App Store Server Notifications V2, under a root of our own; Apple's library accepts each before it is written. ECDSA draws a
// random number for each signature, so that another run gives other bytes.
import { X509Certificate, createHash, createSign } from "node:crypto";
import { readFileSync } from "node:fs";
import { Environment, SignedDataVerifier } from "@apple/app-store-server-library";
import { date, now, write } from "./vector.mjs";

const read = (name) => readFileSync(new URL(`keys/${name}`, import.meta.url), "utf8");
const der = (name) => new X509Certificate(read(name)).raw;
const chain = ["chain-leaf.crt", "chain-middle.crt", "chain-root.crt"].map(der);
const bundleId = "com.example.shop";
const verifier = new SignedDataVerifier([chain[2]], false, Environment.SANDBOX, bundleId);

async function make(name, payload, expect) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${encode({ alg: "ES256", x5c: chain.map((der) => der.toString("base64")) })}.${encode(payload)}`;
  const signature = createSign("SHA256").update(signed).sign({ key: read("chain-leaf.pem"), dsaEncoding: "ieee-p1363" });
  const signedPayload = `${signed}.${signature.toString("base64url")}`;
  await verifier.verifyAndDecodeNotification(signedPayload);
  write("apple-app-store", name, {
    from: { kind: "sdk", name: "@apple/app-store-server-library 3.1.0 (accepts)", date },
    now,
    parameters: { bundleId },
    roots: [createHash("sha256").update(chain[2]).digest("hex")],
    request: {
      method: "POST",
      url: "https://hooks.example.com/shop/endpoint",
      headers: [["content-type", "application/json"]],
      body: JSON.stringify({ signedPayload }),
    },
    expect,
  });
}

const notification = {
  notificationType: "DID_RENEW",
  notificationUUID: "3838df56-31ab-4e2e-9535-e6e9377c4c77",
  version: "2.0",
  signedDate: (now - 2) * 1000,
  data: { environment: "Sandbox", bundleId, bundleVersion: "7", appAppleId: 1234567890, status: 1 },
};
await make("sdk-renewed", notification, {
  event: "DID_RENEW",
  id: notification.notificationUUID,
  time: "2026-11-23T23:59:58Z",
});
await make("sdk-subtype", { ...notification, notificationType: "SUBSCRIBED", subtype: "INITIAL_BUY" }, {
  event: "SUBSCRIBED.INITIAL_BUY",
  id: notification.notificationUUID,
  time: "2026-11-23T23:59:58Z",
});
