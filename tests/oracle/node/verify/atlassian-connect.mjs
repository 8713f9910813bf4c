// The token covers method, path and query, not the body.
import { createQueryStringHash, decodeSymmetric, fromMethodAndUrl } from "atlassian-jwt";

export const example = { secret: "an oracle's secret, not a real one", event: "jira:issue_created", altered: "url" };

export async function verify({ method, url, headers, secret, now }) {
  const claims = decodeSymmetric(headers.authorization.replace(/^JWT /, ""), secret, "HS256");
  const { pathname, search } = new URL(url);
  return claims.exp > now && claims.qsh === createQueryStringHash(fromMethodAndUrl(method, pathname + search));
}
