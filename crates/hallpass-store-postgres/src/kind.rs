//! What can happen to a row, and to which table: one entry for each kind of spend and write.

/// How a column is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Int,
    Bytes,
    Bool,
}

impl Type {
    pub(crate) const fn array(self) -> &'static str {
        match self {
            Self::Int => "int8[]",
            Self::Bytes => "bytea[]",
            Self::Bool => "bool[]",
        }
    }
}

/// A value that is sent under a name. In inserts the name is that of the column.
pub(crate) type Column = (&'static str, Type);

/// What is done with the row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    /// It must be there and stay so until the commit: the lock keeps it.
    Assert {
        condition: &'static str,
        lock: &'static str,
    },
    /// It is inserted; what happens when there is one already.
    Insert(Conflict),
    /// It is changed where the condition holds.
    Update {
        set: &'static str,
        condition: &'static str,
    },
    /// It is deleted where the condition holds.
    Delete { condition: &'static str },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Conflict {
    /// An error.
    Fails,
    /// Nothing is inserted.
    Nothing,
    /// The row is replaced.
    Replaces(&'static str),
}

/// One kind of change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    pub(crate) table: &'static str,
    /// The key behind the issuer.
    pub(crate) key: &'static [Column],
    /// Further values.
    pub(crate) rest: &'static [Column],
    pub(crate) action: Action,
}

/// What happens to rows. The order is that in which statements of several kinds take their locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Standing,
    SessionThere,
    /// As [`Self::SessionThere`], by whoever ends it in the same commit.
    SessionGoes,
    IdleClient,
    SpendCode,
    SpendRefresh,
    ChangeWaiting,
    ConsumeWaiting,
    ChangeUser,
    ChangeCredential,
    DeleteCredential,
    DeleteUser,
    ChangeRoot,
    ChangeDirectory,
    ChangeAdmin,
    DeleteAdmin,
    UseInitialAccess,
    ClaimDelivery,
    FinishDelivery,
    Once,
    NewWaiting,
    NewUser,
    NewCredential,
    NewRoot,
    NewDirectory,
    NewAdmin,
    NewAudit,
    NewClient,
    NewRegistration,
    PutCode,
    PutGrant,
    TouchRefresh,
    RevokeGrant,
    DenyToken,
    PutSession,
    SessionSeen,
    EndSession,
    PutParticipant,
    ForgetParticipant,
    PutConsent,
    ForgetConsent,
    PutClient,
    DeleteClient,
    DeleteRegistration,
    ClientUsed,
    PutInitialAccess,
    DeleteInitialAccess,
    PutSigningKey,
    DeleteSigningKey,
    PutDelivery,
    PutActivity,
    AddTally,
    PutActive,
    ForgetCredentials,
    ForgetConsents,
    ForgetActivity,
    ForgetAdmin,
}

use Type::{Bool, Bytes, Int};

const PLACE: &[Column] = &[("bucket", Int), ("id", Bytes)];
const CLIENT: &[Column] = &[("client", Bytes)];
const SUBJECT: &[Column] = &[("subject", Bytes)];
const CONSENT: &[Column] = &[("subject", Bytes), ("client", Bytes)];
const ID: &[Column] = &[("id", Bytes)];
const CREDENTIAL: &[Column] = &[("subject", Bytes), ("id", Bytes)];
const KID: &[Column] = &[("kid", Bytes)];
const ADMIN: &[Column] = &[("kind", Int), ("id", Bytes)];
const RECORD: &[Column] = &[("record", Bytes)];

const fn spec(
    table: &'static str,
    key: &'static [Column],
    rest: &'static [Column],
    action: Action,
) -> Spec {
    Spec {
        table,
        key,
        rest,
        action,
    }
}

const fn update(set: &'static str, condition: &'static str) -> Action {
    Action::Update { set, condition }
}

const NEW: Action = Action::Insert(Conflict::Nothing);
const FRESH: Action = Action::Insert(Conflict::Fails);
const DELETE: Action = Action::Delete { condition: "" };

const fn replace(set: &'static str) -> Action {
    Action::Insert(Conflict::Replaces(set))
}

impl Kind {
    /// Whether it only looks.
    pub(crate) const fn is_assertion(self) -> bool {
        matches!(self.spec().action, Action::Assert { .. })
    }

    /// Whether it changes rows that its key does not name one by one.
    pub(crate) const fn is_of_many(self) -> bool {
        matches!(
            self,
            Self::ForgetCredentials | Self::ForgetConsents | Self::ForgetActivity
        )
    }

