//! Invites somebody to make an account.

use hallpass_core::{admin::Permission, policy::SignUp};
use hallpass_types::EmailAddress;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Change, Context, Info, Kind, Method, Operation, Problem};

/// Invites somebody to make an account.
#[derive(Debug)]
pub struct Invite;

/// Who is invited.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Their mail address.
    pub email: String,
    /// Whether the link is mailed. Otherwise it is in the answer, to be handed over.
    #[serde(default)]
    pub mail: bool,
}

/// An invitation.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Invited {
    /// Who is invited.
    pub email: String,
    /// The link, which works once and is shown this once; null where it is mailed.
    pub link: Option<String>,
    /// Until when it works, in seconds since 1970.
    pub expires_at: i64,
}

/// A mail address as it was given.
pub(super) fn address(email: &str) -> Result<EmailAddress, Problem> {
    EmailAddress::parse(email).map_err(|_| Problem::unfit("email", "is no mail address"))
}

impl Operation for Invite {
    const INFO: Info = Info::new(
        "users.invite",
        Method::Post,
        "/projects/{project}/invitations",
        Permission::ChangeUsers,
    )
    .answers(201)
    .fails(&[Kind::Unfit, Kind::WrongState])
    .does("Invites somebody to make an account, by mail or by a link to hand over.");
    type Input = Input;
    type Output = Invited;

    async fn run(cx: &Context, input: Input) -> Result<Invited, Problem> {
        let address = address(&input.email)?;
        let provider = cx.provider();
        if provider.policy().people.sign_up == SignUp::Closed {
            let text = "nobody can make an account here: sign_up.mode is closed";
            return Err(Problem::new(Kind::WrongState).because(text));
        }
        let link = if input.mail {
            let made = provider.new_invitation(&address);
            made.map_err(|_| Problem::unfit("mail", "cannot be: this server sends no mail"))?
        } else {
            provider.new_link(&address, None, false)
        };
        let invited = Invited {
            email: address.as_str().to_owned(),
            link: (!input.mail).then_some(link.url),
            expires_at: link.expires_at.0,
        };
        let change = Change::of("invitation", address.as_str())
            .saying("mailed", input.mail)
            .spending([link.spend])
            .writing(link.write);
        cx.commit(change, &invited).await?;
        Ok(invited)
    }
}
