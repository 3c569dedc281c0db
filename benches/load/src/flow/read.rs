//! Reading a document that is the same for everybody: discovery, the key set.

use super::{Flow, Laps, Prepared};
use crate::http::{Connection, Failure, Template};
use crate::job::{Job, parse};

/// Reads one document.
#[derive(Clone, Debug)]
pub struct Read {
    request: Template,
}

/// Makes the flows of a job.
///
/// # Errors
/// [`Failure::Address`].
pub fn prepare(document: &str, job: &Job) -> Result<Prepared<Read>, Failure> {
    let request = Template::get(&parse(document)?, &[("Accept", "application/json")]);
    Ok(Prepared {
        server: document.to_owned(),
        flows: vec![Read { request }; job.concurrency],
        browsers: Vec::new(),
    })
}

impl Flow for Read {
    const STEPS: &'static [&'static str] = &["read"];

    async fn once(&mut self, connection: &mut Connection, laps: &mut Laps) -> Result<(), Failure> {
        let response = connection.exchange(self.request.bare()).await?;
        laps.mark();
        match (response.status, response.body.first()) {
            (200, Some(b'{')) => Ok(()),
            _ => Err(Failure::unexpected("read", &response)),
        }
    }
}
