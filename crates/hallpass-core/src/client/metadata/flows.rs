//! Grant types, response types and response modes, which must fit each other.

use super::{
    super::{MetadataError, MetadataReason},
    Draft, SHORT, SMALL_LIST, strings,
};
use crate::client_auth::{Kind, Method};

/// Grant types that a client may register.
pub const GRANT_TYPES: &[&str] = &[CODE_GRANT, "refresh_token", "client_credentials"];

/// Response types that a client may register, each with its words sorted.
pub const RESPONSE_TYPES: &[&str] = &[CODE];

/// Response modes to which a client may restrict itself.
pub const RESPONSE_MODES: &[&str] = &["query", "fragment", "form_post"];

const CODE: &str = "code";
const CODE_GRANT: &str = "authorization_code";
const IMPLICIT: &str = "implicit";

/// The words of a response type in alphabetical order.
//= OAUTH-MRT#3 MUST: the order of the words of a response type does not matter
pub(in crate::client) fn canonical_response_type(text: &str) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    words.sort_unstable();
    words.dedup();
    words.join(" ")
}

impl Draft<'_> {
    pub(super) fn flows(&mut self, method: &dyn Method) -> Result<(), MetadataError> {
        const GRANTS: &str = "grant_types";
        const RESPONSES: &str = "response_types";
        const MODES: &str = "response_modes";

        let asked_grants = self.input.texts(GRANTS, SMALL_LIST, SHORT)?;
        let asked_responses = self.input.texts(RESPONSES, SMALL_LIST, SHORT)?;
        //= RFC7591#2 MUST: the default grant type is authorization_code
        let mut grants = asked_grants.unwrap_or_else(|| vec![CODE_GRANT.to_owned()]);
        //= RFC7591#2 MUST: the default response type is code
        //= RFC7591#2.1 SHOULD: a client whose grants never redirect has no response type
        let default_responses = || {
            let redirects = grants.iter().any(|g| g == CODE_GRANT || g == IMPLICIT);
            redirects.then(|| CODE.to_owned()).into_iter().collect()
        };
        let responses: Vec<String> = asked_responses.unwrap_or_else(default_responses);
        let responses: Vec<String> = responses
            .iter()
            .map(|r| canonical_response_type(r))
            .collect();
        if !responses
            .iter()
            .all(|r| RESPONSE_TYPES.contains(&r.as_str()))
        {
            return Err(MetadataReason::Unsupported.at(RESPONSES));
        }

        //= RFC7591#2.1 SHOULD: code and authorization_code are registered together; one is completed by the other
        let uses_code = responses.iter().any(|r| r == CODE);
        grants.retain(|g| g != IMPLICIT && (uses_code || g != CODE_GRANT));
        if uses_code && !grants.iter().any(|g| g == CODE_GRANT) {
            grants.insert(0, CODE_GRANT.to_owned());
        }
        let offered = |g: &String| GRANT_TYPES.contains(&g.as_str());
        if !grants.iter().all(offered) {
            // A registering client names what it could use anywhere; an operator means what they wrote.
            if self.origin.is_trusted() {
                return Err(MetadataReason::Unsupported.at(GRANTS));
            }
            grants.retain(offered);
            if grants.is_empty() {
                return Err(MetadataReason::Unsupported.at(GRANTS));
            }
        }
        //= RFC6749#4.4 MUST: only confidential clients use the client credentials grant
        if method.kind() == Kind::Public && grants.iter().any(|g| g == "client_credentials") {
            return Err(MetadataReason::PublicClientCredentials.at(GRANTS));
        }
        self.put(GRANTS, grants);
        self.put(RESPONSES, dedup(responses));

        if let Some(modes) = self.input.texts(MODES, SMALL_LIST, SHORT)? {
            if !modes.iter().all(|m| RESPONSE_MODES.contains(&m.as_str())) {
                return Err(MetadataReason::Unsupported.at(MODES));
            }
            if modes.is_empty() && !strings(self.out.get(RESPONSES)).is_empty() {
                return Err(MetadataReason::FlowMismatch.at(MODES));
            }
            self.put(MODES, modes);
        }
        Ok(())
    }
}

fn dedup(mut values: Vec<String>) -> Vec<String> {
    values.sort_unstable();
    values.dedup();
    values
}
