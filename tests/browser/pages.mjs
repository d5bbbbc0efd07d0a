// What a bookkeeper does on the pages about orders, and what hostile names do there. The program that starts the Worker runs one
// scenario at a time: node pages.mjs <scenario> <json>.

import assert from "node:assert/strict";
import { accessible, canBeUsed, complaints, looks, oneRequest, open, play, press, shot, text, until, worker } from "./stage.mjs";

const rows = (page) => page.$$eval("tbody tr", (all) => all.map((row) => row.innerText));

const scenarios = {
  /** Every page: one small request, usable without sight or mouse, on a phone and at night. */
  async look() {
    for (const [path, name] of [["/", "10-overview"], ["/orders", "11-orders"], ["/orders?state=held", "12-held"], ["/reconciliations", "13-reconciliations"], ["/connect", "14-connect"]]) {
      await oneRequest(path);
      await looks(path, name);
      await canBeUsed(path);
      await accessible(path);
    }
    const { page } = await open("/");
    const said = await text(page);
    assert.match(said, /things? needs? you|need you/);
    assert.match(said, /Events by day/);
    await press(page, 'a[href^="/orders?state=held"]');
    assert.match(page.url(), /reason=/);
    assert.ok((await rows(page)).length > 0);
  },

  /** From a name, an id, a number or an amount to the order, and page by page through all of them. */
  async search() {
    const { page } = await open("/orders");
    assert.equal((await rows(page)).length, 50);
    const seen = new Set();
    for (;;) {
      for (const address of await page.$$eval("tbody th a", (all) => all.map((one) => one.getAttribute("href")))) {
        assert.ok(!seen.has(address), `${address} comes twice`);
        seen.add(address);
      }
      const next = await page.$("a.button");
      if (!next) break;
      await Promise.all([page.waitForNavigation({ waitUntil: "load" }), next.click()]);
    }
    assert.ok(seen.size > 200, `${seen.size} orders`);
    for (const wanted of ["#1017", "1017", "5700000001017", "S-1017"]) {
      await page.goto(`${worker}/orders`);
      await page.type("input[name=q]", wanted);
      await press(page, ".find button");
      const found = await rows(page);
      assert.ok(found.length >= 1 && found.every((row) => row.includes("#1017")), `${wanted}: ${found}`);
    }
    await page.goto(`${worker}/orders?q=no+such+order`);
    assert.match(await text(page), /No order is like that/);
    await page.select("select[name=state]", "held");
    await page.$eval("input[name=q]", (field) => (field.value = ""));
    await press(page, ".find button");
    assert.ok((await rows(page)).every((row) => row.includes("Waits for you")));
    // Everything, as a list.
    const list = await page.evaluate(async () => (await fetch("/orders.csv")).text()).catch(() => "");
    assert.ok(list === "" || list.split("\r\n").length > 200, "the policy of the page allows no script to fetch");
  },

  /** One order: from what Shopify said to the document in the ledger; its preview and its replay. */
  async order() {
    const { page } = await open("/orders?q=S-1017&connection=xero");
    await press(page, "tbody th a");
    const path = new URL(page.url()).pathname;
    const said = await text(page);
    for (const wanted of [/In the ledger/, /orders\/create/, /S-1017/, /equal/, /Calls to the ledger/]) assert.match(said, wanted);
    assert.match(await page.$eval('a[href^="https://go.xero.com/"]', (link) => link.href), /InvoiceID=/);
    assert.equal(await page.$('form[action$="/ignore"]'), null, "what is in the ledger is not left out");
    await looks(path, "15-order");
    await canBeUsed(path);
    await accessible(path);
    await oneRequest(path);
    await press(page, 'form[action$="/preview"] button');
    assert.match(await text(page), /Nothing: the ledger has what it ought to/);
    await shot(page, "16-preview");
    await page.goto(worker + path);
    await press(page, 'form[action$="/replay"] button');
    assert.equal(new URL(page.url()).pathname, path);
    await until(page, /In the ledger/);
  },

  /** A held order: what it waits for, what would be written, and that it can be left out and taken in again. */
  async held() {
    const { page } = await open("/orders?state=held&connection=xero&reason=order_inconsistent");
    await press(page, "tbody th a");
    const path = new URL(page.url()).pathname;
    assert.match(await text(page), /order_inconsistent/);
    assert.match(await text(page), /Compare the order in Shopify/);
    await looks(path, "17-held");
    await accessible(path);
    await press(page, 'form[action$="/preview"] button');
    assert.match(await text(page), /order_inconsistent/);
    await page.goto(worker + path);
    await page.click("details summary");
    await page.type('form[action$="/ignore"] input[name=reason]', 'entered by hand, "as agreed" <b>');
    await press(page, 'form[action$="/ignore"] button');
    await until(page, /Left out\b/);
    assert.match(await text(page), /entered by hand, "as agreed" <b>/);
    await shot(page, "18-left-out");
    await press(page, 'form[action$="/release"] button');
    await until(page, /Waits for you/);
  },

  /** All that wait for the same thing. */
  async together() {
    const { page } = await open("/orders?state=held&connection=xero&reason=order_inconsistent");
    const before = (await rows(page)).length;
    assert.ok(before >= 3, `${before} are held`);
    await shot(page, "19-together");
    await press(page, 'form[action="/api/orders/release"] button');
    assert.match(await text(page), new RegExp(`${before} orders are looked at again now`));
    await page.goto(`${worker}/orders?state=held&connection=xero&reason=order_inconsistent`);
    await until(page, /1 minute ago|just now/);
    await press(page, 'form[action="/api/orders/replay"] button');
    assert.match(await text(page), /orders are looked at again now/);
  },

  /** Names that try to be markup, to turn the page around, or to burst it. */
  async hostile() {
    const { page } = await open("/orders?q=%3Cscript%3Ealert(1)%3C/script%3E");
    page.on("dialog", () => assert.fail("a name ran as a script"));
    for (const path of ["/orders", "/orders?q=%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E", "/"]) {
      await page.goto(worker + path);
      assert.equal(await page.$("script"), null);
      assert.equal(await page.$("img"), null);
    }
    await page.goto(`${worker}/orders`);
    const hostile = await page.$$eval("tbody th a", (all) => all.filter((one) => /script|x{40}|\u202e|"/.test(one.textContent)).map((one) => one.getAttribute("href")));
    assert.ok(hostile.length >= 3, `${hostile.length} hostile names are listed`);
    for (const path of hostile) {
      await page.goto(worker + path);
      assert.equal(await page.$("script"), null, path);
      await looks(path, `20-hostile-${hostile.indexOf(path)}`);
      await accessible(path);
    }
    assert.deepEqual(complaints, [], "the browser had nothing to complain about");
  },
};

await play(scenarios);
