import Pusher from "pusher";

export const example = { secret: "example app secret", event: "channel_occupied" };

// The library also compares the key's name, which Pusher sends unsigned and jethook does not ask for.
export async function verify({ headers, body, secret }) {
  const pusher = new Pusher({ appId: "1", key: "example", secret, cluster: "eu" });
  return pusher.webhook({ headers: { ...headers, "x-pusher-key": "example" }, rawBody: body.toString() }).isValid();
}
