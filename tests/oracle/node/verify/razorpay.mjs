import Razorpay from "razorpay";

export const example = { secret: "oracle razorpay secret", event: "payment.captured", id: "PQ00oracle0001" };

export const verify = ({ headers, body, secret }) => Razorpay.validateWebhookSignature(body, headers["x-razorpay-signature"], secret);
