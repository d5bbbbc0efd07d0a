//! Time and chance from the runtime.

use chrono::{DateTime, Utc};
use worker::js_sys::{Reflect, Uint8Array, global};
use worker::wasm_bindgen::{JsCast, JsValue};

use crate::platform::{Clock, Random};

/// `Date.now()`: stands still between two I/O operations.
pub struct RuntimeClock;

impl Clock for RuntimeClock {
    fn now(&self) -> DateTime<Utc> {
        let millis = i64::try_from(worker::Date::now().as_millis()).unwrap_or(0);
        DateTime::from_timestamp_millis(millis).unwrap_or_default()
    }
}

/// `crypto.getRandomValues()`.
pub struct RuntimeRandom;

impl Random for RuntimeRandom {
    fn bits(&self) -> u64 {
        let bytes = Uint8Array::new_with_length(8);
        let filled = Reflect::get(&global(), &JsValue::from_str("crypto")).and_then(|crypto| {
            let draw = Reflect::get(&crypto, &JsValue::from_str("getRandomValues"))?;
            draw.dyn_into::<worker::js_sys::Function>()?.call1(&crypto, &bytes)
        });
        let mut drawn = [0u8; 8];
        // Zeros instead would make nonces repeat and states guessable: better no answer at all.
        assert!(filled.is_ok(), "the runtime gave no random bytes");
        bytes.copy_to(&mut drawn);
        u64::from_le_bytes(drawn)
    }
}
