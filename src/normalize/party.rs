//! Whose account an order goes to.

use super::writer::Writer;
use super::{Input, text};
use crate::books::document::{DocumentKey, Party};
use crate::books::money::Currency;
use crate::books::text::Field;
use crate::config::Customers;
use crate::shopify::Order;
use crate::shopify::money::Id;

/// The order's customer, fit for the ledger. Guests, and everybody where the settings say `customers = "one"`, share
/// one party per shop and currency.
pub(super) fn party(writer: &mut Writer<'_>, input: &Input<'_>, order: &Order, currency: Currency) -> Party {
    let key = DocumentKey::sale();
    let customer = order.customer.as_ref().filter(|_| input.settings.customers == Customers::Each);
    // A company that buys is the customer, whoever of it placed the order.
    let company = order.company.as_ref().and_then(|one| one.id.clone()).filter(|_| customer.is_some());
    let customer_id = company.clone().map(|id| Id(format!("company-{}", id.0)));
    let customer_id = customer_id.or_else(|| customer.and_then(|one| one.id.clone()));
    let (Some(customer), Some(id)) = (customer, customer_id) else {
        let shop = input.shop.split('.').next().unwrap_or(input.shop);
        let name = with_currency(format!("Shopify customers ({shop})"), order, currency);
        let name = text::clean(&name, &input.rules.text(Field::PartyName), input.settings.emoji).text;
        let (given_name, family_name) = (String::new(), String::new());
        return Party { customer_id: None, name, given_name, family_name, email: None, currency, ledger_id: None };
    };
    let address = order.billing_address.as_ref().or(order.shipping_address.as_ref());
    let first = customer.first_name.as_deref().or(address.and_then(|one| one.first_name.as_deref())).unwrap_or("");
    let last = customer.last_name.as_deref().or(address.and_then(|one| one.last_name.as_deref())).unwrap_or("");
    let email = customer.email.as_deref().or(order.email.as_deref()).unwrap_or("").trim();
    let business = address.and_then(|one| one.company.as_deref()).filter(|_| company.is_some()).unwrap_or("");
    let full =
        if business.trim().is_empty() { format!("{} {}", first.trim(), last.trim()) } else { business.to_owned() };
    let fallback = format!("Shopify customer {}", id.0);
    let name = writer.first_that_fits(&key, Field::PartyName, "customer.name", &[full.trim(), email, &fallback]);
    Party {
        name: with_currency(name, order, currency),
        given_name: writer.fit(&key, Field::GivenName, "customer.first_name", first.trim()),
        family_name: writer.fit(&key, Field::FamilyName, "customer.last_name", last.trim()),
        email: usable_email(email, writer, &key),
        customer_id: Some(id.0),
        currency,
        ledger_id: None,
    }
}

/// A customer of a ledger has one currency for ever: another currency is another customer, told apart by its name.
fn with_currency(name: String, order: &Order, currency: Currency) -> String {
    if currency == order.currency { name } else { format!("{name} ({currency})") }
}

/// An address that both ledgers accept, or none: a doubtful e-mail must not fail an order.
fn usable_email(email: &str, writer: &mut Writer<'_>, key: &DocumentKey) -> Option<String> {
    if email.is_empty() {
        return None;
    }
    let fitted = writer.fit(key, Field::Email, "customer.email", email);
    let plain = fitted.bytes().all(|byte| byte.is_ascii_graphic() && !b"()<>,;:\\\"[]".contains(&byte));
    let well_formed = fitted.split_once('@').is_some_and(|(user, host)| {
        let labels = host.split('.').filter(|label| !label.is_empty()).count();
        !user.is_empty() && !host.contains('@') && labels >= 2 && labels == host.split('.').count()
    });
    if plain && well_formed && fitted == email {
        return Some(fitted);
    }
    writer.note(key, "customer.email", "email_left_out", super::PERSONAL, "");
    None
}
