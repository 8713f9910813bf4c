// Notifications as Amazon SNS signs them, with a key of our own; sns-validator, Amazon's, accepts each before it is written.
import { createSign } from "node:crypto";
import { EventEmitter } from "node:events";
import { readFileSync } from "node:fs";
import https from "node:https";
import { date, write } from "./vector.mjs";

const key = readFileSync(new URL("keys/rsa.pem", import.meta.url), "utf8");
const certificate = readFileSync(new URL("keys/rsa.crt", import.meta.url), "utf8");
const certificateUrl = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem";
const topic = "arn:aws:sns:eu-central-1:123456789012:orders";
const region = "https://sns.eu-central-1.amazonaws.com";

// The validator asks for the certificate; it gets ours.
https.get = (url, answer) => {
  const response = Object.assign(new EventEmitter(), { statusCode: url === certificateUrl ? 200 : 404 });
  answer(response);
  response.emit("data", certificate);
  response.emit("end");
  return new EventEmitter();
};
const { default: MessageValidator } = await import("sns-validator");

function sign(message) {
  const names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
  const text = names.filter((name) => name in message).map((name) => `${name}\n${message[name]}\n`).join("");
  const signer = createSign(message.SignatureVersion === "1" ? "RSA-SHA1" : "RSA-SHA256");
  return signer.update(text, "utf8").sign(key, "base64");
}

async function make(name, message, { expect, parameters = {} }) {
  const signed = { ...message, Signature: sign(message), SigningCertURL: certificateUrl };
  await new Promise((resolve, reject) => {
    new MessageValidator().validate({ ...signed }, (error) => (error ? reject(error) : resolve()));
  });
  write("aws-sns", name, {
    from: { kind: "sdk", name: "sns-validator 0.3.5 (accepts)", date },
    now: 1795478400,
    parameters: { topicArn: topic, ...parameters },
    fetched: { [certificateUrl]: certificate },
    request: {
      method: "POST",
      url: "https://hooks.example.com/shop/endpoint",
      headers: [
        ["content-type", "text/plain; charset=UTF-8"],
        ["x-amz-sns-message-type", message.Type],
        ["x-amz-sns-message-id", message.MessageId],
        ["x-amz-sns-topic-arn", topic],
        ["user-agent", "Amazon Simple Notification Service Agent"],
      ],
      body: JSON.stringify(signed, null, 2),
    },
    expect,
  });
}

const notification = {
  Type: "Notification",
  MessageId: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
  TopicArn: topic,
  Subject: "An order",
  Message: JSON.stringify({ order: 7, note: "zwölf ☃\n" }),
  Timestamp: "2026-11-23T23:59:58.123Z",
  SignatureVersion: "2",
};
const event = { event: "Notification", id: notification.MessageId, time: "2026-11-23T23:59:58.123Z" };
await make("sdk-notification", notification, { expect: event });
const { Subject: _, ...plain } = notification;
await make("sdk-version-1-without-subject", { ...plain, SignatureVersion: "1" }, { expect: event });
const confirmation = {
  Type: "SubscriptionConfirmation",
  MessageId: "165545c9-2a5c-472c-8df2-7ff2be2b3b1b",
  Token: "2336412f37fb687f5d51e6e2425dacbbaebac7d6e2425dacbb",
  TopicArn: topic,
  Message: `You have chosen to subscribe to the topic ${topic}.\nTo confirm the subscription, visit the SubscribeURL included in this message.`,
  SubscribeURL: `${region}/?Action=ConfirmSubscription&TopicArn=${topic}&Token=2336412f37fb687f5d51e6e2425dacbbaebac7d6e2425dacbb`,
  Timestamp: "2026-11-24T00:00:00.000Z",
  SignatureVersion: "2",
};
await make("sdk-confirmation", confirmation, {
  expect: { event: "SubscriptionConfirmation", id: confirmation.MessageId, time: "2026-11-24T00:00:00Z" },
});
await make("sdk-confirmation-answered", confirmation, {
  parameters: { confirmSubscription: "true" },
  expect: { handshake: true, visit: confirmation.SubscribeURL, answer: { status: 200, body: "" } },
});
