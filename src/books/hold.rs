//! Why an order waits for a person, and what that person should do.

use serde::{Deserialize, Serialize};

/// The reason codes. Each has a remedy that a bookkeeper can act upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// The delivery's body could not be understood.
    Unreadable,
    /// The delivery's topic and its body do not belong together.
    TopicMismatch,
    /// The order's own figures do not add up.
    OrderInconsistent,
    /// A currency that is no ISO currency, or amounts that do not fit it.
    CurrencyUnusable,
    /// A tax that the settings do not map.
    TaxUnmapped,
    /// A line or payment for which the settings name no account.
    AccountUnmapped,
    /// The ledger's arithmetic would not reach the order's total.
    TotalMismatch,
    /// More lines than a document may have.
    TooManyLines,
    /// The order was paid through several gateways and the amounts are not known.
    PaymentSplitUnknown,
    /// The order changed after its documents were posted, in a way that is not yet followed.
    ChangedAfterPosting,
    /// A refund or transaction whose order was never seen.
    OrderUnknown,
    /// Money was returned, and the refund that says what for never arrived.
    RefundUnknown,
    /// A document number that belongs to somebody else's document.
    NumberTaken,
    /// The ledger stored another total than expected.
    ProofDiffers,
    /// The ledger refused the data.
    Refused,
    /// An account, item, tax code or currency of the settings does not exist in the ledger.
    SettingsRefused,
    /// The accounting period is closed.
    PeriodClosed,
    /// The ledger's subscription has ended or does not include this.
    SubscriptionEnded,
    /// The ledger's authorisation is gone.
    Reconnect,
    /// Processing this order crashed twice.
    Crashed,
    /// Seven days of trying.
    RetriesExhausted,
    /// The connection's settings cannot be read.
    SettingsInvalid,
    /// The shop removed the app.
    AppUninstalled,
    /// A customer asks what is stored about them.
    PrivacyRequest,
    /// Shopify sent a value that this version does not know, in a place that matters to the books.
    ShopifyChanged,
    /// Money moved for an order that is older than the start date.
    BeforeStartDate,
    /// The connection's settings do not fit the ledger company as it is set up.
    PreflightFailed,
    /// The buyer's bank takes money back, or asks about it.
    Disputed,
    /// The order was cancelled, and what was paid was not refunded.
    CancelledNotRefunded,
    /// Something was taken off the order, or its price fell, after it was paid, and no refund gave it back yet.
    NotRefundedYet,
    /// The order is settled, and its documents come to another tax than Shopify says is left of it.
    TaxDiffers,
    /// Shopify deleted an order whose documents stand in the books.
    DeletedAfterPosting,
    /// Somebody voided or deleted a posted document in the ledger.
    RemovedInLedger,
    /// Somebody changed a posted document in the ledger.
    ChangedInLedger,
}

impl HoldReason {
    /// Every reason, for catalogues and tests.
    pub const ALL: [HoldReason; 34] = [
        HoldReason::Unreadable,
        HoldReason::TopicMismatch,
        HoldReason::OrderInconsistent,
        HoldReason::CurrencyUnusable,
        HoldReason::TaxUnmapped,
        HoldReason::AccountUnmapped,
        HoldReason::TotalMismatch,
        HoldReason::TooManyLines,
        HoldReason::PaymentSplitUnknown,
        HoldReason::ChangedAfterPosting,
        HoldReason::OrderUnknown,
        HoldReason::RefundUnknown,
        HoldReason::NumberTaken,
        HoldReason::ProofDiffers,
        HoldReason::Refused,
        HoldReason::SettingsRefused,
        HoldReason::PeriodClosed,
        HoldReason::SubscriptionEnded,
        HoldReason::Reconnect,
        HoldReason::Crashed,
        HoldReason::RetriesExhausted,
        HoldReason::SettingsInvalid,
        HoldReason::AppUninstalled,
        HoldReason::PrivacyRequest,
        HoldReason::ShopifyChanged,
        HoldReason::BeforeStartDate,
        HoldReason::PreflightFailed,
        HoldReason::Disputed,
        HoldReason::CancelledNotRefunded,
        HoldReason::NotRefundedYet,
        HoldReason::TaxDiffers,
        HoldReason::DeletedAfterPosting,
        HoldReason::RemovedInLedger,
        HoldReason::ChangedInLedger,
    ];

