//! What the engine asks of its surroundings. Every port is small and object safe.

mod accounts;
mod backchannel;
mod clients;
mod clock;
mod consents;
mod entropy;
mod events;
mod fetcher;
mod interaction;
mod mail;
mod own_prompts;
mod people;
mod signer;
mod token_claims;

pub use accounts::{
    Account, Accounts, ByEmail, KnownBrowser, NewPerson, PasswordChoice, PasswordRefused,
    PasswordSignIn, SignInAttempt, SignInOutcome,
};
pub use backchannel::{BackchannelDevice, BackchannelNotice, HintedPerson, NoDevice};
pub(crate) use clients::OwnClients;
pub use clients::{ClientSpec, Clients, UnfitClient};
pub use clock::{Clock, SystemClock};
pub use consents::{AllowedBefore, ConsentAbout, Consents};
pub use entropy::{Entropy, SystemEntropy};
pub use events::{Event, Events};
pub use fetcher::{
    ExchangeRequest, Exchanged, FetchError, FetchRequest, Fetched, Fetcher, NoFetcher, PostRequest,
};
pub use interaction::{Interaction, PageKind, page_for};
pub use mail::{Letter, Letters, Mail, MailCode, MailError, MailLink, Mailer, Message};
pub use own_prompts::{OwnPrompts, PromptAbout};
pub use people::{ByOperator, Change, NewAccount, People, PersonalAccount, Prepared, Unfit};
pub use signer::{SignError, Signer};
pub use token_claims::{TokenAbout, TokenClaims};
