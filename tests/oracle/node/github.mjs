// GitHub: signed and checked by Octokit's own functions.
import { sign, verify } from "@octokit/webhooks-methods";
import { date, now, write } from "./vector.mjs";

const from = { kind: "sdk", name: "@octokit/webhooks-methods 6.0.0", date };
const secret = "an oracle's secret, not a real one";

async function make(name, event, delivery, contentType, body, expect, more = []) {
  const signature = await sign(secret, body);
  if (!(await verify(secret, body, signature))) throw new Error(name);
  write("github", name, {
    from,
    now,
    secrets: [secret],
    request: {
      method: "POST",
      url: "/shop/github",
      headers: [
        ["Content-Type", contentType],
        ["User-Agent", "GitHub-Hookshot/0000000"],
        ["X-GitHub-Delivery", delivery],
        ["X-GitHub-Event", event],
        ["X-GitHub-Hook-ID", "100001"],
        ["X-Hub-Signature-256", signature],
        ...more,
      ],
      body,
    },
    expect: { event: expect, id: delivery },
  });
}

const repository = { id: 1, name: "lamp", full_name: "acme/lamp" };
const pull = { action: "opened", number: 7, pull_request: { number: 7, title: "Brighter — ☀", draft: false }, repository };
const push = { ref: "refs/heads/main", before: "0".repeat(40), after: "a".repeat(40), commits: [], repository };
const issue = { action: "closed", issue: { number: 3, title: "100 % & more + a = b" }, repository };
const ping = { zen: "Keep it simple.", hook_id: 100001, hook: { type: "Repository", id: 100001, events: ["push"], active: true }, repository };

const form = (payload) => new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
const json = "application/json";
const urlencoded = "application/x-www-form-urlencoded";

await make("sdk-push", "push", "5f0e6a00-0000-4000-8000-000000000001", json, JSON.stringify(push), "push");
await make("sdk-pull-request", "pull_request", "5f0e6a00-0000-4000-8000-000000000002", json, JSON.stringify(pull), "pull_request.opened");
await make("sdk-ping", "ping", "5f0e6a00-0000-4000-8000-000000000003", json, JSON.stringify(ping), "ping");
await make("sdk-form-issue", "issues", "5f0e6a00-0000-4000-8000-000000000004", urlencoded, form(issue), "issues.closed");
await make("sdk-form-ping", "ping", "5f0e6a00-0000-4000-8000-000000000005", urlencoded, form(ping), "ping");

// The same scheme elsewhere at GitHub: Marketplace, Sponsors, the Container Registry, and GitHub Enterprise Server.
const sender = { login: "ada", id: 1 };
const purchase = { action: "purchased", effective_date: "2026-11-24T00:00:00+00:00", marketplace_purchase: { account: { login: "acme" }, plan: { name: "Zoë" } }, sender };
const sponsorship = { action: "created", sponsorship: { privacy_level: "public", tier: { name: "$5 a month" } }, sender };
const image = { action: "published", registry_package: { name: "lamp", package_type: "CONTAINER" }, repository, sender };
const team = { action: "added_to_repository", team: { name: "lights", slug: "lights" }, organization: { login: "acme" }, repository };
const server = [
  ["X-GitHub-Enterprise-Host", "github.example.com"],
  ["X-GitHub-Enterprise-Version", "3.20.0"],
];
await make("sdk-marketplace-purchase", "marketplace_purchase", "5f0e6a00-0000-4000-8000-000000000007", json, JSON.stringify(purchase), "marketplace_purchase.purchased");
await make("sdk-sponsorship", "sponsorship", "5f0e6a00-0000-4000-8000-000000000008", urlencoded, form(sponsorship), "sponsorship.created");
await make("sdk-registry-package", "registry_package", "5f0e6a00-0000-4000-8000-000000000009", json, JSON.stringify(image), "registry_package.published");
await make("sdk-enterprise-server", "team", "5f0e6a00-0000-4000-8000-000000000010", json, JSON.stringify(team), "team.added_to_repository", server);

// The example of GitHub's page: secret, payload and signature are its own. The payload is no JSON; the other headers were added.
const documented = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
if (!(await verify("It's a Secret to Everybody", "Hello, World!", documented))) throw new Error("documented example");
write("github", "documentation-hello-world", {
  from: { kind: "documentation", name: "docs.github.com, validating webhook deliveries", date },
  now,
  secrets: ["It's a Secret to Everybody"],
  request: {
    method: "POST",
    url: "/shop/github",
    headers: [
      ["Content-Type", "text/plain"],
      ["X-GitHub-Delivery", "5f0e6a00-0000-4000-8000-000000000006"],
      ["X-GitHub-Event", "push"],
      ["X-Hub-Signature-256", documented],
    ],
    body: "Hello, World!",
  },
  expect: { event: "push", id: "5f0e6a00-0000-4000-8000-000000000006" },
});
