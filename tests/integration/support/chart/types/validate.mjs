// Prints what the models' own validators refuse in the *.json manifests of the folder named.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
for (const file of readdirSync(folder).filter((name) => name.endsWith(".json") && name !== "tsconfig.json")) {
  const name = file.replace(/\.json$/, "");
  const module = /from "([^"]+)"/.exec(readFileSync(join(folder, `${name}.ts`), "utf8"))[1];
  const manifest = JSON.parse(readFileSync(join(folder, file), "utf8"));
  try {
    const model = (await import(module))[manifest.kind];
    new model(manifest).validate();
  } catch (error) {
    console.log(`${name}: ${error.message}`);
  }
}
