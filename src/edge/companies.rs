//! The objects of the ledger companies, asked by the objects of the books.

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use worker::{Env, Headers, Result};

use super::queue::{Question, ask};
use crate::platform::{Claim, Companies, Unasked};

/// The question of books that want a company.
pub const CLAIM: &str = "/claim";

/// The objects of this Worker.
pub struct CompanyObjects(pub Env);

impl CompanyObjects {
    async fn holder(&self, claim: &Claim) -> Result<String> {
        let body = serde_json::to_vec(claim)?;
        let question = Question { books: &claim.object, connection: "", order: "", path: CLAIM };
        let mut answer = ask(&self.0, &question, Headers::new(), Some(&body)).await?;
        match answer.status_code() {
            200 => answer.json().await,
            status => Err(worker::Error::RustError(format!("its object answered with status {status}"))),
        }
    }
}

impl Companies for CompanyObjects {
    fn claim(&self, claim: Claim) -> LocalBoxFuture<'_, std::result::Result<String, Unasked>> {
        async move { self.holder(&claim).await.map_err(|error| Unasked(error.to_string())) }.boxed_local()
    }
}
