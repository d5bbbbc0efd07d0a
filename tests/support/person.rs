//! What a person does at the desk.

use futures_util::FutureExt;
use tillproof::posting::{Answer, Answered, OrderRef};

use super::{Bench, SandboxHttp};

impl Bench {
    /// A person says that a customer's question was answered.
    pub fn answered(&self, id: i64) {
        assert!(self.open().privacy_answered("main", id).now_or_never().unwrap().unwrap());
    }

    /// A person says that the connection goes on although its app was removed.
    pub fn resume(&self) {
        assert!(self.open().resume_connection("main").now_or_never().unwrap().unwrap());
    }

    /// A person answers what becomes of money that moved since the start date for an older order.
    pub fn answer(&self, order_id: &str, body: &str) -> Answered {
        let http = SandboxHttp(self);
        let at = OrderRef { connection: "main".into(), order_id: order_id.into() };
        let answer = Answer::read(body.as_bytes()).unwrap().unwrap();
        self.books(&http).answer(&at, &answer).now_or_never().unwrap().unwrap()
    }

    pub fn release(&self, order_id: &str) {
        let http = SandboxHttp(self);
        let at = OrderRef { connection: "main".into(), order_id: order_id.into() };
        assert!(self.books(&http).release(&at).now_or_never().unwrap().unwrap());
    }
}
