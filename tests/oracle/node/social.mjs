// X and Meta, by their own libraries: Twitter's Autohook judges what it is given, Meta's WhatsApp SDK signs as the Graph API does
// for every product of an app.
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import autohook from "twitter-autohook";
import { must, now, post, sdk } from "./delivery.mjs";

const require = createRequire(import.meta.url);
const { generateXHub256Sig } = require(join(dirname(require.resolve("whatsapp")), "utils.js"));

{
  const from = sdk("twitter-autohook 1.7.2 (accepts)");
  const make = (name, secret, body, signature, expect, source = from) => {
    const header = { "x-twitter-webhooks-signature": signature };
    must(autohook.validateSignature(header, { consumer_secret: secret }, body), name);
    post("x-twitter", name, { from: source, secrets: [secret], headers: header, body, expect: { id: null, ...expect } });
  };
  // What the library's own tests hold: the key is `test`.
  make("sdk-fixture", "test", '{"test_number":1,"test_string":"two"}', "sha256=YWHphPn/JFq43jkF0y4/w8R/SelmLjvpunhVFY8JhlI=", { event: "test_number" }, sdk("twitter-autohook 1.7.2, its tests"));
  const secret = "oracle-x-consumer-secret";
  const favorite = JSON.stringify({ for_user_id: "2244994945", favorite_events: [{ id: "a7ba59eab0bfcba386f7acedac279542", timestamp_ms: (now - 2) * 1000, favorited_status: { text: "größer ☀" } }] });
  make("sdk-favorite", secret, favorite, `sha256=${createHmac("sha256", secret).update(favorite).digest("base64")}`, { event: "favorite_events" });
}

{
  const app = "oracle meta app secret";
  const make = (name, event, payload) => {
    const body = JSON.stringify(payload);
    const headers = { "User-Agent": "facebookexternalua", "X-Hub-Signature-256": `sha256=${generateXHub256Sig(body, app)}` };
    post("meta", name, { from: sdk("whatsapp (npm, Meta's) 0.0.5-Alpha"), secrets: [app, { use: "verifyToken", value: "oracle verify token" }], headers, body, expect: { event, id: null } });
  };
  const time = now - 2;
  make("sdk-page-feed", "page.feed", { object: "page", entry: [{ id: "106840", time, changes: [{ field: "feed", value: { item: "comment", verb: "add", message: "Grüße ☃" } }] }] });
  make("sdk-messenger", "page", { object: "page", entry: [{ id: "106840", time: time * 1000, messaging: [{ sender: { id: "1" }, recipient: { id: "2" }, message: { mid: "m_1", text: "größer ☀" } }] }] });
  make("sdk-instagram", "instagram.comments", { object: "instagram", entry: [{ id: "178414", time, changes: [{ field: "comments", value: { id: "178", text: "!" } }] }] });
}
