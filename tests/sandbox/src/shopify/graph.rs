//! Runs a GraphQL query on plain JSON: every object carries all fields that the stand-in knows, connections carry all their
//! nodes, and the query picks from them. What is not there is an error, as in the real API.

use graphql_parser::query::{
    Definition, Document, Field, FragmentDefinition, OperationDefinition, Selection, SelectionSet,
};
use serde_json::{Map, Value, json};

use super::access::Access;

/// A value, or a GraphQL error.
pub type Resolved = Result<Value, Value>;

/// Marks a connection: its nodes.
const NODES: &str = "\u{1}nodes";
/// The most that one page may hold.
const PAGE: u64 = 250;

/// A connection of these nodes.
pub fn connection(nodes: Vec<Value>) -> Value {
    json!({ NODES: nodes })
}

/// An error of a query.
pub fn refusal(message: &str) -> Value {
    json!({ "message": message, "extensions": { "code": "INVALID" } })
}

/// The error for a field that does not exist.
pub fn undefined(field: &str, kind: &str) -> Value {
    json!({ "message": format!("Field '{field}' doesn't exist on type '{kind}'"), "extensions": { "code": "undefinedField" } })
}

/// One operation of a document, with the document's fragments and the request's variables.
pub struct Operation<'a> {
    selection: SelectionSet<'a, &'a str>,
    is_mutation: bool,
    fragments: Vec<FragmentDefinition<'a, &'a str>>,
    variables: &'a Map<String, Value>,
}

impl<'a> Operation<'a> {
    /// Finds the operation of that name; without a name the document must hold exactly one.
    pub fn parse(text: &'a str, name: Option<&str>, variables: &'a Map<String, Value>) -> Result<Self, Value> {
        let document: Document<'a, &'a str> =
            graphql_parser::parse_query(text).map_err(|error| refusal(&format!("Parse error: {error}")))?;
        let mut found = Vec::new();
        let mut fragments = Vec::new();
        for definition in document.definitions {
            match definition {
                Definition::Fragment(fragment) => fragments.push(fragment),
                Definition::Operation(OperationDefinition::Query(one)) => {
                    found.push((one.name, one.selection_set, false))
                }
                Definition::Operation(OperationDefinition::Mutation(one)) => {
                    found.push((one.name, one.selection_set, true))
                }
                Definition::Operation(OperationDefinition::SelectionSet(set)) => found.push((None, set, false)),
                Definition::Operation(OperationDefinition::Subscription(_)) => {
                    return Err(refusal("no subscriptions here"));
                }
            }
        }
        if name.is_none() && found.len() != 1 {
            return Err(refusal("An operation name is required"));
        }
        let (_, selection, is_mutation) = found
            .into_iter()
            .find(|one| name.is_none() || one.0 == name)
            .ok_or_else(|| refusal("No operation of that name"))?;
        Ok(Self { selection, is_mutation, fragments, variables })
    }

    /// Points: an object one, a page as many as it may hold, amounts and scalars none, a mutation ten. Shopify's own formula is
    /// not published in full; this one is near its stated costs.
    pub fn cost(&self) -> u64 {
        let base = if self.is_mutation { 10 } else { 0 };
        (base + self.cost_of(&self.selection)).max(1)
    }

    fn cost_of(&self, set: &SelectionSet<'a, &'a str>) -> u64 {
        self.fields(set, None)
            .iter()
            .map(|field| {
                if field.selection_set.items.is_empty() {
                    return 0;
                }
                let inner = self.cost_of(&field.selection_set);
                let is_light = field.name.ends_with("Set")
                    || field.name.ends_with("Money")
                    || matches!(field.name, "pageInfo" | "nodes" | "edges" | "node");
                let own = u64::from(!is_light);
                let is_page =
                    self.fields(&field.selection_set, None).iter().any(|one| matches!(one.name, "nodes" | "edges"));
                match self.arguments(field).get("first").and_then(Value::as_u64) {
                    Some(first) if is_page => first * (inner + 1),
                    _ => own + inner,
                }
            })
            .sum()
    }

    /// Runs it; `root` resolves the fields of the query or the mutation. What `access` does not open is null.
    pub fn run(&self, access: &mut Access, root: &mut dyn FnMut(&str, &Map<String, Value>) -> Resolved) -> Resolved {
        let mut data = Map::new();
        for field in self.fields(&self.selection, None) {
            let arguments = self.arguments(field);
            let picked = self.see(access, field, &mut || root(field.name, &arguments))?;
            data.insert(field.alias.unwrap_or(field.name).to_owned(), picked);
        }
        Ok(Value::Object(data))
    }

    /// The fields of a selection, fragments opened. A fragment on another type than the object's own is left out.
    fn fields<'b>(&'b self, set: &'b SelectionSet<'a, &'a str>, kind: Option<&str>) -> Vec<&'b Field<'a, &'a str>> {
        let mut fields = Vec::new();
        for item in &set.items {
            match item {
                Selection::Field(field) => fields.push(field),
                Selection::FragmentSpread(spread) => {
                    let fragment = self.fragments.iter().find(|one| one.name == spread.fragment_name);
                    fields.extend(fragment.map(|one| self.fields(&one.selection_set, kind)).unwrap_or_default());
                }
                Selection::InlineFragment(inline) => {
                    let graphql_parser::query::TypeCondition::On(on) =
                        inline.type_condition.as_ref().unwrap_or(&graphql_parser::query::TypeCondition::On(""));
                    if kind.is_none_or(|kind| kind == *on) {
                        fields.extend(self.fields(&inline.selection_set, kind));
                    }
                }
            }
        }
        fields
    }

