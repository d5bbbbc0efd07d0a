//! What Shopify's bodies are known to look like where money stands (facts/shopify §2; version 2026-10 and the older ones
//! that still read the same). A field is known if it stands in any of a shape's lists.

/// One kind of object.
pub(super) struct Shape {
    /// What it is called in a drift's place.
    pub name: &'static str,
    /// Fields that the books need; null may be an answer, absence is none.
    pub needed: &'static [&'static str],
    /// Further fields that are known. Those that end in `_set` are pairs of amounts.
    pub known: &'static [&'static str],
    /// Fields that hold an object, or a list of objects, with a shape of its own.
    pub parts: &'static [(&'static str, &'static Shape)],
    /// Fields of which every possible word is known, or null.
    pub words: &'static [(&'static str, &'static [&'static str])],
    /// True if only fields that look like money matter: the others have nothing to do with the books.
    pub only_money: bool,
}

const NOTHING: Shape = Shape { name: "", needed: &[], known: &[], parts: &[], words: &[], only_money: false };

pub(super) static ORDER: Shape = Shape {
    name: "order",
    needed: &[
        "id",
        "name",
        "created_at",
        "updated_at",
        "test",
        "currency",
        "presentment_currency",
        "taxes_included",
        "processed_at",
        "total_price",
        "total_price_set",
        "current_total_price",
        "current_total_price_set",
        "total_tax",
        "total_tip_received",
        "total_outstanding",
        "payment_gateway_names",
        "financial_status",
        "line_items",
        "shipping_lines",
        "refunds",
    ],
    known: &[
        "current_shipping_price_set",
        "current_subtotal_price",
        "current_subtotal_price_set",
        "current_total_additional_fees_set",
        "current_total_discounts",
        "current_total_discounts_set",
        "current_total_duties_set",
        "current_total_tax",
        "current_total_tax_set",
        "duties_included",
        "estimated_taxes",
        "original_total_additional_fees_set",
        "original_total_duties_set",
        "original_total_price_set",
        "payment_details",
        "subtotal_price",
        "subtotal_price_set",
        "tax_exempt",
        "total_cash_rounding_payment_adjustment_set",
        "total_cash_rounding_refund_adjustment_set",
        "total_discounts",
        "total_discounts_set",
        "total_line_items_price",
        "total_line_items_price_set",
        "total_price_usd",
        "total_shipping_price_set",
        "total_tax_set",
        "total_tip_received_set",
        "total_weight",
    ],
    parts: &[
        ("line_items", &LINE_ITEM),
        ("shipping_lines", &SHIPPING_LINE),
        ("tax_lines", &TAX_LINE),
        ("discount_applications", &DISCOUNT_APPLICATION),
        ("discount_codes", &DISCOUNT_CODE),
        ("refunds", &REFUND),
        ("transactions", &TRANSACTION),
        ("payment_terms", &PAYMENT_TERMS),
    ],
    words: &[("financial_status", FINANCIAL_STATUSES)],
    only_money: true,
};

/// Whether an order is paid.
pub(super) const FINANCIAL_STATUSES: &[&str] =
    &["pending", "authorized", "partially_paid", "paid", "partially_refunded", "refunded", "voided", "expired"];

static LINE_ITEM: Shape = Shape {
    name: "line_item",
    needed: &[
        "id",
        "title",
        "quantity",
        "current_quantity",
        "price",
        "price_set",
        "gift_card",
        "tax_lines",
        "discount_allocations",
    ],
    known: &[
        "admin_graphql_api_id",
        "attributed_staffs",
        "destination_location",
        "fulfillable_quantity",
        "fulfillment_service",
        "fulfillment_status",
        "grams",
        "name",
        "origin_location",
        "pre_tax_price",
        "pre_tax_price_set",
        "product_exists",
        "product_id",
        "properties",
        "requires_shipping",
        "sales_line_item_group_id",
        "sku",
        "tax_code",
        "taxable",
        "tip_payment_gateway",
        "tip_payment_method",
        "total_discount",
        "total_discount_set",
        "variant_id",
        "variant_inventory_management",
        "variant_title",
        "vendor",
    ],
    parts: &[("tax_lines", &TAX_LINE), ("discount_allocations", &DISCOUNT_ALLOCATION), ("duties", &DUTY)],
    ..NOTHING
};

static SHIPPING_LINE: Shape = Shape {
    name: "shipping_line",
    needed: &["id", "title", "price", "price_set", "is_removed", "tax_lines", "discount_allocations"],
    known: &[
        "carrier_identifier",
        "code",
        "current_discounted_price_set",
        "delivery_category",
        "discounted_price",
        "discounted_price_set",
        "phone",
        "requested_fulfillment_service_id",
        "source",
    ],
    parts: &[("tax_lines", &TAX_LINE), ("discount_allocations", &DISCOUNT_ALLOCATION)],
    ..NOTHING
};

static TAX_LINE: Shape = Shape {
    name: "tax_line",
    needed: &["title", "rate", "price", "price_set"],
    known: &["channel_liable", "source"],
    ..NOTHING
};

static DISCOUNT_ALLOCATION: Shape = Shape {
    name: "discount_allocation",
    needed: &["amount", "amount_set"],
    known: &["discount_application_index", "application_type"],
    ..NOTHING
};

