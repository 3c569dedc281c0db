//! `form_post`,
//! [OAuth 2.0 Form Post Response Mode §2](https://openid.net/specs/oauth-v2-form-post-response-mode-1_0.html#FormPostResponseMode).

//= OAUTH-FORM-POST#2 implication: the parameters are the fields of a form that is posted to the redirect URI
pub(super) const fn fields<'a>(
    params: &'a [(&'static str, String)],
) -> &'a [(&'static str, String)] {
    params
}
