// Asks the modules of verify/: `examples IN OUT` lists what each is tried with, `verify IN OUT` has each request judged.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const pinned = JSON.parse(readFileSync(join(here, "package.json"), "utf8")).dependencies;
const [what, given, answered] = process.argv.slice(2);

// The library is the first package that the module imports.
function sdk(file) {
  const imported = [...readFileSync(file, "utf8").matchAll(/(?:from|import|require(?:\.resolve)?\()\s*["']([^"']+)["']/g)].map((match) => match[1]);
  const name = Object.keys(pinned).find((name) => imported.some((path) => path === name || path.startsWith(`${name}/`)));
  return name && `${name} ${pinned[name]}`;
}

async function examples() {
  const all = [];
  for (const name of readdirSync(join(here, "verify")).filter((name) => name.endsWith(".mjs")).sort()) {
    const file = join(here, "verify", name);
    const module = { id: name.slice(0, -4), sdk: sdk(file) };
    try {
      module.example = (await import(file)).example;
    } catch (error) {
      module.error = String(error);
    }
    all.push(module);
  }
  return all;
}

async function verify(request) {
  const { verify } = await import(join(here, "verify", `${request.id}.mjs`));
  try {
    return { accepted: (await verify({ ...request, body: Buffer.from(request.bodyBase64, "base64") })) === true };
  } catch (error) {
    return { accepted: false, error: String(error) };
  }
}

async function verifyAll() {
  const all = [];
  for (const request of JSON.parse(readFileSync(given, "utf8"))) all.push(await verify(request));
  return all;
}

writeFileSync(answered, JSON.stringify(what === "examples" ? await examples() : await verifyAll()));
process.exit(0);
