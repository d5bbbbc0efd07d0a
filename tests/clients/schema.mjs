// Shopify's published schema, as its package ships it.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { buildClientSchema } from "graphql";

/** The version that the Worker speaks. */
export const VERSION = "2026-10";

const file = new URL(`node_modules/@shopify/dev-mcp/dist/data/admin_${VERSION}.json.gz`, import.meta.url);
const introspection = JSON.parse(gunzipSync(readFileSync(file)));

export const schema = buildClientSchema(introspection.data ?? introspection);
