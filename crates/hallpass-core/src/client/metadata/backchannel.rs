//! CIBA Core §4: how a client takes part in backchannel authentication.

use hallpass_jose::JwsAlgorithm;

use super::{
    super::{MetadataError, MetadataReason},
    Draft, SHORT,
};
use crate::{
    client_auth::{Kind, Method},
    policy::DeliveryMode,
    token::{Grant as _, ciba::Ciba},
};

pub(in crate::client) const MODE: &str = "backchannel_token_delivery_mode";
pub(in crate::client) const ENDPOINT: &str = "backchannel_client_notification_endpoint";
pub(in crate::client) const ALG: &str = "backchannel_authentication_request_signing_alg";
pub(in crate::client) const USER_CODE: &str = "backchannel_user_code_parameter";
const GRANTS: &str = "grant_types";

impl Draft<'_> {
    /// Kept only for a client that has the grant; without it nothing of this has an effect.
    pub(super) fn backchannel(&mut self, method: &dyn Method) -> Result<(), MetadataError> {
        let grants = self.out.get(GRANTS).and_then(|value| value.as_array());
        if !grants.is_some_and(|grants| grants.iter().any(|grant| grant == Ciba::TYPE)) {
            return Ok(());
        }
        //= CIBA#7 MUST: the client authenticates
        if method.kind() == Kind::Public {
            return Err(MetadataReason::PublicBackchannel.at(GRANTS));
        }
        //= CIBA#4 MUST: a client says how it learns of the answer
        let text = self
            .input
            .text(MODE, SHORT)?
            .ok_or(MetadataReason::BackchannelIncomplete.at(MODE))?;
        let mode = DeliveryMode::parse(text)
            .filter(|mode| self.policy.backchannel.delivery_modes.contains(mode))
            .ok_or(MetadataReason::Unsupported.at(MODE))?;
        self.put(MODE, mode.as_str());
        match mode {
            DeliveryMode::Poll => {}
            //= CIBA#4 MUST: the endpoint of a client that is told uses https
            DeliveryMode::Ping | DeliveryMode::Push => {
                self.https(ENDPOINT)?
                    .ok_or(MetadataReason::BackchannelIncomplete.at(ENDPOINT))?;
            }
        }
        // What is pushed is bound to no key: the client cannot prove one.
        for name in [
            "dpop_bound_access_tokens",
            "tls_client_certificate_bound_access_tokens",
        ] {
            if mode == DeliveryMode::Push && self.input.flag(name)? == Some(true) {
                return Err(MetadataReason::BackchannelIncomplete.at(name));
            }
        }
        if let Some(name) = self.input.text(ALG, SHORT)? {
            //= CIBA#4 MUST: signed requests use an asymmetric algorithm
            let alg = JwsAlgorithm::parse(name)
                .filter(|alg| {
                    !alg.is_symmetric() && self.policy.requests.signing_algs.contains(alg)
                })
                .ok_or(MetadataReason::AlgorithmUnsupported.at(ALG))?;
            self.put(ALG, alg.name());
        }
        if let Some(flag) = self.input.flag(USER_CODE)? {
            if flag && !self.policy.backchannel.user_code {
                return Err(MetadataReason::Unsupported.at(USER_CODE));
            }
            self.put(USER_CODE, flag);
        }
        Ok(())
    }
}
