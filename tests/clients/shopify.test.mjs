// What the Worker asks of Shopify, and what the stand-in answers, against Shopify's published schema.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { NoDeprecatedCustomRule, TypeInfo, execute, getNamedType, parse, specifiedRules, validate, visit, visitWithTypeInfo } from "graphql";
import { VERSION, published, schema } from "./schema.mjs";
import { start } from "./stage.mjs";

const here = (path) => new URL(`../../${path}`, import.meta.url);
const documents = Object.fromEntries(
  readdirSync(here("src/shopify/admin")).filter((name) => name.endsWith(".graphql")).map((name) => [name, readFileSync(here(`src/shopify/admin/${name}`), "utf8")]),
);

/** Every field that a document selects: the type that it belongs to, its name, and the type that it holds. */
function selected(text) {
  const [fields, info] = [[], new TypeInfo(schema)];
  const enter = (node) => void fields.push([info.getParentType().name, node.name.value, getNamedType(info.getType()).name]);
  visit(parse(text), visitWithTypeInfo(info, { Field: { enter } }));
  return fields.filter(([, name]) => name !== "__typename");
}

/** Runs a query on an answer as if it were the shop: what the schema does not allow comes out as an error. */
async function typed(text, operationName, variableValues, data) {
  const document = parse(text);
  const isMutation = document.definitions.some((one) => one.name?.value === operationName && one.operation === "mutation");
  const result = await execute({
    schema, document, operationName, variableValues, rootValue: data,
    fieldResolver: (source, _arguments, _context, info) => source[info.path.key],
    // Interfaces and unions: the queries ask for one member only.
    typeResolver: () => "PurchasingCompany",
  });
  assert.deepEqual(result.errors ?? [], [], `${isMutation ? "mutation" : "query"} ${operationName}`);
  return result.data;
}

