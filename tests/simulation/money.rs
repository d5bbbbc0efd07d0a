//! Shopify's arithmetic, exact, in minor units (every currency of the simulation has two decimals).

use rust_decimal::Decimal;

/// An amount in minor units.
pub type Cents = i64;

/// `amount · part / whole`, half up; for amounts that are not negative.
pub fn share(amount: Cents, part: i64, whole: i64) -> Cents {
    let (amount, part, whole) = (i128::from(amount), i128::from(part), i128::from(whole));
    i64::try_from((2 * amount * part + whole) / (2 * whole)).unwrap()
}

/// As Shopify writes it: `12.30`.
pub fn text(amount: Cents) -> String {
    decimal(amount).to_string()
}

/// As a decimal with two places.
pub fn decimal(amount: Cents) -> Decimal {
    Decimal::new(amount, 2)
}

/// A fixed discount spread over lines as Shopify does: each share floored, what is left over to the first lines, a cent
/// each (facts: exact on every real order).
pub fn allocate(discount: Cents, weights: &[Cents]) -> Vec<Cents> {
    let whole: Cents = weights.iter().sum();
    let mut shares: Vec<Cents> = weights.iter().map(|weight| discount * weight / whole.max(1)).collect();
    let mut left = discount - shares.iter().sum::<Cents>();
    for (share, weight) in shares.iter_mut().zip(weights) {
        if left > 0 && share < &mut weight.clone() {
            *share += 1;
            left -= 1;
        }
    }
    shares
}

/// The tax of an amount: inside it, or on top.
pub fn tax(amount: Cents, basis_points: i64, included: bool) -> Cents {
    share(amount, basis_points, if included { 10_000 + basis_points } else { 10_000 })
}

#[test]
fn a_discount_is_spread_as_on_a_real_order() {
    assert_eq!(allocate(2000, &[9400, 10_000, 10_000, 10_000]), [478, 508, 507, 507]);
}

#[test]
fn shares_are_rounded_half_up() {
    assert_eq!((share(186_106, 2, 3), share(18_797, 2, 3), share(5, 1, 2)), (124_071, 12_531, 3));
    assert_eq!((tax(2000, 2000, false), tax(1200, 2000, true)), (400, 200));
}
