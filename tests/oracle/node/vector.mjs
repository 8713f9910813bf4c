// Writes one vector file. Everything that goes in is fixed, so a second run gives the same bytes.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = process.env.JETHOOK_VECTORS ?? join(dirname(fileURLToPath(import.meta.url)), "..", "..", "vectors");

// 2026-11-24T00:00:00Z, the clock of all vectors made here.
export const now = 1795478400;
export const date = "2026-11-24";

export function write(provider, name, vector) {
  mkdirSync(join(root, provider), { recursive: true });
  writeFileSync(join(root, provider, `${name}.json`), JSON.stringify(vector, null, 2) + "\n");
}

// Libraries that look at the clock get the vectors' clock.
Date.now = () => now * 1000;
