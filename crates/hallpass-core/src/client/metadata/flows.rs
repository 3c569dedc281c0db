//! Grant types, response types and response modes, which must fit each other.

use super::{
    super::{ClientOrigin, MetadataError, MetadataReason},
    Draft, SHORT, SMALL_LIST,
};
use crate::{
    authorize::{ResponseType, respond, rules::IMPLICIT},
    client_auth::{Kind, Method},
    token::{
        Grant, authorization_code::AuthorizationCode, ciba::Ciba,
        client_credentials::ClientCredentials, exchange::TokenExchange, jwt_bearer::JwtBearer,
    },
};

const CODE_GRANT: &str = AuthorizationCode::TYPE;

impl Draft<'_> {
    pub(super) fn flows(&mut self, method: &dyn Method) -> Result<(), MetadataError> {
        const GRANTS: &str = "grant_types";
        const RESPONSES: &str = "response_types";
        const MODES: &str = "response_modes";

        let asked_grants = self.input.texts(GRANTS, SMALL_LIST, SHORT)?;
        let asked_responses = self.input.texts(RESPONSES, SMALL_LIST, SHORT)?;
        //= RFC7591#2 MUST: the default grant type is authorization_code
        let mut grants = asked_grants.unwrap_or_else(|| vec![CODE_GRANT.to_owned()]);
        let mut responses: Vec<ResponseType> = Vec::new();
        match asked_responses {
            Some(asked) => {
                for text in &asked {
                    let response = ResponseType::parse(text)
                        .filter(|response| self.policy.response_types.contains(response))
                        .ok_or_else(|| MetadataReason::Unsupported.at(RESPONSES))?;
                    if !responses.contains(&response) {
                        responses.push(response);
                    }
                }
            }
            //= RFC7591#2 MUST: the default response type is code
            //= RFC7591#2.1 SHOULD: a client whose grants never redirect has no response type
            None if grants.iter().any(|g| g == CODE_GRANT || g == IMPLICIT) => {
                responses.push(ResponseType::Code);
            }
            None => {}
        }

        //= RFC7591#2.1 SHOULD: code and authorization_code are registered together; one is completed by the other
        //= OIDC-REG#2 MUST: so are response types with tokens and implicit
        let wanted: Vec<&str> = responses
            .iter()
            .flat_map(|r| r.grant_types().iter().copied())
            .collect();
        grants.retain(|g| wanted.contains(&g.as_str()) || (g != CODE_GRANT && g != IMPLICIT));
        for grant in wanted {
            if !grants.iter().any(|g| g == grant) {
                grants.insert(0, grant.to_owned());
            }
        }
        let policy = self.policy;
        // What needs a rule of the operator is nothing that a client can register for itself.
        let trusted = self.origin.is_trusted();
        // Whoever names people learns who has an account, and has them asked: that is not for everybody who comes along.
        let stranger = match self.origin {
            ClientOrigin::Document => true,
            ClientOrigin::Registration => policy.registration.open,
            ClientOrigin::Configuration | ClientOrigin::Administration => false,
        };
        let offered = |g: &String| {
            (trusted || !by_rule(g))
                && !(stranger && g == Ciba::TYPE)
                && policy.registrable_grant_types().any(|known| known == g)
        };
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
        let proves = |g: &String| g == ClientCredentials::TYPE || by_rule(g);
        if method.kind() == Kind::Public && grants.iter().any(proves) {
            return Err(MetadataReason::PublicClientCredentials.at(GRANTS));
        }
        let redirects = !responses.is_empty();
        self.put(GRANTS, grants);
        self.put(
            RESPONSES,
            responses.iter().map(|r| r.as_str()).collect::<Vec<_>>(),
        );

        if let Some(modes) = self.input.texts(MODES, SMALL_LIST, SHORT)? {
            let offered = respond::offered(policy);
            if !modes.iter().all(|m| offered.contains(&m.as_str())) {
                return Err(MetadataReason::Unsupported.at(MODES));
            }
            if modes.is_empty() && redirects {
                return Err(MetadataReason::FlowMismatch.at(MODES));
            }
            self.put(MODES, modes);
        }
        Ok(())
    }
}

/// Whether a grant follows from a rule of the operator that names the client.
fn by_rule(grant_type: &str) -> bool {
    [TokenExchange::TYPE, JwtBearer::TYPE].contains(&grant_type)
}