    fn arguments(&self, field: &Field<'a, &'a str>) -> Map<String, Value> {
        field.arguments.iter().map(|(name, value)| ((*name).to_owned(), self.literal(value))).collect()
    }

    fn literal(&self, value: &graphql_parser::query::Value<'a, &'a str>) -> Value {
        use graphql_parser::query::Value as Literal;
        match value {
            Literal::Variable(name) => self.variables.get(*name).cloned().unwrap_or_default(),
            Literal::Int(number) => json!(number.as_i64()),
            Literal::Float(number) => json!(number.to_string()),
            Literal::String(text) => json!(text),
            Literal::Boolean(truth) => json!(truth),
            Literal::Null => Value::Null,
            Literal::Enum(name) => json!(name),
            Literal::List(list) => list.iter().map(|one| self.literal(one)).collect(),
            Literal::Object(map) => map.iter().map(|(name, one)| ((*name).to_owned(), self.literal(one))).collect(),
        }
    }

    /// One field, if it may be seen.
    fn see(&self, access: &mut Access, field: &Field<'a, &'a str>, value: &mut dyn FnMut() -> Resolved) -> Resolved {
        access.within(json!(field.alias.unwrap_or(field.name)), |access| {
            let is_plain = field.selection_set.items.is_empty();
            if access.may_see(field.name, is_plain) { self.pick(access, field, value()?) } else { Ok(Value::Null) }
        })
    }

    fn pick(&self, access: &mut Access, field: &Field<'a, &'a str>, value: Value) -> Resolved {
        let arguments = self.arguments(field);
        match value {
            Value::Object(object) if object.contains_key(NODES) => self.page(access, field, &arguments, &object[NODES]),
            Value::Array(list) => {
                let first = arguments.get("first").and_then(Value::as_u64).unwrap_or(u64::MAX);
                let most = usize::try_from(first).unwrap_or(usize::MAX);
                list.into_iter()
                    .take(most)
                    .enumerate()
                    .map(|(place, one)| access.within(json!(place), |access| self.pick(access, field, one)))
                    .collect::<Result<Vec<_>, _>>()
                    .map(Value::Array)
            }
            Value::Object(object) => self.object(access, field, &object),
            scalar if field.selection_set.items.is_empty() || scalar.is_null() => Ok(scalar),
            _ => Err(refusal(&format!("Selections can't be made on scalars (field '{}')", field.name))),
        }
    }

    fn object(&self, access: &mut Access, field: &Field<'a, &'a str>, object: &Map<String, Value>) -> Resolved {
        if field.selection_set.items.is_empty() {
            return Err(refusal(&format!("Field must have selections (field '{}')", field.name)));
        }
        let kind = object.get("__typename").and_then(Value::as_str);
        let mut picked = Map::new();
        for inner in self.fields(&field.selection_set, kind) {
            let value = object.get(inner.name).ok_or_else(|| undefined(inner.name, field.name))?;
            let picked_value = self.see(access, inner, &mut || Ok(value.clone()))?;
            picked.insert(inner.alias.unwrap_or(inner.name).to_owned(), picked_value);
        }
        Ok(Value::Object(picked))
    }

    /// A page of a connection. Its cursor is the number of nodes before it.
    fn page(
        &self,
        access: &mut Access,
        field: &Field<'a, &'a str>,
        arguments: &Map<String, Value>,
        nodes: &Value,
    ) -> Resolved {
        let nodes = nodes.as_array().map(Vec::as_slice).unwrap_or_default();
        let first = arguments
            .get("first")
            .and_then(Value::as_u64)
            .ok_or_else(|| refusal(&format!("you must provide one of first or last (field '{}')", field.name)))?;
        if first > PAGE {
            return Err(refusal(&format!("first cannot exceed {PAGE}")));
        }
        let start = match arguments.get("after").and_then(Value::as_str) {
            None => 0,
            Some(cursor) => cursor
                .strip_prefix("after-")
                .and_then(|text| text.parse::<usize>().ok())
                .ok_or_else(|| refusal("Invalid cursor"))?,
        };
        let end = (start + usize::try_from(first).unwrap_or(0)).min(nodes.len());
        let page = nodes.get(start..end).unwrap_or_default();
        let edges: Vec<Value> = page.iter().map(|node| json!({ "node": node, "cursor": "" })).collect();
        let cursor = if page.is_empty() { Value::Null } else { json!(format!("after-{end}")) };
        let info = json!({ "hasNextPage": end < nodes.len(), "hasPreviousPage": start > 0, "endCursor": cursor, "startCursor": null });
        let whole = json!({ "nodes": page, "edges": edges, "pageInfo": info });
        self.object(access, field, whole.as_object().unwrap_or(&Map::new()))
    }
}
