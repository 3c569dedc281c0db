//! The endpoints: look up, decide, sign, commit. One file each.

mod acceptance;
mod account;
mod admin;
mod answering;
mod approvals;
mod asked;
mod authenticate;
mod authorize;
mod backchannel;
mod backchannel_answer;
mod credentials;
mod details;
mod device;
pub mod discovery;
mod export;
mod handed_over;
mod initiate;
mod interaction;
mod introspect;
mod link;
mod logout;
pub mod mailed;
mod noted;
mod own;
mod own_prompt;
mod par;
mod passkeys;
mod phone;
mod posted;
mod presented;
mod proof;
mod refusing;
pub mod register;
mod resolve;
mod revoke;
mod several;
mod sign_in;
mod sign_up;
mod token;
mod upstream;
mod userinfo;

use hallpass_types::ClientId;

use crate::{Failure, Provider, ports::Event};

pub use crate::ports::page_for;
pub use account::{ConnectionView, Done as AccountDone, SessionView};
pub use admin::Caller;
pub use answering::{Back, Held};
pub use approvals::{Approval, Approvals};
pub use asked::{ResourceView, ScopeView};
pub use authenticate::Endpoint;
pub(crate) use authenticate::Urls;
pub use authorize::{Answer, Answered, PageError};
pub(crate) use authorize::{Person, SignedIn};
pub use backchannel_answer::{BackchannelAnswer, BackchannelOutcome};
pub use credentials::{Removed, TotpOffer};
pub use details::DetailView;
pub use device::{CodeEntered, DeviceDone};
pub use handed_over::NewLink;
pub use interaction::{ClientView, ConsentDecision, InteractionDetails};
pub use introspect::Introspection;
pub use link::{LinkAnswer, LinkDetails, LinkUsed, WayLeft};
pub use logout::{LogoutAnswer, LogoutDecision, LogoutDetails, SignedOutDetails};
pub use mailed::MailAsked;
pub(crate) use own::own_client;
pub use own::{Visited, Visitor};
pub use passkeys::{NewcomerOffer, NewcomerRefused, PasskeyRefused};
pub use phone::{NotTexted, Texted};
pub use posted::POSTED;
pub use refusing::RefusedClient;
pub use register::Registered;
pub use several::WaitingAccount;
pub(crate) use sign_in::Proved;
pub use sign_in::{CodeRefused, Proven, SignInDetails, SignInStep};
pub use userinfo::UserInfo;

impl Provider {
    /// Tells listeners that a request was refused or failed, and passes on why.
    fn failed(
        &self,
        endpoint: &'static str,
        client: Option<&ClientId>,
        failure: Failure,
    ) -> Failure {
        match &failure {
            Failure::Refused(refusal) => self.emit(&Event::Refused {
                endpoint,
                reason: refusal.id,
                client,
            }),
            Failure::Internal(error) => self.emit(&Event::Internal { endpoint, error }),
            Failure::Throttled { .. } => self.emit(&Event::Refused {
                endpoint,
                reason: "throttled",
                client,
            }),
            Failure::Unavailable { .. } => self.emit(&Event::Unavailable { endpoint }),
        }
        failure
    }
}
pub use upstream::{Linked, UpstreamOutcome, UpstreamView};
