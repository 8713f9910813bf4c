import { OpenNodeClient } from "opennode";

export const example = {
  secret: "oracle-opennode-key",
  signed: ["0aae1e17-0000-4000-8000-000000000001"],
  body: "id=0aae1e17-0000-4000-8000-000000000001&status=paid&price=1200",
};

export const verify = ({ body, secret }) =>
  new OpenNodeClient(secret, "dev").verifySignature(Object.fromEntries(new URLSearchParams(body.toString("utf8"))));
