// A headless Chromium: the one that CHROMIUM names, else one that is installed, else the one that npm brought along.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import puppeteer from "puppeteer-core";

function installed() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const name of ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]) {
    const found = spawnSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).stdout.trim();
    if (found) return found;
  }
  const app = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
  if (existsSync(app)) return app;
}

async function brought(folder) {
  // It unpacks itself where temporary files go, with the libraries that a bare machine lacks: into our own folder.
  mkdirSync(folder, { recursive: true });
  process.env.TMPDIR = folder;
  process.env.AWS_LAMBDA_JS_RUNTIME = "nodejs22.x";
  const { default: chromium } = await import("@sparticuz/chromium");
  const path = await chromium.executablePath();
  // What it brings along looks for its letters in other places. A browser without any shows no text, or crashes.
  const dirs = [`${folder}/fonts`, "/usr/share/fonts"].map((dir) => `<dir>${dir}</dir>`).join("");
  const text = `<?xml version="1.0"?><fontconfig>${dirs}<cachedir>${folder}/fonts-cache</cachedir></fontconfig>`;
  writeFileSync(`${folder}/fonts/fonts.conf`, text);
  return path;
}

/** Where it is, unpacked into the folder if need be. Two at once would unpack over each other: run this script alone first. */
const ready = async (folder) => installed() ?? (await brought(folder));

if (import.meta.filename === process.argv[1]) await ready(process.argv[2]);

/** Starts it. Its own defences stay on: the tests are about them. */
export async function launch(folder) {
  const executablePath = await ready(folder);
  const args = ["--no-sandbox", "--no-zygote", "--disable-gpu", "--disable-dev-shm-usage", "--font-render-hinting=none"];
  return puppeteer.launch({ executablePath, args, headless: "shell", protocolTimeout: 60_000 });
}