describe("Shopify", { concurrency: false }, () => {
  let stage;
  const asked = [];

  const ask = async (name, operationName, variables) => {
    const answer = await fetch(new URL(`/admin/api/${VERSION}/graphql.json`, stage.address), {
      method: "POST", headers: { "content-type": "application/json", "x-shopify-access-token": "shpat_sandbox" },
      body: JSON.stringify({ query: documents[name], operationName, variables }),
    });
    const body = await answer.json();
    assert.equal(body.errors, undefined, `${operationName}: ${JSON.stringify(body.errors)}`);
    asked.push(operationName);
    return typed(documents[name], operationName, variables, body.data);
  };

  before(async () => {
    stage = await start();
    await stage.control("shopify/bucket", { maximum: 1_000_000, per_second: 1_000 });
  });
  after(() => stage.stop());

  test("every query is valid, and asks for nothing that is going away", () => {
    assert.equal(Object.keys(documents).length, 3);
    for (const [name, text] of Object.entries(documents)) {
      const problems = validate(schema, parse(text), [...specifiedRules, NoDeprecatedCustomRule]);
      assert.deepEqual(problems.map(String), [], name);
    }
  });

  test("the scopes of the example open everything that is asked for", () => {
    const example = readFileSync(here("examples/shopify.app.toml"), "utf8");
    const granted = /^scopes = "(.*)"$/m.exec(example)[1].split(",");
    let guarded = 0;
    for (const [of, name, holds] of Object.values(documents).flatMap(selected)) {
      for (const access of [published(of).requiredAccess, published(of, name).requiredAccess, published(holds).requiredAccess]) {
        // "`read_a` access scope or `read_b` access scope. Also: …": any of them will do. Some speak of the user only.
        const any = [...(access ?? "").matchAll(/`([a-z_]+)` access scope/g)].map((found) => found[1]);
        guarded += any.length && 1;
        assert.ok(!any.length || any.some((scope) => granted.includes(scope)), `${of}.${name}: ${access}`);
      }
    }
    assert.ok(guarded > 20, "the package still says what access is required");
  });

  test("the fields that may be missing are the protected ones", () => {
    const source = readFileSync(here("src/shopify/admin/answer.rs"), "utf8");
    const personal = [.../const PERSONAL: [^=]*= \[([^\]]*)\]/.exec(source)[1].matchAll(/"(\w+)"/g)].map((found) => found[1]);
    const isProtected = ([of, name]) => published(of, name).isProtected;
    const fields = Object.values(documents).flatMap(selected);
    const names = (list) => [...new Set(list.map(([, name]) => name))].sort();
    assert.deepEqual(personal.sort(), names(fields.filter(isProtected)));
  });

  test("the topics that are needed exist, and the compliance topics are not in the API", () => {
    const source = readFileSync(here("src/shopify/admin/subscriptions.rs"), "utf8");
    const needed = [...source.matchAll(/\("([A-Z_]+)", "[a-z_]+\/[a-z_]+"\)/g)].map((found) => found[1]);
    const known = schema.getType("WebhookSubscriptionTopic").getValues().map((value) => value.name);
    assert.equal(needed.length, 9);
    assert.deepEqual(needed.filter((topic) => !known.includes(topic)), []);
    assert.ok(!known.includes("CUSTOMERS_REDACT"));
  });

  test("every story is answered in the schema's types", async () => {
    // One story is about a value that the schema does not know.
    const stories = readdirSync(here("fixtures/orders")).filter((name) => name !== "unknown_kind_of_transaction.json");
    for (const name of stories) {
      const story = JSON.parse(readFileSync(here(`fixtures/orders/${name}`), "utf8"));
      for (const { topic, body } of story.deliveries) await stage.control("shopify/happened", { topic, body });
      const told = story.deliveries.find(({ topic }) => topic.startsWith("orders/")).body;
      const { order } = await ask("orders.graphql", "Order", { id: `gid://shopify/Order/${told.id}` });
      if (story.deliveries.some(({ topic }) => topic === "orders/delete")) {
        assert.equal(order, null, `${name}: a deleted order is gone`);
        continue;
      }
      assert.ok(order.lineItems.nodes.length > 0, name);
      for (const refund of order.refunds) await ask("orders.graphql", "Refund", { id: refund.id });
    }
    const { orders } = await ask("orders.graphql", "Orders", { filter: "updated_at:>='2020-01-01T00:00:00Z'" });
    assert.ok(orders.nodes.length > 10);
    const window = "(created_at:>='2020-01-01T00:00:00Z' AND created_at:<='2020-01-02T00:00:00Z') OR (updated_at:>='2020-01-01T00:00:00Z' AND updated_at:<='2099-01-01T00:00:00Z')";
    assert.equal((await ask("orders.graphql", "Orders", { filter: window })).orders.nodes.length, orders.nodes.length);
    const made = "processed_at:>='2020-01-01T00:00:00Z' AND processed_at:<='2099-01-01T00:00:00Z'";
    const { ordersCount } = await ask("orders.graphql", "OrdersCount", { filter: made });
    assert.equal(ordersCount.precision, "EXACT");
    assert.equal((await ask("orders.graphql", "OrdersMade", { filter: made })).orders.nodes.length, Math.min(ordersCount.count, 100));
    await ask("orders.graphql", "OrderLines", { id: `gid://shopify/Order/${orders.nodes[0].legacyResourceId}` });
  });

  test("subscriptions are made, listed and removed", async () => {
    const subscription = { uri: "https://till.example/webhooks/shopify", format: "JSON" };
    const made = await ask("subscriptions.graphql", "Subscribe", { topic: "ORDERS_CREATE", subscription });
    assert.deepEqual(made.webhookSubscriptionCreate.userErrors, []);
    const again = await ask("subscriptions.graphql", "Subscribe", { topic: "ORDERS_CREATE", subscription });
    assert.equal(again.webhookSubscriptionCreate.userErrors[0].message, "Address for this topic has already been taken");
    const { webhookSubscriptions } = await ask("subscriptions.graphql", "Subscriptions", {});
    assert.equal(webhookSubscriptions.nodes[0].apiVersion.handle, VERSION);
    const gone = await ask("subscriptions.graphql", "Unsubscribe", { id: webhookSubscriptions.nodes[0].id });
    assert.deepEqual(gone.webhookSubscriptionDelete.userErrors, []);
  });

  test("the shop says its currencies and time zone, and what this app may read", async () => {
    const { shop, currentAppInstallation } = await ask("shop.graphql", "Shop", {});
    assert.match(shop.currencyCode, /^[A-Z]{3}$/);
    assert.ok(shop.enabledPresentmentCurrencies.includes(shop.currencyCode));
    assert.match(shop.ianaTimezone, /^[A-Z][a-z]+\/[A-Za-z_]+$/);
    assert.ok(currentAppInstallation.accessScopes.some(({ handle }) => handle === "read_orders"));
  });

  test("no operation was left out", () => {
    const operations = Object.values(documents).flatMap((text) => parse(text).definitions).filter((one) => one.operation).map((one) => one.name.value);
    assert.deepEqual(operations.filter((name) => !asked.includes(name)), []);
  });
});
