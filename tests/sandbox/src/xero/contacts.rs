//! Contacts, items and currencies.

use serde_json::{Value, json};

use super::{Call, Company, Outcome, one, wire_time};
use crate::json::{self, Object};
use crate::presets;

const ARCHIVED: &str = "The contact with the specified contact details has been archived. The contact must be un-archived before \
                        creating new invoices or credit notes";

/// Longest text by field.
const LENGTHS: [(&str, usize); 9] = [
    ("Name", 255),
    ("FirstName", 255),
    ("LastName", 255),
    ("EmailAddress", 255),
    ("ContactNumber", 50),
    ("AccountNumber", 50),
    ("TaxNumber", 50),
    ("CompanyNumber", 50),
    ("SkypeUserName", 50),
];
const ADDRESS_LENGTHS: [(&str, usize); 9] = [
    ("AddressLine1", 500),
    ("AddressLine2", 500),
    ("AddressLine3", 500),
    ("AddressLine4", 500),
    ("City", 255),
    ("Region", 255),
    ("AttentionTo", 255),
    ("PostalCode", 50),
    ("Country", 50),
];
const PHONE_LENGTHS: [(&str, usize); 3] = [("PhoneNumber", 50), ("PhoneAreaCode", 10), ("PhoneCountryCode", 20)];

fn check_lengths(object: &Value, limits: &[(&str, usize)], errors: &mut Vec<String>) {
    for (key, max) in limits {
        if json::text(object, key).encode_utf16().count() > *max {
            errors.push(format!("{key} exceeds the maximum length of {max} characters."));
        }
    }
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic() && !b"@,;<>()[]\"\\".contains(&byte))
    };
    let is_dotted = |part: &str| part.split('.').all(|label| !label.is_empty());
    is_plain(local) && is_plain(domain) && is_dotted(local) && is_dotted(domain) && domain.contains('.')
}

impl Company {
    fn contact_named(&self, name: &str) -> Option<&Value> {
        let is_it = |row: &&Value| {
            json::text(row, "ContactStatus") == "ACTIVE"
                && json::text(row, "Name").to_lowercase() == name.to_lowercase()
        };
        self.contacts.rows.iter().find(is_it)
    }

    /// Archived contacts keep their number reserved.
    fn contact_numbered(&self, number: &str) -> Option<&Value> {
        self.contacts.rows.iter().find(|row| json::text(row, "ContactNumber").eq_ignore_ascii_case(number))
    }

