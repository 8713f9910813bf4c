import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);
const { generateXHub256Sig } = require(join(dirname(require.resolve("whatsapp")), "utils.js"));

// Meta signs the deliveries of every product of an app alike; the library compares the header with what this function gives.
export const example = { secret: "oracle meta app secret", event: "page.feed" };

export async function verify({ headers, body, secret }) {
  return headers["x-hub-signature-256"] === `sha256=${generateXHub256Sig(body.toString(), secret)}`;
}
