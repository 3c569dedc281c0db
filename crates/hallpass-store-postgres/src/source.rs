//! The database of another program, to read what is in it and nothing else.

use std::time::Duration;

use tokio_postgres::{Client, config::TargetSessionAttrs};

use crate::{Address, failure::describe, tls::Connector};

/// A connection that reads what another program wrote, as it stands at one moment. It cannot write: its transaction is
/// read-only.
#[derive(Debug)]
pub struct Source {
    client: Client,
}

/// It cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(String);

impl From<tokio_postgres::Error> for SourceError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self(describe(&error))
    }
}

impl Source {
    /// Connects and begins the transaction.
    ///
    /// # Errors
    /// The database cannot be reached or refuses.
    pub async fn open(address: &Address) -> Result<Self, SourceError> {
        let connector = Connector::new(&address.tls).map_err(SourceError)?;
        let mut config = address.config.clone();
        config
            .target_session_attrs(TargetSessionAttrs::Any)
            .connect_timeout(Duration::from_secs(10));
        let (client, connection) = config.connect(connector).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "the connection to the source ended");
            }
        });
        client
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            .await?;
        Ok(Self { client })
    }

    /// The columns of a table in their order; none when there is no such table.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn columns(&self, schema: &str, table: &str) -> Result<Vec<String>, SourceError> {
        const ASK: &str = "SELECT column_name::text FROM information_schema.columns \
                           WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position";
        let rows = self.client.query(ASK, &[&schema, &table]).await?;
        let names = rows.iter().map(|row| row.try_get(0));
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// Some columns of every row, as text. The one who takes them says whether to go on.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn rows(
        &self,
        (schema, table): (&str, &str),
        columns: &[&str],
        mut take: impl FnMut(Vec<Option<String>>) -> bool + Send,
    ) -> Result<(), SourceError> {
        let list: Vec<String> = columns
            .iter()
            .map(|name| format!("{}::text", quoted(name)))
            .collect();
        let declare = format!(
            "DECLARE hallpass_rows NO SCROLL CURSOR FOR SELECT {} FROM {}.{}",
            list.join(", "),
            quoted(schema),
            quoted(table)
        );
        self.client.batch_execute(&declare).await?;
        'all: loop {
            let rows = self.client.query(FETCH, &[]).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let values = (0..row.len()).map(|at| row.try_get(at));
                if !take(values.collect::<Result<_, _>>()?) {
                    break 'all;
                }
            }
        }
        self.client.batch_execute("CLOSE hallpass_rows").await?;
        Ok(())
    }
}

/// So many rows at once.
const FETCH: &str = "FETCH FORWARD 500 FROM hallpass_rows";

/// A name as SQL writes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
