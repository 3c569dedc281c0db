//! The logo of a project: kept in its settings, from a file of the operator or an address that is fetched once.

use hallpass_admin::{Problem, v1::projects::ProjectView};
use hallpass_pages::{Picture, PictureError};
use hallpass_types::Params;

use super::{own, typed};
use crate::{
    gate::Visit,
    render::{Answer, Stop},
};

/// The setting.
pub(super) const SETTING: &str = "pages.logo";

/// What it is in the settings.
pub(super) fn saved(project: &ProjectView) -> Option<&str> {
    own::at(&project.settings, SETTING)?.as_str()
}

/// Answers the picture itself.
pub(crate) async fn show(visit: &Visit) -> Result<Answer, Stop> {
    let project = visit.record().await?;
    let picture = saved(&project).map(Picture::of_data_uri);
    match picture {
        Some(Ok(picture)) => Ok(Answer::File(picture)),
        Some(Err(_)) | None => Err(Stop::nothing()),
    }
}

fn unfit(field: &str, error: PictureError) -> Stop {
    let text = match error {
        PictureError::Kind => "is no SVG, PNG or WebP",
        PictureError::Size => "is larger than 32 KiB",
        PictureError::Active => "is an SVG with scripts, documents or references in it",
    };
    Problem::unfit(field, text).into()
}

/// What a form wants: the picture as settings have it, or none.
///
/// # Errors
/// It is no picture, or cannot be fetched.
pub(super) async fn wanted(
    visit: &Visit,
    form: &Params,
    project: &ProjectView,
) -> Result<Option<String>, Stop> {
    if let Some(given) = typed(form, "logo") {
        let picture = Picture::of_data_uri(&given).map_err(|error| unfit("logo", error))?;
        return Ok(Some(picture.data_uri()));
    }
    if let Some(url) = typed(form, "logo_url") {
        let silent = |_| {
            let text = "cannot be fetched: it answers with one file at once, from where everybody can reach it";
            Stop::from(Problem::unfit("logo_url", text))
        };
        let provider = visit.provider().await?;
        let bytes = provider.fetch_picture(&url).await.map_err(silent)?;
        let picture = Picture::read(&bytes).map_err(|error| unfit("logo_url", error))?;
        return Ok(Some(picture.data_uri()));
    }
    if form.get("logo_none") == Some("yes") {
        return Ok(None);
    }
    Ok(saved(project).map(str::to_owned))
}