    /// PUT creates only; POST updates by ContactID, ContactNumber or Name. What is not given stays.
    pub(super) fn save_contact(&mut self, call: &Call, given: &Object) -> Outcome {
        let given = Value::Object(given.clone());
        let text = |key: &str| given.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let id = call.path_id.as_deref().or(text("ContactID"));
        let old = match id {
            Some(id) => {
                let found = self.contacts.get(id).cloned();
                Some(found.ok_or_else(|| one("The document with the supplied id was not found for this endpoint."))?)
            }
            None if call.is_put => None,
            None => {
                let numbered = text("ContactNumber").and_then(|number| self.contact_numbered(number));
                numbered.or_else(|| text("Name").and_then(|name| self.contact_named(name))).cloned()
            }
        };
        let mut errors = Vec::new();
        self.check_contact(&given, old.as_ref(), &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let id = old.as_ref().map_or_else(|| self.ids.guid(), |old| json::text(old, "ContactID").to_owned());
        let mut contact = old.unwrap_or_else(|| {
            json!({
                "ContactID": id, "ContactStatus": "ACTIVE", "Addresses": [], "Phones": [], "ContactGroups": [],
                "ContactPersons": [], "IsSupplier": false, "IsCustomer": false, "EmailAddress": "",
            })
        });
        for (key, value) in given.as_object().into_iter().flatten().filter(|(key, _)| *key != "ContactID") {
            contact[key] = value.clone();
        }
        contact["UpdatedDateUTC"] = wire_time(call.now);
        self.contacts.put(&id, contact.clone());
        Ok((contact, Vec::new()))
    }

    fn check_contact(&self, given: &Value, old: Option<&Value>, errors: &mut Vec<String>) {
        let own = old.map(|old| json::text(old, "ContactID")).unwrap_or("");
        let name = json::text(given, "Name");
        if name.is_empty() && (old.is_none() || given.get("Name").is_some()) {
            errors.push("The contact name must be specified.".into());
        }
        if name.contains(['<', '>', '\n', '\t', '\r']) || name.trim() != name || name.contains("  ") {
            errors.push("The contact name contains characters or spaces that are not valid.".into());
        }
        if self.contact_named(name).is_some_and(|holder| json::text(holder, "ContactID") != own) {
            errors.push(format!(
                "The contact name {name} is already assigned to another contact. The contact name must be unique across all \
                 active contacts."
            ));
        }
        let number = json::text(given, "ContactNumber");
        if !number.is_empty()
            && self.contact_numbered(number).is_some_and(|holder| json::text(holder, "ContactID") != own)
        {
            errors.push("Another contact has this contact number. Please enter a different contact number".into());
        }
        let email = json::text(given, "EmailAddress");
        if !email.is_empty() && !is_email(email) {
            errors.push("Email address must be valid.".into());
        }
        match json::text(given, "ContactStatus") {
            "" | "ACTIVE" if old.is_none_or(|old| json::text(old, "ContactStatus") == "ACTIVE") => {}
            "ARCHIVED" if old.is_some() => {}
            status => errors.push(format!("The status '{status}' is not valid for contacts")),
        }
        check_lengths(given, &LENGTHS, errors);
        for address in json::list(given, "Addresses") {
            check_lengths(address, &ADDRESS_LENGTHS, errors);
            if !json::text(address, "Country").chars().all(|letter| letter.is_ascii_alphabetic() || letter == ' ') {
                errors.push("Country must contain letters only.".into());
            }
        }
        for phone in json::list(given, "Phones") {
            check_lengths(phone, &PHONE_LENGTHS, errors);
        }
        if json::list(given, "ContactPersons").len() > 5 {
            errors.push("A contact can have at most 5 contact persons.".into());
        }
    }

    /// The contact of a document: by id; by number; by name, where none of that name is created. More than an id updates the
    /// contact and drops its persons.
    pub(super) fn contact_for(&mut self, call: &Call, given: &Value) -> Result<Value, Vec<String>> {
        let text = |key: &str| given.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        let found = match (text("ContactID"), text("ContactNumber"), text("Name")) {
            (Some(id), ..) => match self.contacts.get(id) {
                Some(contact) => Some(contact.clone()),
                None => return Err(one("The contact with the specified ContactID could not be found.")),
            },
            (None, number, name) if number.is_some() || name.is_some() => {
                let numbered = number.and_then(|number| self.contact_numbered(number));
                numbered.or_else(|| name.and_then(|name| self.contact_named(name))).cloned()
            }
            _ => {
                let message = "The Contact must contain at least 1 of the following elements to identify the contact: Name, ContactID, \
                               ContactNumber";
                return Err(one(message));
            }
        };
        if found.as_ref().is_some_and(|contact| json::text(contact, "ContactStatus") != "ACTIVE") {
            return Err(one(ARCHIVED));
        }
        let contact = match found {
            Some(contact) if given.as_object().is_some_and(|object| object.keys().all(|key| key == "ContactID")) => {
                contact
            }
            Some(mut contact) => {
                contact["ContactPersons"] = json!([]);
                let mut errors = Vec::new();
                self.check_contact(given, Some(&contact), &mut errors);
                errors.retain(|error| !(given.get("Name").is_none() && error.contains("must be specified")));
                if !errors.is_empty() {
                    return Err(errors);
                }
                for key in ["Name", "EmailAddress", "FirstName", "LastName", "ContactNumber"] {
                    if let Some(value) = given.get(key) {
                        contact[key] = value.clone();
                    }
                }
                let id = json::text(&contact, "ContactID").to_owned();
                self.contacts.put(&id, contact.clone());
                contact
            }
            None => {
                let create = Call { is_put: true, path_id: None, ..call.clone() };
                self.save_contact(&create, given.as_object().unwrap_or(&Object::new()))?.0
            }
        };
        let keys = ["ContactID", "ContactNumber", "ContactStatus", "Name", "EmailAddress"];
        let summary: Object =
            keys.iter().filter_map(|key| Some(((*key).to_owned(), contact.get(*key)?.clone()))).collect();
        Ok(Value::Object(summary))
    }

    /// `PUT /Currencies {"Code": "USD"}` subscribes.
    pub(super) fn add_currency(&mut self, _call: &Call, given: &Object) -> Outcome {
        let code = given.get("Code").and_then(Value::as_str).unwrap_or_default();
        if !presets::QUICKBOOKS_RATES.iter().any(|(known, _)| *known == code) {
            return Err(one(format!("Requested value '{code}' was not found.")));
        }
        self.subscribe(code);
        Ok((json!({ "Code": code, "Description": code }), Vec::new()))
    }

    pub(super) fn save_item(&mut self, call: &Call, given: &Object) -> Outcome {
        let code = given.get("Code").and_then(Value::as_str).unwrap_or_default();
        if code.is_empty() || code.chars().count() > 30 {
            return Err(one("Item Code must have 1 to 30 characters."));
        }
        let old = self.items.rows.iter().find(|row| json::text(row, "Code") == code).cloned();
        if old.is_some() && call.is_put {
            return Err(one(format!("Item code '{code}' is already in use.")));
        }
        let id = old.as_ref().map_or_else(|| self.ids.guid(), |old| json::text(old, "ItemID").to_owned());
        let mut item = old.unwrap_or(json!({}));
        for (key, value) in given {
            item[key] = value.clone();
        }
        item["ItemID"] = json!(id);
        item["UpdatedDateUTC"] = wire_time(call.now);
        self.items.put(&id, item.clone());
        Ok((item, Vec::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::is_email;

    #[test]
    fn addresses_are_checked_strictly() {
        assert!(is_email("jane.doe+shop@example.co.uk"));
        for wrong in [
            "jane",
            "jane@example",
            "jane@@example.com",
            "jänе@example.com",
            "jane doe@example.com",
            "a..b@example.com",
        ] {
            assert!(!is_email(wrong), "{wrong}");
        }
    }
}