    pub(crate) const fn spec(self) -> Spec {
        match self {
            Self::Standing => spec(
                "grants",
                PLACE,
                &[],
                Action::Assert {
                    condition: "t.revoked_at IS NULL",
                    lock: "SHARE",
                },
            ),
            Self::SessionThere => spec(
                "sessions",
                PLACE,
                &[],
                Action::Assert {
                    condition: "",
                    lock: "KEY SHARE",
                },
            ),
            // Two that share a row and then delete it would wait for each other.
            Self::SessionGoes => spec(
                "sessions",
                PLACE,
                &[],
                Action::Assert {
                    condition: "",
                    lock: "UPDATE",
                },
            ),
            // Whoever asserts that deletes it.
            Self::IdleClient => spec(
                "registrations",
                CLIENT,
                &[("used", Int)],
                Action::Assert {
                    condition: "t.used < i.used",
                    lock: "UPDATE",
                },
            ),
            Self::SpendCode => spec("codes", PLACE, &[], update("spent = true", "NOT t.spent")),
            Self::SpendRefresh => spec(
                "grants",
                PLACE,
                &[
                    ("generation", Int),
                    ("next", Int),
                    ("rotated_at", Int),
                    ("idle_expires_at", Int),
                ],
                update(
                    "generation = i.next, rotated_at = i.rotated_at, idle_expires_at = i.idle_expires_at",
                    "t.generation = i.generation AND t.revoked_at IS NULL",
                ),
            ),
            Self::ChangeWaiting => spec(
                "waiting",
                PLACE,
                &[("revision", Int), ("next", Int), ("record", Bytes)],
                update(
                    "revision = i.next, record = i.record",
                    "t.revision = i.revision",
                ),
            ),
            Self::ConsumeWaiting => spec(
                "waiting",
                PLACE,
                &[("revision", Int)],
                Action::Delete {
                    condition: "t.revision = i.revision",
                },
            ),
            Self::ChangeUser => spec(
                "users",
                SUBJECT,
                &[
                    ("expected", Int),
                    ("username_key", Bytes),
                    ("revision", Int),
                    ("record", Bytes),
                ],
                update(
                    "username_key = i.username_key, revision = i.revision, record = i.record",
                    "t.revision = i.expected",
                ),
            ),
            Self::ChangeCredential => spec(
                "credentials",
                CREDENTIAL,
                &[
                    ("expected", Int),
                    ("lookup", Bytes),
                    ("revision", Int),
                    ("record", Bytes),
                ],
                update(
                    "lookup = i.lookup, revision = i.revision, record = i.record",
                    "t.revision = i.expected",
                ),
            ),
            Self::DeleteCredential => spec(
                "credentials",
                CREDENTIAL,
                &[("expected", Int)],
                Action::Delete {
                    condition: "t.revision = i.expected",
                },
            ),
            Self::DeleteUser => spec(
                "users",
                SUBJECT,
                &[("expected", Int)],
                Action::Delete {
                    condition: "t.revision = i.expected",
                },
            ),
            Self::ChangeRoot => spec(
                "roots",
                &[],
                &[
                    ("expected", Int),
                    ("revision", Int),
                    ("record", Bytes),
                    ("changed", Int),
                ],
                update(
                    "revision = i.revision, record = i.record, changed = i.changed",
                    "t.revision = i.expected",
                ),
            ),
            Self::ChangeDirectory => spec(
                "directories",
                &[],
                &[("expected", Int), ("revision", Int), ("record", Bytes)],
                update(
                    "revision = i.revision, record = i.record",
                    "t.revision = i.expected",
                ),
            ),
            Self::ChangeAdmin => spec(
                "admin_records",
                ADMIN,
                &[("expected", Int), ("revision", Int), ("record", Bytes)],
                update(
                    "revision = i.revision, record = i.record",
                    "t.revision = i.expected",
                ),
            ),
            Self::DeleteAdmin => spec(
                "admin_records",
                ADMIN,
                &[("expected", Int)],
                Action::Delete {
                    condition: "t.revision = i.expected",
                },
            ),
            Self::NewAdmin => spec(
                "admin_records",
                ADMIN,
                &[("revision", Int), ("record", Bytes)],
                NEW,
            ),
            Self::NewAudit => spec("audit_lines", &[("seq", Int)], RECORD, NEW),
            Self::UseInitialAccess => spec(
                "initial_access",
                ID,
                &[],
                update(
                    "uses = t.uses + 1",
                    "(t.max_uses IS NULL OR t.uses < t.max_uses)",
                ),
            ),
            Self::ClaimDelivery => spec(
                "deliveries",
                PLACE,
                &[("attempts", Int), ("next", Int), ("next_at", Int)],
                update(
                    "attempts = i.next, next_at = i.next_at",
                    "t.attempts = i.attempts",
                ),
            ),
            Self::FinishDelivery => spec(
                "deliveries",
                PLACE,
                &[("attempts", Int)],
                Action::Delete {
                    condition: "t.attempts = i.attempts",
                },
            ),
            Self::Once => spec("once_keys", PLACE, &[], NEW),
            Self::NewWaiting => spec("waiting", PLACE, RECORD, NEW),
            Self::NewUser => spec(
                "users",
                SUBJECT,
                &[
                    ("username_key", Bytes),
                    ("revision", Int),
                    ("record", Bytes),
                ],
                NEW,
            ),
            Self::NewCredential => spec(
                "credentials",
                CREDENTIAL,
                &[("lookup", Bytes), ("revision", Int), ("record", Bytes)],
                NEW,
            ),
            Self::NewRoot => spec(
                "roots",
                &[],
                &[("revision", Int), ("record", Bytes), ("changed", Int)],
                NEW,
            ),
            Self::NewDirectory => spec(
                "directories",
                &[],
                &[("revision", Int), ("record", Bytes)],
                NEW,
            ),
            Self::NewClient => spec(
                "clients",
                CLIENT,
                &[("registered", Bool), ("record", Bytes)],
                NEW,
            ),
            Self::NewRegistration => spec(
                "registrations",
                CLIENT,
                &[("used", Int), ("software", Bytes), ("fold", Bytes)],
                NEW,
            ),
            Self::PutCode => spec(
                "codes",
                PLACE,
                &[
                    ("subject", Bytes),
                    ("session_bucket", Int),
                    ("session_id", Bytes),
                    ("record", Bytes),
                ],
                FRESH,
            ),
            Self::PutGrant => spec(
                "grants",
                PLACE,
                &[
                    ("generation", Int),
                    ("rotated_at", Int),
                    ("idle_expires_at", Int),
                    ("subject", Bytes),
                    ("session_bucket", Int),
                    ("session_id", Bytes),
                    ("record", Bytes),
                ],
                FRESH,
            ),
            Self::TouchRefresh => spec(
                "grants",
                PLACE,
                &[("idle_expires_at", Int)],
                update(
                    "idle_expires_at = i.idle_expires_at",
                    "t.generation IS NOT NULL",
                ),
            ),
            Self::RevokeGrant => spec(
                "grants",
                PLACE,
                &[("revoked_at", Int)],
                update("revoked_at = i.revoked_at", "t.revoked_at IS NULL"),
            ),
            Self::DenyToken => spec("denied_tokens", PLACE, &[], NEW),
            Self::PutSession => spec(
                "sessions",
                PLACE,
                &[("subject", Bytes), ("record", Bytes)],
                replace("subject = excluded.subject, record = excluded.record"),
            ),
            Self::SessionSeen => spec(
                "sessions",
                PLACE,
                &[("seen", Int)],
                update("seen = i.seen", "(t.seen IS NULL OR t.seen < i.seen)"),
            ),
            Self::EndSession => spec("sessions", PLACE, &[], DELETE),
            Self::PutParticipant => spec(
                "participants",
                PLACE,
                &[("subject", Bytes), ("record", Bytes)],
                replace("subject = excluded.subject, record = excluded.record"),
            ),
            Self::ForgetParticipant => spec("participants", PLACE, &[], DELETE),
            Self::PutConsent => spec(
                "consents",
                CONSENT,
                RECORD,
                replace("record = excluded.record"),
            ),
            Self::ForgetConsent => spec("consents", CONSENT, &[], DELETE),
            Self::PutClient => spec(
                "clients",
                CLIENT,
                &[("registered", Bool), ("record", Bytes)],
                replace("registered = excluded.registered, record = excluded.record"),
            ),
            Self::DeleteClient => spec("clients", CLIENT, &[], DELETE),
            Self::DeleteRegistration => spec("registrations", CLIENT, &[], DELETE),
            Self::ClientUsed => spec(
                "registrations",
                CLIENT,
                &[("used", Int)],
                update("used = i.used", "t.used < i.used"),
            ),
            Self::PutInitialAccess => spec(
                "initial_access",
                ID,
                &[("uses", Int), ("max_uses", Int), ("record", Bytes)],
                replace(
                    "uses = excluded.uses, max_uses = excluded.max_uses, record = excluded.record",
                ),
            ),
            Self::DeleteInitialAccess => spec("initial_access", ID, &[], DELETE),
            Self::PutSigningKey => spec(
                "signing_keys",
                KID,
                &[("record", Bytes), ("changed", Int)],
                replace("record = excluded.record, changed = excluded.changed"),
            ),
            Self::DeleteSigningKey => spec("signing_keys", KID, &[], DELETE),
            Self::PutActivity => spec(
                "activity",
                PLACE,
                &[("subject", Bytes), ("at", Int), ("record", Bytes)],
                NEW,
            ),
            Self::AddTally => spec(
                "tallies",
                PLACE,
                &[("amount", Int)],
                replace("amount = tallies.amount + excluded.amount"),
            ),
            Self::PutActive => spec("active_people", PLACE, &[], NEW),
            Self::ForgetCredentials => spec("credentials", SUBJECT, &[], DELETE),
            Self::ForgetConsents => spec("consents", SUBJECT, &[], DELETE),
            Self::ForgetActivity => spec("activity", SUBJECT, &[], DELETE),
            Self::ForgetAdmin => spec("admin_records", ADMIN, &[], DELETE),
            Self::PutDelivery => spec(
                "deliveries",
                PLACE,
                &[("attempts", Int), ("next_at", Int), ("record", Bytes)],
                FRESH,
            ),
        }
    }
}
