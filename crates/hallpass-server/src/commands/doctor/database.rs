//! Whether the SQLite database is sound.

use std::path::Path;

use hallpass_store::StoreError;
use hallpass_store_sqlite::SqliteStore;

use super::Findings;
use crate::failure::Failure;

/// Whether it makes sense to look further.
pub(super) fn look(path: &Path, findings: &mut Findings) -> bool {
    match SqliteStore::inspect(path) {
        Ok(found) => {
            for problem in &found.problems {
                let help = "Restore a backup: hallpass restore FILE --after. Until then nothing of it can be trusted";
                findings.error("database_corrupt", problem.clone(), help);
            }
            if !found.lacking.is_empty() {
                let text = format!("migrations are missing: {}", found.lacking.join(", "));
                let help = "hallpass migrate, or start the server: it does it by itself";
                findings.warning("migrations_pending", text, help);
            }
            found.problems.is_empty() && found.lacking.is_empty()
        }
        Err(error) => {
            let text = Failure::doing(&path.display().to_string(), &error).to_string();
            match error {
                StoreError::Version { .. } => {
                    let help = "Run the newer version of hallpass, or restore a backup from before the upgrade";
                    findings.error("migrations_unknown", text, help);
                }
                StoreError::Corrupt(_) => {
                    let help = "Restore a backup: hallpass restore FILE --after";
                    findings.error("database_corrupt", text, help);
                }
                StoreError::Busy { .. }
                | StoreError::Unavailable(_)
                | StoreError::Collision
                | _ => {
                    let help = "Look at the permissions, the disk, and who has the file open";
                    findings.error("database_unreadable", text, help);
                }
            }
            false
        }
    }
}
