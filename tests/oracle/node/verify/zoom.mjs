import { AwsLambdaReceiver } from "@zoom/rivet/chatbot";

// The library signs JSON.stringify of what it parsed: no blanks in the body.
export const example = { secret: "oracle zoom secret token", event: "meeting.started", body: '{"event":"meeting.started","payload":{"object":{"id":"1"}},"event_ts":1795478398000}' };

export async function verify({ headers, body, secret }) {
  console.debug = () => {};
  const receiver = new AwsLambdaReceiver({ webhooksSecretToken: secret });
  const answer = await receiver.start()({ headers, body: body.toString(), isBase64Encoded: false }, {});
  return answer.statusCode === 200;
}
