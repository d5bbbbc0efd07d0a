// Shopify's published schema, as its package ships it.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { buildClientSchema } from "graphql";

/** The version that the Worker speaks. */
export const VERSION = "2026-10";

const file = new URL(`node_modules/@shopify/dev-mcp/dist/data/admin_${VERSION}.json.gz`, import.meta.url);
const introspection = JSON.parse(gunzipSync(readFileSync(file)));

const types = Object.fromEntries((introspection.data ?? introspection).__schema.types.map((type) => [type.name, type]));

/** What is published of a type, or of a field of it, beyond the schema itself: required access, protected content. */
export const published = (type, field) => (field ? types[type].fields.find(({ name }) => name === field) : types[type]);

export const schema = buildClientSchema(introspection.data ?? introspection);
