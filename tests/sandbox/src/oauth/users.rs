//! Users and what they connected: who consents is one user, and each of that user's Xero tokens opens every organisation
//! that the user ever connected.

use chrono::{DateTime, Duration, Utc};

use super::{Grant, Grants, QUICKBOOKS_CONSENT_SECONDS, QUICKBOOKS_REFRESH_SECONDS, XERO_REFRESH_SECONDS, bearer};
use crate::http::Request;
use crate::ids::guid_from;
use crate::world::Ledger;

/// The user who consents on the pages.
const USER: u64 = 8000;

/// A company that a user connected.
#[derive(Clone, Debug)]
pub(super) struct Connected {
    pub company: String,
    pub event: String,
    pub created: DateTime<Utc>,
}

/// The id of a consent, which Xero writes into its tokens and beside each organisation that it was given for.
pub(super) fn event(grant: usize) -> String {
    guid_from(grant as u64 + 7000)
}

impl Grants {
    /// Takes one company away from the user behind the request; what else the user connected stays.
    pub(super) fn cut_off(&mut self, request: &Request, company: &str) {
        let Some(access) = bearer(request).and_then(|token| self.access.get(token)) else { return };
        let (index, user) = (access.grant, self.grants[access.grant].user);
        for grant in self.grants.iter_mut().filter(|grant| grant.user == user) {
            grant.companies.retain(|id| id != company);
        }
        if self.connected(index).is_empty() {
            self.grants.iter_mut().filter(|grant| grant.user == user).for_each(|grant| grant.dead = true);
        }
    }

    /// What the tokens of a grant open, each with the consent that it was last part of. A Xero user's tokens open all that
    /// the user connected.
    pub(super) fn connected(&self, index: usize) -> Vec<Connected> {
        let own = &self.grants[index];
        let is_one_users =
            |at: usize, grant: &Grant| at == index || (own.ledger == Ledger::Xero && grant.user == own.user);
        let mut all: Vec<Connected> = Vec::new();
        for (at, grant) in self.grants.iter().enumerate().filter(|(at, grant)| !grant.dead && is_one_users(*at, grant))
        {
            for company in &grant.companies {
                match all.iter_mut().find(|one| one.company == *company) {
                    Some(known) => known.event = event(at),
                    None => all.push(Connected { company: company.clone(), event: event(at), created: grant.at }),
                }
            }
        }
        all
    }

    /// The same user consented to these organisations for another Worker of the same app.
    pub fn consented_elsewhere(&mut self, now: DateTime<Utc>, tenants: &[&str]) {
        let tenants = tenants.iter().map(|id| (*id).to_owned()).collect();
        self.consented(now, Ledger::Xero, tenants);
    }

    /// The organisations that whoever consents has connected.
    pub fn connected_tenants(&self) -> Vec<String> {
        let of_user = |grant: &Grant| grant.ledger == Ledger::Xero && grant.user == USER && !grant.dead;
        let any = self.grants.iter().position(of_user);
        any.map(|index| self.connected(index)).unwrap_or_default().into_iter().map(|one| one.company).collect()
    }

    pub(super) fn consented(&mut self, now: DateTime<Utc>, ledger: Ledger, companies: Vec<String>) -> usize {
        let (prefix, lifetime) = match ledger {
            Ledger::QuickBooks => ("RT1", QUICKBOOKS_REFRESH_SECONDS),
            Ledger::Xero => ("refresh", XERO_REFRESH_SECONDS),
        };
        self.grants.push(Grant {
            ledger,
            user: USER,
            at: now,
            companies,
            refresh: self.ids.token(prefix),
            refresh_expires: now + Duration::seconds(lifetime),
            consent_ends: (ledger == Ledger::QuickBooks).then(|| now + Duration::seconds(QUICKBOOKS_CONSENT_SECONDS)),
            previous: None,
            generation: 0,
            custom: false,
            dead: false,
        });
        self.grants.len() - 1
    }
}
