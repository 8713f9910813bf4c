// A receiver as one writes it by hand in Node: fastify and NATS's own client. Reads PORT, NATS_URL and SECRET.
import { createHmac, timingSafeEqual } from "node:crypto";
import { DiscardPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, headers, nanos } from "@nats-io/transport-node";
import fastify from "fastify";

const { PORT, NATS_URL, SECRET } = process.env;
const connection = await connect({ servers: NATS_URL });
const manager = await jetstreamManager(connection);
await manager.streams.add({
  name: "WEBHOOKS",
  subjects: ["webhooks.>"],
  discard: DiscardPolicy.New,
  max_age: nanos(168 * 3600 * 1000),
  duplicate_window: nanos(2 * 3600 * 1000),
});
const store = jetstream(connection);
const app = fastify({ bodyLimit: 1 << 20 });
// The signature is over the bytes as they came.
app.removeAllContentTypeParsers();
app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));

app.post("/bench/hmac", async (request, reply) => {
  const expected = Buffer.from(`sha256=${createHmac("sha256", SECRET).update(request.body).digest("hex")}`);
  const sent = Buffer.from(String(request.headers["x-hub-signature-256"] ?? ""));
  if (sent.length !== expected.length || !timingSafeEqual(sent, expected)) return reply.code(401).send();
  const lines = headers();
  lines.set("Nats-Msg-Id", String(request.headers["x-github-delivery"]));
  try {
    await store.publish("webhooks.bench.hmac.push", request.body, { headers: lines });
    return reply.code(200).send();
  } catch {
    return reply.code(503).send();
  }
});

await app.listen({ host: "127.0.0.1", port: Number(PORT) });