    /// True if something waits because of it; else a person is told, and nothing more would be posted.
    pub fn waits(self) -> bool {
        use HoldReason::{CancelledNotRefunded, DeletedAfterPosting, Disputed, NotRefundedYet, TaxDiffers};
        !matches!(self, Disputed | CancelledNotRefunded | NotRefundedYet | TaxDiffers | DeletedAfterPosting)
    }

    /// The code in tables and addresses.
    pub fn code(self) -> &'static str {
        self.row().0
    }

    /// What happened, in one sentence.
    pub fn meaning(self) -> &'static str {
        self.row().1
    }

    /// What to do about it, in one sentence.
    pub fn remedy(self) -> &'static str {
        self.row().2
    }

    /// The catalogue: code, what happened, what to do. `docs/holds.md` is written from it.
    fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            HoldReason::Unreadable => (
                "unreadable",
                "A delivery could not be read: it is no JSON, or a field is not what it has to be.",
                "The delivery is kept as it came. Open the order in Shopify and save it again, which sends a fresh one; then release this one: it is put aside.",
            ),
            HoldReason::TopicMismatch => (
                "topic_mismatch",
                "A delivery's topic and its signed body do not belong together.",
                "Check in Shopify which app or notification sends this webhook; correct its topic or remove it. Then release the delivery: it is put aside.",
            ),
            HoldReason::OrderInconsistent => (
                "order_inconsistent",
                "The order's own figures do not add up, or one of them is missing.",
                "Compare the order in Shopify with the figures named here; enter it by hand, or release it after Shopify corrected it.",
            ),
            HoldReason::CurrencyUnusable => (
                "currency_unusable",
                "A payment or a refund of the order is in a currency that is neither the shop's nor the buyer's.",
                "Look at the transaction named here in Shopify. No setting can book it: enter the order by hand, then leave it out with `POST /api/orders/<connection>/<order>/ignore` or on its page.",
            ),
            HoldReason::TaxUnmapped => (
                "tax_unmapped",
                "A tax of the order has no entry in the connection's settings.",
                "Add the named tax to `taxes` in the connection's settings and deploy, and the order goes on by itself. Or correct the rate of its tax code in the ledger: the order goes on within the hour, at once if you release it.",
            ),
            HoldReason::AccountUnmapped => (
                "account_unmapped",
                "The settings do not say where a line or a payment of the order goes.",
                "Add the named key to `lines` or `payments` in the connection's settings and deploy; the order then goes on by itself.",
            ),
            HoldReason::TotalMismatch => (
                "total_mismatch",
                "The ledger's own arithmetic would not reach the order's total, by more than rounding explains.",
                "Compare the tax in Shopify with the rate of its code. Where Shopify's amount is right and nothing of the order is paid in the books yet, set `tax = \"line\"` (in Xero also `tax_amounts = \"shopify\"`) and deploy, and the order goes on by itself; else enter it by hand.",
            ),
            HoldReason::TooManyLines => (
                "too_many_lines",
                "The order has more lines than one document may have, and cannot be split into several that are each above zero.",
                "Enter the order by hand, or allow more lines with `most_lines` in the connection's settings and deploy; the order then goes on by itself.",
            ),
            HoldReason::PaymentSplitUnknown => (
                "payment_split_unknown",
                "Several gateways took part in the payment, and Shopify did not say how much went through each.",
                "Let the connection ask Shopify (docs/shopify.md), then release the order: its payments are fetched. Or enter the payments by hand, and leave the order out on its page. A subscription to order_transactions/create keeps later orders from this.",
            ),
            HoldReason::ChangedAfterPosting => (
                "changed_after_posting",
                "The order changed after its documents were posted, in a way that must not be followed automatically.",
                "Correct the documents in the ledger to the order's present state by hand, then leave the order out with `POST /api/orders/<connection>/<order>/ignore` or on its page: nothing more of it is posted. If somebody voided a document, reconcile and approve the plan: what was voided is then known, and posted again once you release the order. If the invoice is another integration's, put it right as named here, and release the order.",
            ),
            HoldReason::OrderUnknown => (
                "order_unknown",
                "A refund or a payment arrived whose order was never seen.",
                "Open the order in Shopify and save it, so that its data is sent again.",
            ),
            HoldReason::RefundUnknown => (
                "refund_unknown",
                "Money was returned to the buyer, and the refund that says what for never arrived.",
                "Open the order in Shopify and save it, so that its refunds are sent again.",
            ),
            HoldReason::NumberTaken => (
                "number_taken",
                "The ledger has another document under the order's number.",
                "A document with this number exists that is not ours: renumber it in the ledger, then release the order. Another `number_prefix` counts for later orders only.",
            ),
            HoldReason::ProofDiffers => (
                "proof_differs",
                "The ledger stored another total than was expected.",
                "Find in the ledger what made the total another one (the rate of a tax code, a discount or rounding of its own) and correct that, then release the order: the document, which was voided, is posted again under a number that ends in -v2. Do not restore or enter it by hand: it would be there twice. If it could not be voided, remove what keeps it there and release the order, or void it by hand and reconcile.",
            ),
            HoldReason::Refused => (
                "refused",
                "The ledger refused the data.",
                "Read the ledger's message, correct the cause there or in Shopify, then release the order.",
            ),
            HoldReason::SettingsRefused => (
                "settings_refused",
                "An account, item, tax code or currency of the settings does not exist in the ledger, or may not be used.",
                "Create or reactivate what is named here in the ledger, or correct the connection's settings; the orders then go on by themselves within the hour, at once if you release one of them.",
            ),
            HoldReason::PeriodClosed => (
                "period_closed",
                "The document's date lies in a period that is closed in the ledger.",
                "Open the period in the ledger; the orders then go on by themselves within the hour, at once if you release one of them. Or set closed_period = \"first_open_day\", and such documents are dated on the first open day.",
            ),
            HoldReason::SubscriptionEnded => (
                "subscription_ended",
                "The ledger's subscription has ended, or does not include what is needed.",
                "Renew the ledger's subscription; the orders then go on by themselves within the hour, at once if you release one of them.",
            ),
            HoldReason::Reconnect => (
                "reconnect",
                "The ledger no longer accepts this program's authorisation.",
                "Connect the ledger again; waiting orders then go on.",
            ),
            HoldReason::Crashed => (
                "crashed",
                "Processing this order crashed twice.",
                "Report this order to the maintainers: processing it crashed twice. All other orders go on.",
            ),
            HoldReason::RetriesExhausted => (
                "retries_exhausted",
                "The ledger did not accept the order's documents for seven days, without refusing them.",
                "The ledger did not answer for seven days: check its status and the connection, then release the order.",
            ),
            HoldReason::SettingsInvalid => (
                "settings_invalid",
                "The connection's settings cannot be read.",
                "Correct the connection's settings as named here and deploy; the order then goes on by itself.",
            ),
            HoldReason::AppUninstalled => (
                "app_uninstalled",
                "Shopify says that the app was removed from the shop: deliveries will stop.",
                "Install the app again in Shopify: the connection goes on with the next delivery, or with `POST /api/connections/<id>/resume`. Else remove it from the settings.",
            ),
            HoldReason::PrivacyRequest => (
                "privacy_request",
                "A customer asks what is stored about them.",
                "Fetch the answer from `GET /api/privacy/<connection>/<request>` and send it to the customer within 30 days; then `POST …/answered`.",
            ),
            HoldReason::ShopifyChanged => (
                "shopify_changed",
                "Shopify sent a value that this version does not know, where it decides about money.",
                "Enter the order by hand, or update this program: Shopify sent a value here that it does not know.",
            ),
            HoldReason::BeforeStartDate => (
                "before_start_date",
                "Money moved for an order that is older than the connection's start date, and the invoice that another integration made of it was not found, or has less open.",
                "If the invoice is in the ledger, give it one of the numbers named here, or put right what is open of it, and release the order. Else answer with the body of `POST /api/orders/<connection>/<order>/release`: `{\"decision\": \"stand_alone\"}` posts the money without the invoice, `{\"decision\": \"ignore\", \"reason\": \"…\"}` leaves it out; `\"documents\": [\"payment:…\"]` in it answers for that part only.",
            ),
            HoldReason::PreflightFailed => (
                "preflight_failed",
                "The connection's settings do not fit the ledger company as it is set up.",
                "Fix what the page Connect names, there or in the ledger; the order then goes on by itself.",
            ),
            HoldReason::Disputed => (
                "disputed",
                "The buyer's bank disputes a payment. Nothing is posted because of it: the money is taken out of a payout, not refunded.",
                "Answer it in Shopify. If the money is taken back, enter it in the ledger against the gateway's account, with the bank's fee; if the dispute is won it comes back. This goes once the dispute is decided, or when you release the order.",
            ),
            HoldReason::CancelledNotRefunded => (
                "cancelled_not_refunded",
                "The order was cancelled, and what was paid was not refunded. The books keep sale and payment: the money is here.",
                "Refund the order in Shopify: the credit then follows by itself. If the money is kept on purpose, release the order, and this goes.",
            ),
            HoldReason::NotRefundedYet => (
                "not_refunded_yet",
                "Something was taken off the order, or its price fell, after it was paid, and no refund has given the money back. The books follow with that refund: until then sale and tax stand in them as they were paid.",
                "Refund what is named here in Shopify: the credit then follows by itself, with its tax. If it went back in another way, enter that in the ledger; if it is kept on purpose, correct the tax there where it is due. Then release the order, and this goes.",
            ),
            HoldReason::TaxDiffers => (
                "tax_differs",
                "The order is settled, and its documents come to another tax than Shopify says is left of it. Usually a refund was booked when nothing said yet which goods it paid for, or at which rate of tax. What is booked stays.",
                "Hold the order in Shopify against its documents, and move the difference between tax and the account of refund differences with a journal entry, which leaves the documents as they are. Then release the order, and this goes.",
            ),
            HoldReason::DeletedAfterPosting => (
                "deleted_after_posting",
                "The order was deleted in Shopify after its documents were posted. They stay: nothing posted is deleted because Shopify forgets it.",
                "Check in the ledger whether the documents named here should stand, and void those that should not. Then release the order, and this goes.",
            ),
            HoldReason::RemovedInLedger => (
                "removed_in_ledger",
                "Somebody voided or deleted a document of the order in the ledger after it was posted.",
                "If it was a mistake, release the order: the document is posted again, under a number that ends in -v2. If it was meant, cancel or refund the order in Shopify, so that both sides agree.",
            ),
            HoldReason::ChangedInLedger => (
                "changed_in_ledger",
                "Somebody changed a document of the order in the ledger after it was posted, and money is attached to it or it cannot be written anew.",
                "Put it right in the ledger as named here, then release the order. If the change was meant, release the order: the document stays as it is, and is no difference any more until it is changed again.",
            ),
        }
    }
}

/// An order that waits for a person: why, and what exactly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", reason.code())]
pub struct Hold {
    /// The reason code.
    pub reason: HoldReason,
    /// The particulars: which field, tax, account, amount. Never personal data.
    pub detail: String,
}

impl Hold {
    /// A hold for `reason`, with its particulars; of those that go on and on, the beginning.
    pub fn new(reason: HoldReason, detail: impl Into<String>) -> Self {
        const MOST: usize = 2_000;
        let mut detail: String = detail.into();
        if let Some((end, _)) = detail.char_indices().nth(MOST) {
            detail.truncate(end);
            detail.push('…');
        }
        Self { reason, detail }
    }
}
