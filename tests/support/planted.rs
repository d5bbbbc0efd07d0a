//! Strings that stand for a person, put wherever Shopify puts one.

use serde_json::{Value, json};

/// Nobody's, and found nowhere else.
pub const PLANTED: [&str; 7] = [
    "Zebulon",
    "Quagmire",
    "zebulon@quagmire.example",
    "+44 7700 900123",
    "17 Larkspur Mews",
    "XQ9 9ZZ",
    "203.0.113.77",
];

/// Puts the strings wherever Shopify puts a person.
pub fn plant(body: &mut Value) {
    let [first, last, email, phone, street, zip, ip] = PLANTED;
    let person = |object: &mut Value| {
        if object.is_object() {
            let of = [
                ("first_name", first),
                // QuickBooks takes no colon in a name: the original is kept in an adjustment.
                ("last_name", &format!("O:{last}")),
                ("name", &format!("{first} {last}")),
                ("email", email),
                ("phone", phone),
                ("address1", street),
                ("zip", zip),
                ("company", last),
            ];
            of.into_iter().for_each(|(key, text)| object[key] = json!(text));
        }
    };
    for key in ["customer", "billing_address", "shipping_address"] {
        body.get_mut(key).into_iter().for_each(person);
    }
    if body["line_items"].is_array() {
        for (key, text) in [("email", email), ("contact_email", email), ("phone", phone), ("browser_ip", ip)] {
            body[key] = json!(text);
        }
        body["client_details"] = json!({"browser_ip": ip});
        body["line_items"][0]["properties"] = json!([{"name": "engraving", "value": first}]);
    }
    if body.as_object().is_some_and(|object| object.len() > 1) {
        body["note"] = json!(format!("{first} will collect it"));
    }
    if !body["kind"].is_null() {
        body["receipt"] = json!({"payer": {"email": email, "name": last}, "raw": json!({"card": first}).to_string()});
        body["payment_details"] = json!({"credit_card_name": format!("{first} {last}")});
    }
    for key in ["refunds", "transactions"] {
        body.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().for_each(plant);
    }
}
