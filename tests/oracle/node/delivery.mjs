// Makes a vector of a POST in one call, and stops the clock that libraries look at.
import { date, now, write } from "./vector.mjs";

export { date, now };
export const json = "application/json";
export const form = "application/x-www-form-urlencoded";

const Clock = Date;
globalThis.Date = class extends Clock {
  constructor(...given) {
    super(...(given.length ? given : [now * 1000]));
  }
  static now() {
    return now * 1000;
  }
};

export const sdk = (name) => ({ kind: "sdk", name, date });
export const documentation = (name) => ({ kind: "documentation", name, date });

// Throws where a library does not accept what it was given.
export function must(accepted, name) {
  if (accepted !== true) throw new Error(`${name} is not accepted`);
}

export function post(provider, name, { from, secrets, parameters, url, contentType = json, headers, body, expect, at = now }) {
  write(provider, name, {
    from,
    now: at,
    ...(parameters ? { parameters } : {}),
    secrets,
    request: { method: "POST", url: url ?? `/shop/${provider}`, headers: [["Content-Type", contentType], ...Object.entries(headers)], body },
    expect,
  });
}
