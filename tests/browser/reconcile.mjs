// What an admin does on /reconciliations and with the orders of the past on /connect. The program that starts the Worker runs
// one scenario at a time: node reconcile.mjs <scenario> <json>.

import assert from "node:assert/strict";
import { accessible, canBeUsed, card, complaints, looks, open, play, press, shot, text, until, worker } from "./stage.mjs";

const day = (ago) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);

/** Writes a day into a date field. */
const fill = (page, selector, value) =>
  page.$eval(selector, (field, text) => {
    field.value = text;
  }, value);

/** Begins a comparison on the page of all, and waits on its own page until it has ended. */
async function compare(page, connection, { audit = false } = {}) {
  await page.goto(`${worker}/reconciliations`, { waitUntil: "load" });
  await page.click(`section#${connection} summary`);
  await fill(page, `section#${connection} input[name=from]`, day(33));
  if (audit) await page.click(`section#${connection} input[name=audit]`);
  await press(page, `section#${connection} form button`);
  assert.match(page.url(), /\/reconciliations\/[a-z]+\.\d{8}T\d+$/);
  const path = new URL(page.url()).pathname;
  // What was found is shown while what it has in common is still looked for.
  await until(page, /^(?![\s\S]*Load this page again)[\s\S]*(\d (missing|wrong|duplicate|unexpected)|no difference)/);
  return path;
}

const scenarios = {
  /** Begun, paused, resumed: the first button is the backfill's pause. */
  async begin_backfill() {
    const { page } = await open("/connect");
    await fill(page, "section#quickbooks input[name=from]", day(33));
    await fill(page, "section#quickbooks input[name=to]", day(0));
    await shot(page, "7-backfill-form");
    await press(page, 'section#quickbooks form[action="/api/backfills"] button');
    assert.equal(page.url(), `${worker}/connect`);
    assert.match(await card(page, "quickbooks"), /Backfill\s+(Running|Waiting for Shopify)/);
    await press(page, 'section#quickbooks form[action$="/pause"] button');
    assert.match(await card(page, "quickbooks"), /Backfill\s+Paused/);
    await shot(page, "7-backfill-paused");
  },

  async resume_backfill() {
    const { page } = await open("/connect");
    await press(page, 'section#quickbooks form[action$="/resume"] button');
    await until(page, /Backfill\s+Done/);
    const shown = await card(page, "quickbooks");
    assert.match(shown, /12 of 12/);
    await shot(page, "7-backfill-done");
    // Another one may begin.
    assert.ok(await page.$('section#quickbooks form[action="/api/backfills"]'));
  },

  /** What was never delivered is found, approved and posted. */
  async repair() {
    const { page } = await open("/reconciliations");
    assert.match(await card(page, "quickbooks"), /None yet/);
    const path = await compare(page, "quickbooks");
    const found = await text(page);
    assert.match(found, /never posted/);
    assert.match(found, /would be posted/);
    assert.match(found, /Nothing has been changed so far/);
    await looks(path, "8-plan");
    await canBeUsed(path);
    await accessible(path);
    await press(page, 'form[action$="/approve"] button');
    assert.equal(new URL(page.url()).pathname, path, "the same run goes on");
    await until(page, /all repaired: no difference left/);
    assert.match(await text(page), /Before the repair/);
    assert.equal(await page.$('form[action$="/approve"]'), null, "it is approved once");
    await shot(page, "8-repaired");
    await looks("/reconciliations", "8-all");
    await canBeUsed("/reconciliations");
    await accessible("/reconciliations");
    await page.goto(`${worker}/reconciliations`);
    assert.match(await card(page, "quickbooks"), /all repaired/);
  },

  /** Another integration's books: what is by hand, what is posted, and that a plan is approved once. */
  async audit() {
    const { page } = await open("/reconciliations");
    const path = await compare(page, "xero", { audit: true });
    const found = await text(page);
    assert.match(found, /by hand: /);
    assert.match(found, /Its own documents are never touched/);
    await looks(path, "9-audit");
    await canBeUsed(path);
    await accessible(path);
    await press(page, 'form[action$="/approve"] button');
    assert.notEqual(new URL(page.url()).pathname, path, "another run carries the plan out");
    // What is to be entered by hand is missing still.
    await until(page, /after the repair:/);
    assert.match(await text(page), /given to the posting engine/);
    await shot(page, "9-audit-posted");
    await page.goto(worker + path);
    assert.equal(await page.$('form[action$="/approve"]'), null);
    assert.deepEqual(complaints, [], "the browser had nothing to complain about");
  },
};

await play(scenarios);
