//! Whether people can still do what their accounts ask of them.

use hallpass_core::sign_in::Method;
use hallpass_store::{CredentialData, MAX_PAGE, Store, StoreError};
use hallpass_types::IssuerId;

use super::Findings;
use crate::config::Config;

/// So many accounts are looked at: who has more sees by these that there are some.
const MOST: usize = 20_000;

pub(super) async fn look(
    store: &dyn Store,
    config: &Config,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    if config.sign_in.goes_on_with(Method::Totp) {
        return Ok(());
    }
    let issuer = IssuerId(1);
    let (mut seen, mut with_app) = (0_usize, 0_usize);
    let mut after: Option<String> = None;
    loop {
        let page = store.users(issuer, after.as_deref(), MAX_PAGE).await?;
        for user in page.items.iter().filter(|user| !user.disabled) {
            let held = store.credentials(issuer, &user.subject).await?;
            let app = held
                .iter()
                .any(|one| matches!(one.data, CredentialData::Totp(_)));
            with_app = with_app.saturating_add(usize::from(app));
        }
        seen = seen.saturating_add(page.items.len());
        after = page.next;
        if after.is_none() || seen >= MOST {
            break;
        }
    }
    if with_app > 0 {
        let least = if after.is_some() { "at least " } else { "" };
        let text = format!(
            "{least}{with_app} people have an authenticator app, which sign_in.second does not offer; \
             they are asked for it until they have set up something else"
        );
        let help = "Put \"totp\" into sign_in.second again, or have them set up a passkey and turn the app off";
        findings.warning("factor_not_offered", text, help);
    }
    Ok(())
}
