// Standard Webhooks, and GitLab's signing token, which is the same scheme: signed and checked by the reference library.
import { Webhook } from "standardwebhooks";
import { date, now, write } from "./vector.mjs";

const from = { kind: "sdk", name: "standardwebhooks (npm) 1.1.1", date };
const secret = "whsec_" + Buffer.from("jethook oracle, a test secret...").toString("base64");
const previous = "whsec_" + Buffer.from("jethook oracle, an older secret!").toString("base64");
const at = new Date(now * 1000);

const sign = (key, id, body) => new Webhook(key).sign(id, at, body);

function headers(id, body, signatures, more = []) {
  const all = [
    ["Content-Type", "application/json"],
    ["webhook-id", id],
    ["webhook-timestamp", String(now)],
    ["webhook-signature", signatures.join(" ")],
    ...more,
  ];
  new Webhook(secret).verify(body, Object.fromEntries(all));
  return all;
}

const contact = JSON.stringify({ type: "contact.created", timestamp: "2026-11-23T23:59:58Z", data: { id: "c1", name: "Zoë ✓" } });
const id = "msg_oracle_1";
const expect = { event: "contact.created", id, time: "2026-11-23T23:59:58Z" };
const post = (url, all, body) => ({ method: "POST", url, headers: all, body });

write("standard-webhooks", "sdk-v1", {
  from,
  now,
  secrets: [secret],
  request: post("/shop/crm", headers(id, contact, [sign(secret, id, contact)]), contact),
  expect,
});
write("standard-webhooks", "sdk-v1-rotated", {
  from,
  now,
  secrets: [secret],
  request: post("/shop/crm", headers(id, contact, [sign(previous, id, contact), sign(secret, id, contact)]), contact),
  expect,
});

// GitLab: bodies and the X-Gitlab headers follow its page; the signature is the library's.
const merge = JSON.stringify({
  object_kind: "merge_request",
  event_type: "merge_request",
  user: { id: 1, username: "ada" },
  project: { id: 15, path_with_namespace: "acme/lamp" },
  object_attributes: { iid: 7, action: "open", title: "Brighter — ☀" },
});
const key = "f5e5f430-0000-4000-8000-000000000001";
const gitlab = [
  ["User-Agent", "GitLab/19.6.0"],
  ["X-Gitlab-Event", "Merge Request Hook"],
  ["X-Gitlab-Event-UUID", "13792a34-0000-4000-8000-000000000001"],
  ["X-Gitlab-Instance", "https://gitlab.example.com"],
  ["X-Gitlab-Webhook-UUID", "02affd2d-0000-4000-8000-000000000001"],
  ["Idempotency-Key", key],
];
const signed = [sign(secret, key, merge)];
write("gitlab", "sdk-signed-merge-request", {
  from,
  now,
  secrets: [secret],
  request: post("/shop/gitlab", headers(key, merge, signed, gitlab), merge),
  expect: { event: "merge_request", id: key },
});
// System and group hooks are signed the same way.
function hook(name, id, hookEvent, payload, event) {
  const body = JSON.stringify(payload);
  const more = [["X-Gitlab-Event", hookEvent], ["X-Gitlab-Instance", "https://gitlab.example.com"], ["Idempotency-Key", id]];
  const all = headers(id, body, [sign(secret, id, body)], more);
  write("gitlab", name, { from, now, secrets: [secret], request: post("/shop/gitlab", all, body), expect: { event, id } });
}
const created = { event_name: "user_create", created_at: "2026-11-23T23:59:58Z", name: "Zoë", username: "zoe", user_id: 41 };
hook("sdk-signed-system-hook", "f5e5f430-0000-4000-8000-000000000003", "System Hook", created, "user_create");
const subgroup = { event_name: "subgroup_create", name: "lights", full_path: "acme/lights", group_id: 10, parent_group_id: 7 };
hook("sdk-signed-subgroup", "f5e5f430-0000-4000-8000-000000000004", "Subgroup Hook", subgroup, "subgroup_create");
write("gitlab", "sdk-signed-with-token", {
  from,
  now,
  secrets: [
    { use: "signing", value: secret },
    { use: "token", value: "an oracle's token" },
  ],
  request: post("/shop/gitlab", headers(key, merge, signed, [...gitlab, ["X-Gitlab-Token", "an oracle's token"]]), merge),
  expect: { event: "merge_request", id: key },
});
