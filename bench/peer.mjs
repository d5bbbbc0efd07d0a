// The peer: what any webhook receiver in JavaScript does with a delivery. Prints microseconds for one.
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";

const [secret, signature] = process.argv.slice(2);
const body = readFileSync(0);
const expected = Buffer.from(signature, "base64");

function once() {
  const digest = createHmac("sha256", secret).update(body).digest();
  if (!timingSafeEqual(digest, expected)) throw new Error("the signature is wrong");
  return JSON.parse(body.toString("utf8")).line_items.length;
}

let best = Infinity;
for (let round = 0; round < 7; round++) {
  const start = process.hrtime.bigint();
  let count = 0;
  while (process.hrtime.bigint() - start < 80_000_000n) {
    once();
    count++;
  }
  best = Math.min(best, Number(process.hrtime.bigint() - start) / 1000 / count);
}
console.log(best);
