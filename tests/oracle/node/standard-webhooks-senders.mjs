// Providers that follow Standard Webhooks: signed by the standard's library (or Svix's), and accepted by the provider's own
// where it has one that checks.
import { Webhook } from "standardwebhooks";
import { Webhook as Svix } from "svix";
import { date, now, write } from "./vector.mjs";
import * as anthropic from "./verify/anthropic.mjs";
import * as clerk from "./verify/clerk.mjs";
import * as openai from "./verify/openai.mjs";
import * as replicate from "./verify/replicate.mjs";

const secret = "whsec_" + Buffer.from("jethook oracle, a test secret...").toString("base64");
const previous = "whsec_" + Buffer.from("jethook oracle, an older secret!").toString("base64");
const at = new Date(now * 1000);

// One vector. `by` names the library that signs, `prefix` its three headers; `keys` are those that sign.
export async function make(provider, name, { by, prefix = "webhook", keys = [secret], id, body, check, expect, secrets = [secret] }) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const signatures = keys.map((key) => (prefix === "svix" ? new Svix(key) : new Webhook(key)).sign(id, at, text));
  const headers = [
    ["Content-Type", "application/json"],
    [`${prefix}-id`, id],
    [`${prefix}-timestamp`, String(now)],
    [`${prefix}-signature`, signatures.join(" ")],
  ];
  const plain = Object.fromEntries(headers.map(([key, value]) => [key.toLowerCase(), value]));
  if (check && !(await check({ method: "POST", headers: plain, body: Buffer.from(text), secret }))) throw new Error(`${provider}/${name}`);
  write(provider, name, {
    from: { kind: "sdk", name: by, date },
    now,
    secrets,
    request: { method: "POST", url: `/shop/${provider}`, headers, body: text },
    expect: { event: null, id, ...expect },
  });
}

// Clerk, by way of Svix.
const user = { data: { id: "user_oracle1", object: "user", first_name: "Zoë", email_addresses: [] }, instance_id: "ins_oracle", object: "event", timestamp: (now - 2) * 1000, type: "user.created" };
const byClerk = "@clerk/backend 3.25.0 (accepts)";
await make("clerk", "sdk-user-created", { by: byClerk, prefix: "svix", id: "msg_oracle_clerk_1", body: user, check: clerk.verify, expect: { event: "user.created", time: "2026-11-23T23:59:58Z" } });
await make("clerk", "sdk-rotated", { by: byClerk, prefix: "svix", keys: [previous, secret], id: "msg_oracle_clerk_2", body: { ...user, type: "user.updated" }, check: clerk.verify, expect: { event: "user.updated", time: "2026-11-23T23:59:58Z" } });

// OpenAI.
const completed = { id: "evt_oracle1", object: "event", created_at: now - 2, type: "response.completed", data: { id: "resp_oracle1" } };
const byOpenai = "openai (npm) 6.49.0 (accepts)";
await make("openai", "sdk-response-completed", { by: byOpenai, id: "wh_oracle_1", body: completed, check: openai.verify, expect: { event: "response.completed", time: "2026-11-23T23:59:58Z" } });
await make("openai", "sdk-rotated", { by: byOpenai, keys: [previous, secret], id: "wh_oracle_2", body: { ...completed, type: "batch.failed", data: { id: "batch_oracle1" } }, check: openai.verify, expect: { event: "batch.failed", time: "2026-11-23T23:59:58Z" } });

// Anthropic: what happened is one level down.
const session = { type: "event", id: "event_oracle1", created_at: "2026-11-23T23:59:58Z", data: { type: "session.created", id: "session_oracle1", organization_id: "org_oracle", workspace_id: "wrkspc_oracle" } };
await make("anthropic", "sdk-session-created", { by: "@anthropic-ai/sdk 1.13.0 (accepts)", id: "msg_oracle_anthropic_1", body: session, check: anthropic.verify, expect: { event: "session.created", time: "2026-11-23T23:59:58Z" } });

// Replicate: the body is the prediction.
const prediction = { id: "oracle1prediction", version: "d55b9f2d", created_at: "2026-11-23T23:59:50Z", completed_at: "2026-11-23T23:59:58Z", status: "succeeded", input: { prompt: "a lamp — ☀" }, output: ["https://replicate.delivery/oracle/out.png"], error: null };
const byReplicate = "replicate (npm) 1.4.0 (accepts)";
await make("replicate", "sdk-succeeded", { by: byReplicate, id: "msg_oracle_replicate_1", body: prediction, check: replicate.verify, expect: { event: "succeeded" } });
await make("replicate", "sdk-rotated", { by: byReplicate, keys: [previous, secret], id: "msg_oracle_replicate_2", body: { ...prediction, status: "failed", output: null, error: "out of memory" }, check: replicate.verify, expect: { event: "failed" } });
