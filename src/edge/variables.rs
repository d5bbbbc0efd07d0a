//! The Worker's variables and secrets, as plain data.

use worker::Env;
use worker::js_sys::{JSON, Object};
use worker::wasm_bindgen::JsCast;

use crate::config::Variables;

/// Every text and every table among the bindings; databases and objects are left out.
pub fn read(env: &Env) -> Variables {
    let bindings: &Object = env.unchecked_ref();
    let mut variables = Variables::new();
    for entry in Object::entries(bindings).iter() {
        let pair: worker::js_sys::Array = entry.unchecked_into();
        let Some(name) = pair.get(0).as_string() else { continue };
        let value = pair.get(1);
        if let Some(text) = value.as_string() {
            variables.insert(name, serde_json::Value::String(text));
        } else if name.starts_with("CONNECTION_") {
            let json = JSON::stringify(&value).ok().and_then(|text| text.as_string());
            if let Some(value) = json.and_then(|text| serde_json::from_str(&text).ok()) {
                variables.insert(name, value);
            }
        }
    }
    variables
}
