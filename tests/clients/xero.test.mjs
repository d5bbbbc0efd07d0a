// xero-node against the Xero stand-in.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { consent, refusal, require, start } from "./stage.mjs";

const { CreditNote, CurrencyCode, Invoice, LineAmountTypes, Payment, XeroClient } = require("xero-node");

const TENANT = "11111111-1111-4111-a111-111111111111";
const SCOPES = "offline_access accounting.invoices accounting.payments accounting.contacts accounting.settings.read".split(" ");
let stage, xero, api;

/** xero-node hands refusals on as JSON text. */
const refused = async (promise) => {
  const thrown = await refusal(promise);
  return typeof thrown === "string" ? JSON.parse(thrown).response : thrown;
};
const messages = (refusal) => refusal.body.Elements[0].ValidationErrors.map((one) => one.Message);
const line = (unitAmount) => ({ description: "Green snowboard", quantity: 1, unitAmount, accountCode: "200", taxType: "NONE" });

describe("Xero", { concurrency: false }, () => {
  before(async () => {
    stage = await start();
    xero = new XeroClient({
      clientId: "sandbox-xero", clientSecret: "sandbox-xero-secret", redirectUris: ["https://till.example/oauth/xero/callback"],
      scopes: SCOPES, state: "s1",
    });
    api = xero.accountingApi;
  });
  after(() => stage.stop());

  test("discovery, consent, code, tokens, refresh with rotation, tenants", async () => {
    const back = await consent(await xero.buildConsentUrl());
    const tokens = await xero.apiCallback(back);
    assert.ok(tokens.access_token && tokens.refresh_token && !tokens.expired());
    assert.equal(tokens.expires_in, 1800);
    const used = await refusal(xero.apiCallback(back));
    assert.equal(used.error, "invalid_grant", "a code works once");
    const before = tokens.refresh_token;
    const renewed = await xero.refreshToken();
    assert.notEqual(renewed.refresh_token, before);
    const [tenant] = await xero.updateTenants();
    assert.equal(tenant.tenantId, TENANT);
    assert.equal(tenant.tenantType, "ORGANISATION");
    assert.equal(tenant.orgData.organisationID, TENANT, "organisation and connection name the same tenant");
    assert.equal(String(tenant.orgData.baseCurrency), "GBP");
  });

  test("the settings that a preflight reads", async () => {
    const accounts = (await api.getAccounts(TENANT, undefined, 'Type=="BANK"')).body.accounts;
    assert.ok(accounts.some((account) => account.code === "090") && accounts.every((account) => String(account.type) === "BANK"));
    const rates = (await api.getTaxRates(TENANT)).body.taxRates;
    assert.equal(rates.find((rate) => rate.taxType === "OUTPUT2").effectiveRate, 20);
    const currencies = (await api.getCurrencies(TENANT)).body.currencies;
    assert.ok(currencies.some((currency) => String(currency.code) === "EUR"));
  });

  let contact, invoice;

  test("contacts are created once, updated and found", async () => {
    const contacts = { contacts: [{ name: "Ada O'Neill", emailAddress: "ada@example.com", contactNumber: "shopify-7001" }] };
    contact = (await api.createContacts(TENANT, contacts, true, "key-c1")).body.contacts[0];
    assert.match(contact.contactID, /^[0-9a-f-]{36}$/);
    const again = (await api.createContacts(TENANT, contacts, true, "key-c1")).body.contacts[0];
    assert.equal(again.contactID, contact.contactID, "the same key gets the same answer");
    const other = await refused(api.createContacts(TENANT, { contacts: [{ name: "Somebody" }] }, true, "key-c1"));
    assert.equal(other.statusCode, 400, "the same key with another body is refused");
    const changed = (await api.updateContact(TENANT, contact.contactID, { contacts: [{ contactID: contact.contactID, firstName: "Ada" }] })).body.contacts[0];
    assert.equal(changed.name, "Ada O'Neill");
    const found = (await api.getContact(TENANT, "shopify-7001")).body.contacts;
    assert.deepEqual(found.map((one) => one.contactID), [contact.contactID]);
    assert.ok(found[0].updatedDateUTC instanceof Date, "dates are in the form that the client reads");
  });

  test("invoices are created once, read, updated and found", async () => {
    const body = {
      type: Invoice.TypeEnum.ACCREC, status: Invoice.StatusEnum.AUTHORISED, contact: { contactID: contact.contactID }, date: "2026-11-02",
      dueDate: "2026-11-02", invoiceNumber: "S-1001", reference: "6001", currencyCode: CurrencyCode.GBP, lineAmountTypes: LineAmountTypes.Exclusive,
      lineItems: [{ ...line(100), taxType: "OUTPUT2" }],
    };
    invoice = (await api.createInvoices(TENANT, { invoices: [body] }, true, 4, "key-i1")).body.invoices[0];
    assert.deepEqual([invoice.subTotal, invoice.totalTax, invoice.total, invoice.amountDue], [100, 20, 120, 120]);
    assert.equal(invoice.hasErrors, false);
    const double = await refused(api.createInvoices(TENANT, { invoices: [body] }, true, 4, "key-i2"));
    assert.equal(double.statusCode, 400);
    assert.deepEqual(messages(double), ["Invoice # must be unique."]);
    const each = (await api.createInvoices(TENANT, { invoices: [body, { ...body, invoiceNumber: "S-1002" }] }, false, 4, "key-i3")).body.invoices;
    assert.deepEqual(each.map((one) => [one.statusAttributeString, one.hasErrors]), [["ERROR", true], ["OK", false]]);
    assert.equal(each[0].validationErrors[0].message, "Invoice # must be unique.");
    const changed = (await api.updateInvoice(TENANT, invoice.invoiceID, { invoices: [{ lineItems: [{ ...line(50), taxType: "OUTPUT2" }] }] }, 4)).body.invoices[0];
    assert.equal(changed.total, 60);
    const found = (await api.getInvoices(TENANT, undefined, undefined, undefined, undefined, ["S-1001"])).body;
    assert.equal(found.invoices.length, 1);
    assert.equal(found.invoices[0].date.slice?.(0, 10) ?? found.invoices[0].date.toISOString().slice(0, 10), "2026-11-02");
    const paged = (await api.getInvoices(TENANT, undefined, undefined, "UpdatedDateUTC ASC", undefined, undefined, undefined, ["AUTHORISED"], 1, undefined, undefined, 4, undefined, 100)).body;
    assert.equal(paged.invoices.length, 2);
    assert.equal(paged.pagination.itemCount, 2);
    invoice = changed;
  });

  test("payments, credit notes and allocations move what is due", async () => {
    const pay = (amount, extra) => ({ payments: [{ account: { code: "090" }, date: "2026-11-02", amount, ...extra }] });
    const payment = (await api.createPayments(TENANT, pay(40, { invoice: { invoiceID: invoice.invoiceID }, reference: "5001" }), true, "key-p1")).body.payments[0];
    assert.equal(payment.status, Payment.StatusEnum.AUTHORISED);
    const due = async () => (await api.getInvoice(TENANT, invoice.invoiceID)).body.invoices[0].amountDue;
    assert.equal(await due(), 20);
    const over = await refused(api.createPayments(TENANT, pay(21, { invoice: { invoiceID: invoice.invoiceID } }), true, "key-p2"));
    assert.match(messages(over)[0], /exceeds the amount outstanding/);
    const found = (await api.getPayments(TENANT, undefined, 'Reference=="5001"')).body.payments;
    assert.equal(found[0].paymentID, payment.paymentID);
    const note = (await api.createCreditNotes(TENANT, { creditNotes: [{
      type: CreditNote.TypeEnum.ACCRECCREDIT, status: CreditNote.StatusEnum.AUTHORISED, contact: { contactID: contact.contactID }, date: "2026-11-03",
      creditNoteNumber: "S-1001-R1", lineAmountTypes: LineAmountTypes.NoTax, lineItems: [line(20)],
    }] }, true, 4, "key-n1")).body.creditNotes[0];
    assert.equal(note.remainingCredit, 20);
    const allocation = (await api.createCreditNoteAllocation(TENANT, note.creditNoteID, { allocations: [{ amount: 15, date: "2026-11-03", invoice: { invoiceID: invoice.invoiceID } }] }, true, "key-a1")).body.allocations[0];
    assert.equal(allocation.amount, 15);
    assert.equal(await due(), 5);
    const refund = (await api.createPayments(TENANT, pay(5, { creditNote: { creditNoteID: note.creditNoteID }, reference: "5002" }), true, "key-p3")).body.payments[0];
    assert.equal(refund.amount, 5);
    assert.equal((await api.getCreditNote(TENANT, "S-1001-R1")).body.creditNotes[0].remainingCredit, 0);
    const gone = (await api.deletePayment(TENANT, payment.paymentID, { status: "DELETED" }, "key-d1")).body.payments[0];
    assert.equal(gone.status, Payment.StatusEnum.DELETED);
    assert.equal(await due(), 45);
  });

  test("an invoice is voided", async () => {
    const other = (await api.getInvoices(TENANT, undefined, undefined, undefined, undefined, ["S-1002"])).body.invoices[0];
    const voided = (await api.updateInvoice(TENANT, other.invoiceID, { invoices: [{ status: Invoice.StatusEnum.VOIDED }] })).body.invoices[0];
    assert.equal(voided.status, Invoice.StatusEnum.VOIDED);
    assert.equal(voided.amountDue, 0);
  });

  test("errors are what the client looks for", async () => {
    const lost = await refused(api.getInvoice(TENANT, "00000000-0000-4000-8000-000000000000"));
    assert.equal(lost.statusCode, 404);
    const foreign = await refused(api.getInvoices("22222222-2222-4222-a222-222222222222"));
    assert.equal(foreign.statusCode, 403);
    await stage.control("faults", { kind: "rate_limited", ledger: "xero", retry_after: 7 });
    const throttled = await refused(api.getAccounts(TENANT));
    assert.equal(throttled.statusCode, 429);
    assert.equal(throttled.headers["retry-after"], "7");
    assert.equal(throttled.headers["x-rate-limit-problem"], "minute");
    await stage.control("advance", { seconds: 1801 });
    const expired = await refused(api.getAccounts(TENANT));
    assert.equal(expired.statusCode, 401);
  });

  test("custom connections have tokens of their own", async () => {
    const custom = new XeroClient({ clientId: "sandbox-custom-au", clientSecret: "sandbox-custom-secret", grantType: "client_credentials", scopes: SCOPES });
    const tokens = await custom.getClientCredentialsToken();
    assert.equal(tokens.refresh_token, undefined);
    const organisation = (await custom.accountingApi.getOrganisations("")).body.organisations[0];
    assert.equal(String(organisation.baseCurrency), "AUD");
  });

  test("one company is disconnected, the grant is revoked", async () => {
    await xero.refreshToken();
    const [tenant] = await xero.updateTenants(false);
    await xero.disconnect(tenant.id);
    assert.equal((await refused(api.getAccounts(TENANT))).statusCode, 403);
    const again = await consent(await xero.buildConsentUrl());
    const { refresh_token } = await xero.apiCallback(again);
    await xero.revokeToken();
    const gone = await refusal(xero.refreshWithRefreshToken("sandbox-xero", "sandbox-xero-secret", refresh_token));
    assert.equal(gone.response.data.error, "invalid_grant");
  });
});
