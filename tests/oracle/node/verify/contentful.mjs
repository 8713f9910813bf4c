import { verifyRequest } from "@contentful/node-apps-toolkit";

export const example = { secret: "example-signing-secret-of-sixty-four-characters-0000000000000000", event: "ContentManagement.Entry.publish", id: "example-key" };

export async function verify({ method, url, headers, body, secret }) {
  const { pathname, search } = new URL(url, "http://localhost");
  return verifyRequest(secret, { method, path: pathname + search, headers, body: body.toString() });
}
