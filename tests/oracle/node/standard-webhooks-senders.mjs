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

// Svix's library takes either set of headers.
const svix = ({ headers, body, secret }) => Boolean(new Svix(secret).verify(body, headers));

// One vector. `by` names the library that signs, `prefix` its three headers; `keys` are those that sign.
async function make(provider, name, { by, prefix = "webhook", keys = [secret], id, body, check, expect, secrets = [secret] }) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const signatures = keys.map((key) => (prefix === "svix" ? new Svix(key) : new Webhook(key)).sign(id, at, text));
  const headers = [
    ["Content-Type", "application/json"],
    [`${prefix}-id`, id],
    [`${prefix}-timestamp`, String(now)],
    [`${prefix}-signature`, signatures.join(" ")],
  ];
  const plain = Object.fromEntries(headers.map(([key, value]) => [key.toLowerCase(), value]));
  if (prefix === "webhook") new Webhook(secret).verify(text, plain);
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

// Providers that name the standard's or Svix's library as the way to check.
const standard = "standardwebhooks (npm) 1.1.1";
const bySvix = "svix (npm) 1.99.1";
const time = "2026-11-23T23:59:58Z";

const batch = { type: "batch.succeeded", version: "v1", timestamp: time, data: { id: "batch_oracle", output_file_uri: "gs://oracle/out.jsonl" } };
await make("gemini", "sdk-batch-succeeded", { by: standard, id: "msg_oracle_gemini_1", body: batch, expect: { event: "batch.succeeded", time } });

const incident = { event_type: "public_incident.incident_created_v2", "public_incident.incident_created_v2": { id: "01ORACLE", name: "The lamp flickers — ☀", reference: "INC-1" } };
await make("incident-io", "sdk-incident-created", { by: bySvix, id: "msg_oracle_incident_1", body: incident, check: svix, expect: { event: "public_incident.incident_created_v2" } });
await make("incident-io", "sdk-svix-headers", { by: bySvix, prefix: "svix", id: "msg_oracle_incident_2", body: incident, check: svix, expect: { event: "public_incident.incident_created_v2" } });

const deployed = { type: "deploy_ended", timestamp: time, data: { id: "evt-oracle", serviceId: "srv-oracle", serviceName: "lämp", status: "succeeded" } };
await make("render", "sdk-deploy-ended", { by: standard, id: "evt-oracle", body: deployed, expect: { event: "deploy_ended", time } });

const member = { project_id: "project-live-oracle", event_id: "event-oracle", action: "CREATE", object_type: "member", source: "DIRECT", id: "member-oracle", timestamp: time, member: { name: "Zoë" } };
await make("stytch", "sdk-member-create", { by: bySvix, prefix: "svix", id: "msg_oracle_stytch_1", body: member, check: svix, expect: { event: "direct.member.create", time } });

const empty = { status: 200, contentType: "application/json", body: "{}" };
const hookKey = [`v1,${secret}`];
const mail = { user: { id: "oracle", email: "zoe@example.com" }, email_data: { token: "305805", email_action_type: "signup", site_url: "https://example.com" } };
const signup = { metadata: { uuid: "oracle", time, name: "before-user-created", ip_address: "127.0.0.1" }, user: { id: "oracle", user_metadata: { name: "Zoë ☀" } } };
await make("supabase-auth", "sdk-send-email", { by: standard, id: "00000000-0000-4000-8000-000000000001", body: mail, secrets: hookKey, expect: { answer: empty } });
await make("supabase-auth", "sdk-before-user-created", { by: standard, id: "00000000-0000-4000-8000-000000000002", body: signup, secrets: hookKey, expect: { event: "before-user-created", answer: empty } });
