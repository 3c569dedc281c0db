//! Forms of our own pages.

use hallpass_http::{Problem, form, same_origin};
use hallpass_types::{ErrorCode, Params};
use http::request::Parts as Head;
use http_body::Body;

use super::{PageRoutes, is_answer};

impl PageRoutes {
    /// Reads a form that one of our own pages sent.
    ///
    /// # Errors
    /// It was sent by a page of somebody else, or is no form.
    pub(super) async fn posted<B>(&self, head: &Head, body: B) -> Result<Params, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        if !same_origin(&head.headers, self.pages.issuer().origin()) {
            return Err(Problem::refused(
                403,
                ErrorCode::AccessDenied,
                "cross_site_form",
                "the form was not sent by a page of this service",
            ));
        }
        form(&head.headers, body).await
    }

    /// As [`Self::posted`]; none when the page is only asked for.
    pub(super) async fn posted_if_sent<B>(
        &self,
        head: &Head,
        body: B,
    ) -> Result<Option<Params>, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        if is_answer(head)? {
            self.posted(head, body).await.map(Some)
        } else {
            Ok(None)
        }
    }
}

/// A form that says nothing that its page can say.
pub(super) fn undecided() -> Problem {
    Problem::refused(
        400,
        ErrorCode::InvalidRequest,
        "decision_missing",
        "the form carries no decision",
    )
}