static DISCOUNT_APPLICATION: Shape = Shape {
    name: "discount_application",
    needed: &[],
    known: &["code", "description", "title", "value"],
    words: &[
        ("type", &["automatic", "discount_code", "manual", "script"]),
        ("value_type", &["fixed_amount", "percentage"]),
        ("allocation_method", &["across", "each", "one"]),
        ("target_type", &["line_item", "shipping_line"]),
        ("target_selection", &["all", "entitled", "explicit"]),
    ],
    ..NOTHING
};

static DISCOUNT_CODE: Shape = Shape {
    name: "discount_code",
    known: &["amount", "code"],
    words: &[("type", &["fixed_amount", "percentage", "shipping"])],
    ..NOTHING
};

static DUTY: Shape = Shape {
    name: "duty",
    known: &[
        "admin_graphql_api_id",
        "country_code_of_origin",
        "harmonized_system_code",
        "id",
        "presentment_money",
        "price",
        "price_set",
        "shop_money",
    ],
    parts: &[("tax_lines", &TAX_LINE)],
    ..NOTHING
};

static PAYMENT_TERMS: Shape = Shape {
    name: "payment_terms",
    known: &[
        "amount",
        "created_at",
        "currency",
        "due_in_days",
        "id",
        "payment_terms_name",
        "payment_terms_type",
        "updated_at",
    ],
    parts: &[("payment_schedules", &PAYMENT_SCHEDULE)],
    ..NOTHING
};

static PAYMENT_SCHEDULE: Shape = Shape {
    name: "payment_schedule",
    needed: &["due_at"],
    known: &[
        "admin_graphql_api_id",
        "amount",
        "balance_due",
        "completed_at",
        "created_at",
        "currency",
        "expected_payment_method",
        "id",
        "issued_at",
        "payment_terms_id",
        "updated_at",
    ],
    ..NOTHING
};

pub(super) static REFUND: Shape = Shape {
    name: "refund",
    needed: &["id", "order_id", "created_at", "refund_line_items", "order_adjustments", "transactions"],
    known: &[
        "additional_fees",
        "admin_graphql_api_id",
        "currency",
        "duties",
        "note",
        "processed_at",
        "restock",
        "return",
        "shipping",
        "total_additional_fees_set",
        "total_duties_set",
        "user_id",
    ],
    parts: &[
        ("refund_line_items", &REFUND_LINE_ITEM),
        ("refund_shipping_lines", &REFUND_SHIPPING_LINE),
        ("order_adjustments", &ORDER_ADJUSTMENT),
        ("transactions", &TRANSACTION),
    ],
    ..NOTHING
};

static REFUND_LINE_ITEM: Shape = Shape {
    name: "refund_line_item",
    needed: &["line_item_id", "quantity", "subtotal", "subtotal_set", "total_tax", "total_tax_set"],
    // The line inside is a copy of the order's and is not read.
    known: &[
        "discounted_price",
        "discounted_total_price",
        "id",
        "line_item",
        "location_id",
        "price",
        "total_cart_discount_amount",
    ],
    words: &[("restock_type", &["return", "cancel", "no_restock", "legacy_restock"])],
    ..NOTHING
};

static REFUND_SHIPPING_LINE: Shape = Shape {
    name: "refund_shipping_line",
    needed: &["subtotal_amount_set"],
    known: &["id", "shipping_line", "shipping_line_id", "tax_amount_set"],
    ..NOTHING
};

static ORDER_ADJUSTMENT: Shape = Shape {
    name: "order_adjustment",
    needed: &["amount", "amount_set", "tax_amount", "tax_amount_set"],
    known: &["id", "order_id", "reason", "refund_id"],
    words: &[("kind", &["shipping_refund", "refund_discrepancy"])],
    ..NOTHING
};

pub(super) static TRANSACTION: Shape = Shape {
    name: "transaction",
    needed: &["id", "order_id", "kind", "status", "amount", "currency", "gateway"],
    known: &[
        "admin_graphql_api_id",
        "amount_set",
        "amount_rounding",
        "authorization",
        "authorization_expires_at",
        "created_at",
        "currency_exchange_adjustment",
        "device_id",
        "error_code",
        "extended_authorization_attributes",
        "location_id",
        "manual_payment_gateway",
        "maximum_refundable",
        "message",
        "parent_id",
        "payment_details",
        "payment_id",
        "payments_refund_attributes",
        "processed_at",
        "receipt",
        "source_name",
        "test",
        "total_unsettled_set",
        "user_id",
    ],
    words: &[("kind", TRANSACTION_KINDS), ("status", TRANSACTION_STATUSES)],
    ..NOTHING
};

/// What a transaction can be. Only sale, capture and refund move money that is booked; change is what a till hands back.
pub(super) const TRANSACTION_KINDS: &[&str] =
    &["sale", "capture", "authorization", "void", "refund", "change", "emv_authorization", "suggested_refund"];

/// How a transaction can stand.
pub(super) const TRANSACTION_STATUSES: &[&str] =
    &["success", "pending", "failure", "error", "awaiting_response", "unknown"];

/// A pair of amounts.
pub(super) static MONEY_SET: Shape =
    Shape { name: "money_set", parts: &[("shop_money", &MONEY), ("presentment_money", &MONEY)], ..NOTHING };

/// `total_unsettled_set` alone says `currency`.
static MONEY: Shape = Shape { name: "money", needed: &["amount"], known: &["currency_code", "currency"], ..NOTHING };
