import { hmacValidator } from "@adyen/api-library";

export const example = {
  secret: "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
  event: "balancePlatform.accountHolder.updated",
};

export const verify = ({ headers, body, secret }) =>
  new hmacValidator().validateHMACSignature(secret, headers.hmacsignature, body.toString("utf8"));
