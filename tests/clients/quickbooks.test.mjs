// intuit-oauth and node-quickbooks against the QuickBooks stand-in.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { asked, consent, refusal, require, start } from "./stage.mjs";

const OAuthClient = require("intuit-oauth");
const QuickBooks = require("node-quickbooks");

const REALM = "1000000001";
const CLIENT = { clientId: "sandbox-quickbooks", clientSecret: "sandbox-quickbooks-secret" };
let stage, oauth, books;

const line = (amount, text = "Green snowboard") => ({
  DetailType: "SalesItemLineDetail", Amount: amount, Description: text,
  SalesItemLineDetail: { ItemRef: { value: "1" }, Qty: 1, UnitPrice: amount, TaxCodeRef: { value: "NON" } },
});

describe("QuickBooks", { concurrency: false }, () => {
  before(async () => {
    stage = await start();
    await stage.control(`company/${REALM}`, { per_second: 1000 });
    oauth = new OAuthClient({ ...CLIENT, environment: "production", redirectUri: "https://till.example/oauth/quickbooks/callback" });
  });
  after(() => stage.stop());

  test("consent, code, tokens, refresh with rotation", async () => {
    const url = oauth.authorizeUri({ scope: [OAuthClient.scopes.Accounting], state: "s1" });
    const back = await consent(url);
    assert.match(back, /state=s1/);
    const tokens = (await oauth.createToken(back)).getJson();
    assert.equal(oauth.getToken().realmId, REALM);
    assert.equal(tokens.token_type, "bearer");
    assert.ok(oauth.isAccessTokenValid());
    const used = await refusal(oauth.createToken(back));
    assert.equal(used.message, "invalid_grant", "a code works once");
    const renewed = (await oauth.refreshUsingToken(tokens.refresh_token)).getJson();
    assert.notEqual(renewed.refresh_token, tokens.refresh_token);
    assert.ok(renewed.x_refresh_token_expires_in > 8_000_000);
    books = new QuickBooks(CLIENT.clientId, CLIENT.clientSecret, renewed.access_token, false, REALM, false, false, 75, "2.0", renewed.refresh_token);
    const info = await asked((done) => books.getCompanyInfo(REALM, done));
    assert.equal(info.CompanyName, "Tillproof Outfitters Inc.");
    const stale = await refusal(oauth.refreshUsingToken(tokens.refresh_token));
    assert.equal(stale.message, "invalid_grant");
    oauth.setToken({ ...renewed, realmId: REALM });
  });

  test("the settings that a preflight reads", async () => {
    const preferences = await asked((done) => books.getPreferences(done));
    assert.equal(typeof preferences.SalesFormsPrefs.CustomTxnNumbers, "boolean");
    const accounts = await asked((done) => books.findAccounts([{ field: "AccountType", value: "Bank" }, { field: "limit", value: 5 }], done));
    assert.ok(accounts.QueryResponse.Account.length > 0);
    assert.ok(accounts.QueryResponse.Account.every((account) => account.AccountType === "Bank"));
    const items = await asked((done) => books.findItems({ Name: "Sales" }, done));
    assert.equal(items.QueryResponse.Item[0].Id, "1");
    const codes = await asked((done) => books.findTaxCodes(done));
    assert.ok(Array.isArray(codes.QueryResponse.TaxCode[0].SalesTaxRateList.TaxRateDetail));
  });

  let customer, invoice;

  test("customers are created, read, updated and found", async () => {
    customer = await asked((done) => books.createCustomer({ DisplayName: "Ada O'Neill", PrimaryEmailAddr: { Address: "ada@example.com" }, requestId: "c-1" }, done));
    const again = await asked((done) => books.createCustomer({ DisplayName: "Ada O'Neill", requestId: "c-1" }, done));
    assert.equal(again.Id, customer.Id, "the same requestid gets the same answer");
    const taken = await refusal(asked((done) => books.createCustomer({ DisplayName: "Ada O'Neill", requestId: "c-2" }, done)));
    assert.equal(taken.status, 400);
    assert.equal(taken.body.Fault.Error[0].code, "6240");
    const changed = await asked((done) => books.updateCustomer({ Id: customer.Id, SyncToken: customer.SyncToken, GivenName: "Ada" }, done));
    assert.equal(changed.DisplayName, "Ada O'Neill", "a sparse update leaves the rest");
    assert.equal(Number(changed.SyncToken), Number(customer.SyncToken) + 1);
    const read = await asked((done) => books.getCustomer(customer.Id, done));
    assert.equal(read.GivenName, "Ada");
    const found = await asked((done) => books.findCustomers([{ field: "DisplayName", value: "Ada O'Neill" }], done));
    assert.equal(found.QueryResponse.Customer[0].Id, customer.Id);
    customer = read;
  });

  test("invoices are created once, read, updated and found", async () => {
    const body = { CustomerRef: { value: customer.Id }, CurrencyRef: { value: "USD" }, DocNumber: "S-1001", TxnDate: "2026-11-02", Line: [line(100)] };
    invoice = await asked((done) => books.createInvoice({ ...body, requestId: "i-1" }, done));
    assert.equal(invoice.TotalAmt, 100);
    assert.equal(invoice.Balance, 100);
    const double = await refusal(asked((done) => books.createInvoice({ ...body, requestId: "i-2" }, done)));
    assert.equal(double.body.Fault.Error[0].code, "6140");
    assert.match(double.body.Fault.Error[0].Detail, /S-1001/);
    const changed = await asked((done) => books.updateInvoice({ ...invoice, sparse: false, Line: [line(100), line(20, "Wax")] }, done));
    assert.equal(changed.TotalAmt, 120);
    const stale = await refusal(asked((done) => books.updateInvoice({ ...invoice, sparse: false }, done)));
    assert.equal(stale.body.Fault.Error[0].code, "5010");
    const found = await asked((done) => books.findInvoices([{ field: "DocNumber", value: "S-1001" }], done));
    assert.equal(found.QueryResponse.Invoice.length, 1);
    const count = await asked((done) => books.findInvoices({ count: true }, done));
    assert.equal(count.QueryResponse.totalCount, 1);
    invoice = changed;
  });

  test("a payment closes its invoice, a credit memo and a refund receipt stand beside it", async () => {
    const linked = [{ Amount: 120, LinkedTxn: [{ TxnId: invoice.Id, TxnType: "Invoice" }] }];
    const payment = await asked((done) => books.createPayment({
      CustomerRef: { value: customer.Id }, CurrencyRef: { value: "USD" }, TotalAmt: 120, PaymentRefNum: "5001", DepositToAccountRef: { value: "91" }, Line: linked, requestId: "p-1",
    }, done));
    assert.equal(payment.UnappliedAmt, 0);
    assert.equal((await asked((done) => books.getInvoice(invoice.Id, done))).Balance, 0);
    const memo = await asked((done) => books.createCreditMemo({ CustomerRef: { value: customer.Id }, CurrencyRef: { value: "USD" }, DocNumber: "S-1001-R1", Line: [line(20)] }, done));
    assert.equal(memo.RemainingCredit, 20);
    const receipt = await asked((done) => books.createRefundReceipt({
      CustomerRef: { value: customer.Id }, CurrencyRef: { value: "USD" }, DocNumber: "S-1001-R2", DepositToAccountRef: { value: "91" }, Line: [line(30)],
    }, done));
    assert.equal(receipt.TotalAmt, 30);
    const voided = await asked((done) => books.updatePayment({ Id: payment.Id, SyncToken: payment.SyncToken, void: true }, done));
    assert.equal(voided.TotalAmt, 0);
    assert.equal((await asked((done) => books.getInvoice(invoice.Id, done))).Balance, 120);
    const gone = await asked((done) => books.deleteCreditMemo({ Id: memo.Id, SyncToken: memo.SyncToken }, done));
    assert.equal(gone.CreditMemo.status, "Deleted");
    const lost = await refusal(asked((done) => books.getCreditMemo(memo.Id, done)));
    assert.equal(lost.body.Fault.Error[0].code, "610");
  });

  test("an invoice is voided and keeps its number", async () => {
    const current = await asked((done) => books.getInvoice(invoice.Id, done));
    const voided = await asked((done) => books.voidInvoice({ Id: current.Id, SyncToken: current.SyncToken }, done));
    assert.equal(voided.Invoice.TotalAmt, 0);
    assert.equal(voided.Invoice.DocNumber, "S-1001");
    assert.match(voided.Invoice.PrivateNote, /Voided/);
  });

  test("a batch answers each item for itself", async () => {
    const answer = await asked((done) => books.batch([
      { bId: "1", operation: "create", Invoice: { CustomerRef: { value: customer.Id }, CurrencyRef: { value: "USD" }, DocNumber: "S-1002", Line: [line(10)] } },
      { bId: "2", operation: "create", Invoice: { CustomerRef: { value: "999999" }, CurrencyRef: { value: "USD" }, DocNumber: "S-1003", Line: [line(10)] } },
      { bId: "3", Query: "select * from Customer where DisplayName = 'Ada O\\'Neill'" },
    ], done));
    const of = (id) => answer.BatchItemResponse.find((item) => item.bId === id);
    assert.equal(of("1").Invoice.TotalAmt, 10);
    assert.equal(of("2").Fault.type, "ValidationFault");
    assert.equal(of("3").QueryResponse.Customer[0].Id, customer.Id);
  });

  test("errors are what the clients look for", async () => {
    const bad = await refusal(asked((done) => books.findInvoices([{ field: "NoSuchField", value: "1" }], done)));
    assert.equal(bad.body.Fault.Error[0].code, "4001");
    // intuit-oauth reads a refusal in its own way.
    const call = () => oauth.makeApiCall({ url: `v3/company/${REALM}/invoice`, method: "POST", body: { Line: [] } });
    const validation = await refusal(call());
    assert.equal(validation.faultType, "ValidationFault");
    assert.equal(validation.code, "2020");
    assert.ok(validation.intuitTid ?? validation.intuit_tid, "the trace id is in the header that the client reads");
    const foreign = new QuickBooks(CLIENT.clientId, CLIENT.clientSecret, "nobody's token", false, REALM, false, false, 75, "2.0");
    const denied = await refusal(asked((done) => foreign.getPreferences(done)));
    assert.equal(denied.status, 401);
    assert.equal((denied.body.fault ?? denied.body.Fault).type, "AUTHENTICATION");
    await stage.control("faults", { kind: "rate_limited", ledger: "quickbooks" });
    assert.equal((await refusal(asked((done) => books.getPreferences(done)))).status, 429);
  });

  test("a revoked grant opens nothing any more", async () => {
    const { refresh_token } = oauth.getToken();
    await oauth.revoke({ refresh_token });
    assert.equal((await refusal(oauth.refreshUsingToken(refresh_token))).message, "invalid_grant");
    assert.ok([401, 403].includes((await refusal(asked((done) => books.getPreferences(done)))).status));
  });
});
