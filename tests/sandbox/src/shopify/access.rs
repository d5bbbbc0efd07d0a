//! What the app may see of the shop. A field whose scope was not granted, and a personal field that the app was not approved
//! for, is null with an error beside the data. Which scope a type asks for is in the published schema (`requiredAccess`).

use serde_json::{Value, json};

/// Fields that hold something of their own, with the scopes any of which opens them.
const GUARDED: [(&str, &[&str]); 8] = [
    ("order", &["read_orders"]),
    ("orders", &["read_orders"]),
    ("ordersCount", &["read_orders"]),
    ("refund", &["read_orders"]),
    ("customer", &["read_customers"]),
    ("company", &["read_customers", "read_companies"]),
    ("product", &["read_products"]),
    ("paymentTerms", &["read_payment_terms"]),
];

/// The app's access, and what a query was denied so far.
pub struct Access {
    scopes: Vec<String>,
    /// Personal fields that the app was not approved for.
    unapproved: Vec<String>,
    path: Vec<Value>,
    /// The errors that belong beside the data.
    pub denied: Vec<Value>,
}

impl Access {
    pub(super) fn new(scopes: &[String], unapproved: &[String]) -> Self {
        Self { scopes: scopes.to_vec(), unapproved: unapproved.to_vec(), path: Vec::new(), denied: Vec::new() }
    }

    /// Goes down to a field or a place in a list, and up again.
    pub(super) fn within<T>(&mut self, key: Value, work: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(key);
        let done = work(self);
        self.path.pop();
        done
    }

    /// True if the field that was gone down to may be seen; else the error is kept. Plain values of the same name, as the
    /// company of an address, are guarded by nothing.
    pub(super) fn may_see(&mut self, field: &str, is_plain: bool) -> bool {
        let guard = GUARDED.iter().find(|(name, _)| *name == field && (!is_plain || field == "ordersCount"));
        let missing = guard.filter(|(_, any)| !any.iter().any(|one| self.scopes.iter().any(|has| has == one)));
        if let Some((_, any)) = missing {
            let any: Vec<String> = any.iter().map(|one| format!("`{one}` access scope")).collect();
            let required = format!("{}.", any.join(" or "));
            let message = format!("Access denied for {field} field. Required access: {required}");
            let documentation = "https://shopify.dev/api/usage/access-scopes";
            self.deny(
                &message,
                json!({ "code": "ACCESS_DENIED", "documentation": documentation, "requiredAccess": required }),
            );
            return false;
        }
        if self.unapproved.iter().any(|one| one == field) {
            let message = format!(
                "This app is not approved to use the {field} field. See \
                 https://shopify.dev/docs/apps/launch/protected-customer-data for more details."
            );
            self.deny(&message, json!({ "code": "ACCESS_DENIED" }));
            return false;
        }
        true
    }

    fn deny(&mut self, message: &str, extensions: Value) {
        self.denied.push(json!({ "message": message, "path": self.path, "extensions": extensions }));
    }
}
