//! QuickBooks Online.
