import { createPublicKey } from "node:crypto";
import { AppStrategy } from "@wix/sdk";

// A key pair of these tests alone.
export const example = {
  secret: `-----BEGIN PRIVATE KEY-----
MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCmPpio0m4Ix/1M
AGP9ZZruICfHwjUVnMR6mjoSqFi+XYoGsHaBnxOlID5f6DJuhUqZPJeMwP7rnFwF
DL4HamUaSS9Pipx5I8PmgDEd5//xJKSyzoRGHO8MJL6B+wwVaRhgF4NHwlWuIT+r
4VhYrr/pYiSzFCpXW1NPbkGGjHTr1ehp12f44xdKh9jcfzgH7iQG2J/rIEb836lk
00+T2GT0YB919D1wMeuHJq6UTlbm1mdilNnss7k9a3Z/Na9rWWd9talYH6QihItN
FkS6/NV7BAEa7qApLOvnKJJVYhaqJdbLuwUbGJxi+Nh2pZC/6YyJwf+I42pdDJaj
A05qs9qjAgMBAAECggEADhxSQ3YeoXLHYa8tmlSiLcpSuUZkA7JOpqQ2zKs3letS
BWPu0yBbZjcr6pXgMSuLW7r3l03Kwj9/btN+wUz7Fhv8vr28FVFlvEfIo32AzTxe
f5zYcyxBvOA7jJEKAzrStyLklKLLa5NmS6KkQV0n0r/u77i4KIakaVTcjZAx3NIk
ElRwjs4YvnJffJvnMGE4p48+LmVk5n/haQeg9uxWqLr+cOiVoSZObFcbue+N7Fnm
lZW9SexN2kEx229VYRzsIucd56XfIHPFBsrx+bsst6/lebaakkdrqJ+GoF274Vqf
zbeOuPOxHos9cq/OfM0lw+mJ6TTGjmdBqmyeDt/LuQKBgQDorvJ6xXYtppz6Mx2s
nsTspfMUqwTiM0W/84zYhoNkynvCHIgehTxeByk22Xu20het8+8SvKTAVldKoJyl
SayLzFqgsx8NvoUQUfSftgtpTwDHrpwScNNg9wrdw2u9Qu++4YoJeRqexqiJzoRR
xIwZ6jzB9r590PWroe7+sv7iawKBgQC250kQVx8MO25XKwD0x+T2FcW7g+fwIAGV
IJSfWaE690MZjSOtesI//oEmCnG6+bAy05tg6tpLGjJQgC/Ao4XbnQfFxffUs6Mc
7OTVi3R6d75qa8oigZcItMvA+R/YFKP6sb1I5+kx94KrD4ubHX4Rn07/0pswplkx
qS4r2p2mqQKBgHvlK5fTrKmCHfPbY+GWaKTZeCV5KpCHXIxo0oY4mZ4BcwRYzOHz
b8FhbsCV7RnbpGArkxEXAWKolrJV8xLPt+B4X4lR1ycqWw/lk6u28zyPpIqunsvy
55qp8E9EzwlnquColyeUJGiGvxchr7MaRL9HyjI9gBDeQvGwt+FGzhEhAoGAR/WG
0V71YCKhrrnEjol2kzrNqJCk19w/wyQmVOs2e7R8OblFqCL7+aFvvj+trxo9MEIA
h4jeiV2tHe7Q2sF7EIQfYrgYYR6rtd2dykYrdWNXDxeJVzoU6d/3qdxZovG78g2r
otta68WtKw/apRRdXSGIOy3o0KMhxGADQk2oaMECgYEAkYi2JTskdDJCYjJ9NORN
l4p97Uz1mVdJ5pkkgRMqBTbGFW/dWrbKHWmI6mb2DkIj07HgJogAFK8+GR1QaLiv
GPmn2j/AuD/vTASc53/OA8sOfieN/tOKIaTH7YLZjKdCk6XbeOJZ5MPxIsoXeP59
NBOu204i+325vILcwI7/ldw=
-----END PRIVATE KEY-----
`,
};

// Signing takes the private key; the app's dashboard shows the public one.
export async function verify({ body, secret }) {
  const publicKey = createPublicKey(secret).export({ type: "spki", format: "pem" });
  const { valid } = await AppStrategy({ appId: "oracle", publicKey }).decodeJWT(body.toString("utf8"));
  return valid;
}
