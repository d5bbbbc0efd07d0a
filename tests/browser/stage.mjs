// What every scenario needs: the browser, pages of the Worker as an admin sees them, and what is looked at on each of them.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { launch } from "./chromium.mjs";

const [, , scenario, given] = process.argv;
export const { worker, admin, folder, shots } = JSON.parse(given);
export const browser = await launch(folder);
export const complaints = [];

export async function open(path, { secret = admin, scheme = "light", width = 1200 } = {}) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  await page.setViewport({ width, height: 900, deviceScaleFactor: 1 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  // A refusal's status is no complaint of the page itself.
  const isOwn = (message) => message.type() === "error" && !/responded with a status of 4/.test(message.text());
  page.on("console", (message) => isOwn(message) && complaints.push(message.text()));
  if (secret) await page.authenticate({ username: "anyone", password: secret });
  const answer = await page.goto(worker + path, { waitUntil: "load" });
  return { page, answer, status: answer.status() };
}

export const text = (page) => page.evaluate(() => document.body.innerText);

export async function card(page, id) {
  const section = await page.$(`section#${id}`);
  assert.ok(section, `${page.url()} shows no connection ${id}: ${await text(page)}`);
  return section.evaluate((found) => found.innerText);
}

export async function press(page, selector) {
  await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.click(selector)]);
}

export async function shot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
}


/** What somebody without a mouse or without sight gets of a page, and whether its text can be read. */
export async function canBeUsed(path) {
  const { page } = await open(path);
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  const tree = await page.accessibility.snapshot();
  const all = [];
  (function walk(node) {
    all.push(node);
    (node.children ?? []).forEach(walk);
  })(tree);
  const nameless = all.filter((node) => ["button", "link", "radio", "textbox"].includes(node.role) && !node.name);
  assert.deepEqual(nameless, [], "every control has a name");
  assert.equal(all.filter((node) => node.role === "heading" && node.level === 1).length, 1);
  const contrast = await page.evaluate(() => {
    const luminance = (color) => {
      const [r, g, b] = color.match(/[\d.]+/g).slice(0, 3).map((part) => part / 255)
        .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const poor = [];
    for (const element of document.querySelectorAll(".badge, .alert, .button, button, .quiet, dt")) {
      let under = element;
      while (under && /^(rgba\(0, 0, 0, 0\)|color)/.test(getComputedStyle(under).backgroundColor)) under = under.parentElement;
      const [a, b] = [getComputedStyle(element).color, getComputedStyle(under ?? document.body).backgroundColor].map(luminance);
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < 4.5) poor.push(`${element.className} ${element.textContent.trim()}: ${ratio.toFixed(2)}`);
    }
    return poor;
  });
  assert.deepEqual(contrast, [], "text stands out from what is behind it");
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What the rules for accessible pages (WCAG 2 A and AA, and good practice) have to say, in both colour schemes. */
export async function accessible(path) {
  for (const scheme of ["light", "dark"]) {
    const { page } = await open(path, { scheme });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    const said = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join("\n")}`);
    assert.deepEqual(said, [], `${path}, ${scheme}`);
  }
}

/** A page is one request of less than 100 KB. */
export async function oneRequest(path) {
  const { page } = await open("/health");
  const asked = [];
  page.on("request", (request) => request.url().startsWith("data:") || asked.push(request.url()));
  const answer = await page.goto(worker + path, { waitUntil: "networkidle0" });
  assert.equal(asked.length, 1, `${path}: ${asked}`);
  const { length } = await answer.buffer();
  assert.ok(length < 100_000, `${path}: ${length} bytes`);
}

/** The page on a screen and on a phone, by day and by night. */
export async function looks(path, name) {
  for (const [kind, view] of [["light", {}], ["dark", { scheme: "dark" }], ["phone", { width: 390 }], ["phone-dark", { width: 390, scheme: "dark" }]]) {
    const { page } = await open(path, view);
    await shot(page, `${name}-${kind}`);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(overflow <= 0, `${path} ${kind}: the page is wider than the screen by ${overflow}`);
  }
}

/** Loads a page again until it says what is waited for. */
export async function until(page, wanted, seconds = 90) {
  for (let tries = 0; tries < seconds * 2; tries += 1) {
    const said = await text(page);
    if (wanted.test(said)) return said;
    await new Promise((soon) => setTimeout(soon, 500));
    await page.reload({ waitUntil: "load" });
  }
  assert.fail(`${page.url()} never says ${wanted}: ${await text(page)}`);
}

/** Plays the scenario that was asked for. */
export async function play(scenarios) {
  try {
    await scenarios[scenario]();
  } finally {
    await browser.close();
  }
}
