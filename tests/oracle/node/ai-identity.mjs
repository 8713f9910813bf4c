// Providers of AI and identity with a scheme of their own: signed by the provider's library (Retell) or by the page's words,
// and in each case accepted by the provider's library.
import { createHmac } from "node:crypto";
import { sign as retellSign } from "retell-sdk/lib/webhook_auth";
import { date, now, write } from "./vector.mjs";
import * as elevenlabs from "./verify/elevenlabs.mjs";
import * as onfido from "./verify/onfido.mjs";
import * as retell from "./verify/retell.mjs";
import * as workos from "./verify/workos.mjs";

const hex = (key, text) => createHmac("sha256", key).update(text).digest("hex");

async function make(provider, name, by, module, header, value, body, expect) {
  const secret = module.example.secret;
  const headers = { "content-type": "application/json", [header.toLowerCase()]: value };
  if (!(await module.verify({ method: "POST", headers, body: Buffer.from(body), secret, now }))) throw new Error(`${provider}/${name}`);
  write(provider, name, {
    from: { kind: "sdk", name: by, date },
    now,
    secrets: [secret],
    request: { method: "POST", url: `/shop/${provider}`, headers: [["Content-Type", "application/json"], [header, value]], body },
    expect: { event: null, id: null, ...expect },
  });
}

const time = "2026-11-23T23:59:58Z";

// ElevenLabs.
{
  const key = elevenlabs.example.secret;
  const by = "@elevenlabs/elevenlabs-js 2.73.0 (accepts)";
  const call = JSON.stringify({ type: "post_call_transcription", event_timestamp: now - 2, data: { agent_id: "agent_oracle", conversation_id: "conv_oracle", status: "done", transcript: [{ role: "user", message: "Grüß Gott ☀" }] } });
  const voice = JSON.stringify({ type: "voice_removed", event_timestamp: now - 2, data: { voice_id: "voice_oracle" } });
  const signature = (body, at) => `t=${at},v0=${hex(key, `${at}.${body}`)}`;
  await make("elevenlabs", "sdk-post-call", by, elevenlabs, "ElevenLabs-Signature", signature(call, now), call, { event: "post_call_transcription", time });
  await make("elevenlabs", "sdk-late", by, elevenlabs, "ElevenLabs-Signature", signature(voice, now - 1700), voice, { event: "voice_removed", time });
}

// Retell signs with the clock that vector.mjs sets.
{
  const key = retell.example.secret;
  const by = "retell-sdk 5.66.1";
  const call = { call_id: "call_oracle", agent_id: "agent_oracle", call_status: "ended", transcript: "Grüß Gott ☀" };
  for (const event of ["call_started", "call_ended"]) {
    const body = JSON.stringify({ event, call });
    await make("retell", `sdk-${event.replace("_", "-")}`, by, retell, "X-Retell-Signature", await retellSign(body, key), body, { event });
  }
}

// WorkOS: a blank follows the comma. Its library sees JSON.stringify of the parsed body, which these bodies equal.
{
  const key = workos.example.secret;
  const by = "@workos-inc/node 8.13.0 (accepts)";
  const at = now * 1000;
  const made = (id, event, data) => JSON.stringify({ id, event, data, created_at: "2026-11-23T23:59:58.000Z" });
  const bodies = [
    ["sdk-user-created", "user.created", made("event_oracle_1", "user.created", { object: "user", id: "user_oracle", email: "zoe@example.com", first_name: "Zoë" })],
    ["sdk-connection-activated", "connection.activated", made("event_oracle_2", "connection.activated", { object: "connection", id: "conn_oracle", state: "active", name: "Söhne — ☀", domains: [] })],
  ];
  for (const [index, [name, event, body]] of bodies.entries()) {
    const value = `t=${at}, v1=${hex(key, `${at}.${body}`)}`;
    await make("workos", name, by, workos, "WorkOS-Signature", value, body, { event, id: `event_oracle_${index + 1}`, time });
  }
}

// Onfido.
{
  const key = onfido.example.secret;
  const by = "@onfido/api 6.2.0 (accepts)";
  const object = { id: "00000000-0000-4000-8000-000000000001", status: "complete", completed_at_iso8601: time, href: "https://api.eu.onfido.com/v3.6/checks/00000000-0000-4000-8000-000000000001" };
  for (const [kind, action] of [["check", "completed"], ["workflow_run", "completed"]]) {
    const body = JSON.stringify({ payload: { resource_type: kind, action, object } });
    await make("onfido", `sdk-${kind.replace("_", "-")}`, by, onfido, "X-SHA2-Signature", hex(key, body), body, { event: `${kind}.${action}` });
  }
}
