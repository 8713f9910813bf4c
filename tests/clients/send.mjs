// Sends the same request again and again and prints what it saw of each answer: its status, or the error.
import http from "node:http";

const [url, size, times] = process.argv.slice(2);
const body = Buffer.alloc(Number(size), "x");

const send = () =>
  new Promise((done) => {
    const request = http.request(url, { method: "POST", agent: false }, (answer) => {
      answer.resume();
      answer.on("end", () => done(answer.statusCode));
      answer.on("error", (error) => done(error.message));
    });
    request.on("error", (error) => done(error.message));
    request.end(body);
  });

for (let i = 0; i < Number(times); i++) console.log(await send());
