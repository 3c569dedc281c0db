//! Makes a link by which somebody chooses how they sign in.

use hallpass_core::admin::Permission;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Which, changeable, invite::address};
use crate::{ALL_PROJECTS, Change, Context, Info, Kind, Method, Operation, Problem};

/// Makes a link by which somebody chooses how they sign in.
#[derive(Debug)]
pub struct Link;

/// A link that works once.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LinkMade {
    /// The link, which is shown this once.
    pub link: String,
    /// Until when it works, in seconds since 1970.
    pub expires_at: i64,
}

impl Operation for Link {
    const INFO: Info = Info::new(
        "users.make_link",
        Method::Post,
        "/projects/{project}/users/{user}/link",
        Permission::ChangeUsers,
    )
    .answers(201)
    .fails(&[Kind::Unfit, Kind::WrongState])
    .does("Makes a link, to be handed over, by which the person chooses a password or makes a passkey.");
    type Input = Which;
    type Output = LinkMade;

    async fn run(cx: &Context, input: Which) -> Result<LinkMade, Problem> {
        let before = changeable(cx, &input.user).await?;
        if before.disabled {
            return Err(Problem::new(Kind::WrongState).because("the account is disabled"));
        }
        // The page behind the link names the address: the one that is told of them, or a name that is one.
        let told = before.claims.get("email").and_then(|email| email.as_str());
        let to = match told {
            Some(email) => address(email)?,
            None => address(&before.username).map_err(|_| {
                let text = "is missing; the page behind the link names the address";
                Problem::unfit("claims.email", text)
            })?,
        };
        let about = Some((&before.subject, before.epoch));
        let owner = cx.caller().may(Permission::ChangeOperators, ALL_PROJECTS);
        let link = cx.provider().new_link(&to, about, owner);
        let made = LinkMade {
            link: link.url,
            expires_at: link.expires_at.0,
        };
        let change = Change::of("user", before.subject.as_str()).spending([link.spend]);
        cx.commit(change, &made).await?;
        Ok(made)
    }
}
