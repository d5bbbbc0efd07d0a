// What an admin, somebody with a forwarded link, and a hostile page do in a browser with the page /connect. The program
// that starts the Worker runs one scenario at a time: node connect.mjs <scenario> <json>.

import assert from "node:assert/strict";
import http from "node:http";
import { canBeUsed, card, complaints, looks, open, play, press, shot, text, worker } from "./stage.mjs";

/** From the button to the page that thanks. Returns the address that the browser came back to. */
async function consent(page, connection, ledger, company, decision = "allow") {
  let callback;
  const note = (request) => {
    if (request.url().includes("/callback?")) callback = request.url();
  };
  page.on("request", note);
  await page.goto(`${worker}/connect`);
  await press(page, `section#${connection} a[href^="/oauth/${ledger}/start"]`);
  assert.match(await page.title(), /Allow access/, "the ledger's own page");
  await page.click(`input[name=company][value="${company}"]`);
  await press(page, `button[value=${decision}]`);
  page.off("request", note);
  assert.ok(callback, "the browser came back");
  return callback;
}

const companies = {
  quickbooks: { id: "1000000001", name: "Tillproof Outfitters Inc." },
  xero: { id: "11111111-1111-4111-a111-111111111111", name: "Tillproof Outfitters (UK)" },
};

const scenarios = {
  /** Nothing is connected; at the end both ledgers are, confirmed and checked. */
  async connect() {
    const { page } = await open("/connect");
    assert.match(await card(page, "xero"), /Not connected/);
    assert.match(await card(page, "xero"), new RegExp(`${worker}/oauth/xero/callback`), "the redirect URI to register");
    await shot(page, "1-not-connected");
    await consent(page, "xero", "xero", companies.xero.id, "deny");
    assert.match(await text(page), /declined/);
    for (const [ledger, company] of Object.entries(companies)) {
      await consent(page, ledger, ledger, company.id);
      assert.match(await text(page), /before an admin has confirmed/);
      await page.goto(`${worker}/connect`);
      assert.match(await card(page, ledger), /To be confirmed/);
      assert.ok((await card(page, ledger)).includes(company.name), "the name, as the ledger states it");
      await shot(page, `2-to-be-confirmed-${ledger}`);
      // Somebody forwarded the link, and another company came back: it is let go of, and the button is there again.
      await press(page, `section#${ledger} form[action$="/decline"] button`);
      assert.equal(page.url(), `${worker}/connect`);
      assert.match(await card(page, ledger), /Not connected/);
      assert.ok(!(await card(page, ledger)).includes(company.name), "nothing of it is kept");
      await consent(page, ledger, ledger, company.id);
      await page.goto(`${worker}/connect`);
      await press(page, `section#${ledger} fieldset button`);
      assert.equal(page.url(), `${worker}/connect`);
      assert.match(await card(page, ledger), /Connected/);
      // It is looked at by itself as soon as it is confirmed.
      for (let tries = 0; tries < 50 && !/Nothing stands in the way/.test(await card(page, ledger)); tries += 1) {
        await new Promise((soon) => setTimeout(soon, 200));
        await page.reload();
      }
      assert.match(await card(page, ledger), /Nothing stands in the way of posting/);
      await press(page, `section#${ledger} form[action$="/preflight"] button`);
      assert.equal(page.url(), `${worker}/connect`);
    }
    assert.deepEqual(complaints, [], "the browser had nothing to complain about");
  },

  /** The page as it looks, and what somebody without a mouse or without sight gets of it. */
  async look() {
    await looks("/connect", "3-connect");
    await looks("/", "4-overview");
    await canBeUsed("/connect");
  },

  /** Whoever is not the admin, and whatever was not begun here. */
  async refuse() {
    const stranger = await open("/connect", { secret: null });
    assert.equal(stranger.status, 401);
    const guest = await open("/oauth/xero/callback?state=xero.0123&code=x", { secret: null });
    assert.equal(guest.status, 409);
    assert.match(await text(guest.page), /was not begun here/);
    const { page, answer } = await open("/connect");
    const headers = answer.headers();
    assert.match(headers["content-security-policy"], /default-src 'none'/);
    assert.equal(headers["cache-control"], "no-store");
    const callback = await consent(page, "xero", "xero", companies.xero.id);
    const again = await page.goto(callback);
    assert.equal(again.status(), 409, "a code and a state count once");
    const forged = new URL(callback);
    forged.searchParams.set("state", `${forged.searchParams.get("state").slice(0, -1)}0`);
    assert.equal((await page.goto(forged.href)).status(), 409);
    // The consent comes back to another address than it was begun from.
    await page.goto(`${worker}/connect`);
    const start = await page.$eval(`section#xero a[href^="/oauth/xero/start"]`, (link) => link.href);
    await page.goto(start);
    const elsewhere = new URL(page.url());
    const other = new URL("/oauth/quickbooks/callback", worker);
    other.search = new URLSearchParams({ state: elsewhere.searchParams.get("state"), code: "x", realmId: "1000000001" });
    assert.equal((await page.goto(other.href)).status(), 409);
    await hostile();
  },

  /** The grant was revoked at the ledger: the page says so, and connecting again is all it takes. */
  async reconnect() {
    const { page } = await open("/connect");
    assert.match(await card(page, "xero"), /To be connected again/);
    await shot(page, "5-reconnect");
    await consent(page, "xero", "xero", companies.xero.id);
    assert.match(await text(page), /connected to Tillproof Outfitters \(UK\) again/);
  },

  async disconnect() {
    const { page } = await open("/connect");
    await press(page, `section#xero form[action$="/disconnect"] button`);
    assert.match(await card(page, "xero"), /Not connected/);
    assert.match(await card(page, "quickbooks"), /Connected/);
  },

  /** Settings that do not fit: the page says what and how to fix it. */
  async broken() {
    const { page } = await open("/connect");
    await press(page, `section#xero form[action$="/preflight"] button`);
    const shown = await card(page, "xero");
    assert.match(shown, /Connected, not posting/);
    assert.match(shown, /lines\.sales.*inactive or archived in Xero/s);
    await shot(page, "6-broken");
  },
};

/** A page of another site posts to the admin's buttons with the admin's own browser. */
async function hostile() {
  const server = http.createServer((request, response) => {
    const policy = request.url === "/hidden" ? '<meta name="referrer" content="no-referrer">' : "";
    response.setHeader("content-type", "text/html");
    response.end(`${policy}<form method="post" action="${worker}/api/connections/quickbooks/disconnect"><button>Win a prize</button></form>
      <a href="${worker}/oauth/xero/start?connection=xero">Or this</a>`);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const { page } = await open("/connect");
  for (const path of ["/", "/hidden"]) {
    for (const control of ["button", "a"]) {
      // Another host than the Worker's: localhost is not 127.0.0.1.
      await page.goto(`http://localhost:${server.address().port}${path}`);
      const [answer] = await Promise.all([page.waitForNavigation({ waitUntil: "load" }), page.click(control)]);
      assert.equal(answer.status(), 403, `${path} ${control}`);
    }
  }
  server.close();
  await page.goto(`${worker}/connect`);
  assert.match(await card(page, "quickbooks"), /Connected/, "nothing was disconnected");
}

await play(scenarios);
