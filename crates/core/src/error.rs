//! The one error type. A [`Code`] is stable and part of the public contract; messages may change freely.

use std::{fmt, io, path::Path};

use serde::Serialize;

/// A result whose error is headrace's own.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal),+ $(,)?) => {
        /// The stable code of an error: what a program may branch on and what the documentation lists.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[doc = $doc])+ $name),+ }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$name),+];

            /// The code as users see it, such as `HR_UNKNOWN_COLUMN`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text),+ }
            }

            /// What the code means, in one sentence for the documentation.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$name => concat!($($doc),+)),+ }
            }
        }
    };
}

codes! {
    /// The plan cannot be run as it is written.
    PlanInvalid = "HR_PLAN_INVALID",
    /// The plan was written by another version of headrace.
    PlanVersion = "HR_PLAN_VERSION",
    /// An expression names a column that its input does not have.
    UnknownColumn = "HR_UNKNOWN_COLUMN",
    /// An expression, an aggregate or a source was given a type that it does not take.
    TypeMismatch = "HR_TYPE_MISMATCH",
    /// A window stands on a stream that has no event time.
    NoEventTime = "HR_NO_EVENT_TIME",
    /// An append-only sink stands behind a stream that updates its results.
    AppendOnlySink = "HR_APPEND_ONLY_SINK",
    /// A source that cannot be replayed was given together with checkpoints.
    NotReplayable = "HR_NOT_REPLAYABLE",
    /// An option has a value outside its range.
    OptionInvalid = "HR_OPTION_INVALID",
    /// The native library for this platform is missing or cannot be loaded.
    NativeMissing = "HR_NATIVE_MISSING",
    /// A file or folder that the job needs is not there.
    NotFound = "HR_NOT_FOUND",
    /// A file could not be read or written.
    Io = "HR_IO",
    /// A file or buffer does not hold what its format promises.
    DataCorrupt = "HR_DATA_CORRUPT",
    /// The source's data is not the data that the checkpoint was taken over.
    SourceChanged = "HR_SOURCE_CHANGED",
    /// An integer computation left the range of its type.
    Overflow = "HR_OVERFLOW",
    /// A division by zero on integers.
    DivisionByZero = "HR_DIVISION_BY_ZERO",
    /// A value could not be cast to the type asked for.
    CastFailed = "HR_CAST_FAILED",
    /// A JavaScript function threw or rejected.
    UserFunctionFailed = "HR_USER_FUNCTION_FAILED",
    /// A JavaScript function returned something other than its declared shape.
    UserFunctionShape = "HR_USER_FUNCTION_SHAPE",
    /// A JavaScript function did not answer in time.
    UserFunctionTimeout = "HR_USER_FUNCTION_TIMEOUT",
    /// The checkpoint was taken by another pipeline or with other options.
    CheckpointMismatch = "HR_CHECKPOINT_MISMATCH",
    /// The checkpoint was written by another version of headrace.
    CheckpointVersion = "HR_CHECKPOINT_VERSION",
    /// A file of the newest checkpoint is missing or damaged.
    CheckpointDamaged = "HR_CHECKPOINT_DAMAGED",
    /// A checkpoint could not be written.
    CheckpointFailed = "HR_CHECKPOINT_FAILED",
    /// Another process holds the checkpoint folder.
    Locked = "HR_LOCKED",
    /// A newer run has taken over the checkpoint folder; this one must stop.
    Fenced = "HR_FENCED",
    /// A committed file of the sink is missing or different.
    CommitFailed = "HR_COMMIT_FAILED",
    /// The KV cache has no room for the sequence.
    KvCapacity = "HR_KV_CAPACITY",
    /// The model needs something that this engine does not compute.
    ModelUnsupported = "HR_MODEL_UNSUPPORTED",
    /// The library that runs models is missing, or is another version than the one that is supported.
    ModelRuntime = "HR_MODEL_RUNTIME",
    /// The prompt and the tokens asked for are longer than the model's context.
    ContextLength = "HR_CONTEXT_LENGTH",
    /// The engine has as many requests waiting as it takes.
    QueueFull = "HR_QUEUE_FULL",
    /// The model failed on this request; others were not affected.
    ModelRun = "HR_MODEL_RUN",
    /// The engine takes no more requests: it drains, is closed, or has failed.
    EngineClosed = "HR_ENGINE_CLOSED",
    /// The model's chat template failed or went beyond its limits.
    ChatTemplate = "HR_CHAT_TEMPLATE",
    /// A file could not be downloaded.
    DownloadFailed = "HR_DOWNLOAD_FAILED",
    /// The job was cancelled.
    Cancelled = "HR_CANCELLED",
    /// A defect of headrace itself.
    Internal = "HR_INTERNAL",
}

/// Where in the user's pipeline and data an error happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The operator's stable id.
    pub uid: String,
    /// The operator's name for people, such as `window(1h/10m)`.
    pub operator: String,
    /// The user's file and line that created the operator, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The row's origin: `partition:row`, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<String>,
}

/// An error: a stable code, what happened, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    code: Code,
    message: String,
    hint: Option<String>,
    place: Option<Place>,
}

impl Error {
    /// An error with its code and what happened.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { code, message: message.into(), hint: None, place: None }))
    }

    /// A defect of headrace itself, which the user can only report.
    pub fn internal(message: impl Into<String>) -> Self {
        Error::new(Code::Internal, message).hint("This is a defect of headrace; please report it with this message.")
    }

    /// What the file system refused to do with a path, and what the user can do about it.
    pub fn io(code: Code, doing: &str, path: &Path, error: &io::Error) -> Self {
        use io::ErrorKind as Kind;
        let failure = Error::new(code, format!("could not {doing} '{}': {error}", path.display()));
        match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded => failure.hint("Free some space there and run again."),
            Kind::PermissionDenied => failure.hint("Check the permissions of the file and its folder."),
            Kind::ReadOnlyFilesystem => failure.hint("Choose a folder on a file system that is not read-only."),
            Kind::Unsupported => failure.hint("The folder must be on a file system with hard links and locks."),
            _ => failure,
        }
    }

    /// Says first what came to nothing because of it, such as `the rows could not be written`.
    #[must_use]
    pub fn context(mut self, what: &str) -> Self {
        self.0.message = format!("{what}: {}", self.0.message);
        self
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Names the operator, unless an inner layer already did.
    #[must_use]
    pub fn in_operator(mut self, uid: &str, operator: &str, at: Option<&str>) -> Self {
        let place = self.0.place.get_or_insert_with(Place::default);
        if place.uid.is_empty() {
            place.uid = uid.to_owned();
            place.operator = operator.to_owned();
            place.at = at.map(str::to_owned);
        }
        self
    }

    /// Names the row by its origin, unless an inner layer already did.
    #[must_use]
    pub fn at_row(mut self, partition: u32, row: u64) -> Self {
        let place = self.0.place.get_or_insert_with(Place::default);
        place.row.get_or_insert_with(|| format!("{partition}:{row}"));
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What happened.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where it happened, when known.
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// The error as plain data, for the language border: `{code, message, hint?, place?}`.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "code": self.0.code.as_str(),
            "message": self.0.message,
            "hint": self.0.hint,
            "place": self.0.place,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.as_str(), self.0.message)?;
        if let Some(place) = &self.0.place {
            if !place.operator.is_empty() {
                write!(f, " (in {}", place.operator)?;
                if let Some(at) = &place.at {
                    write!(f, " at {at}")?;
                }
                f.write_str(")")?;
            }
            if let Some(row) = &place.row {
                write!(f, " (row {row})")?;
            }
        }
        match &self.0.hint {
            Some(hint) if self.0.message.ends_with(['.', '?', '!']) => write!(f, " {hint}"),
            Some(hint) => write!(f, ". {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl From<arrow_schema::ArrowError> for Error {
    fn from(error: arrow_schema::ArrowError) -> Self {
        use arrow_schema::ArrowError as E;
        let code = match &error {
            E::ArithmeticOverflow(_) => Code::Overflow,
            E::DivideByZero => Code::DivisionByZero,
            E::CastError(_) | E::ParseError(_) => Code::CastFailed,
            E::IoError(_, _) => Code::Io,
            E::InvalidArgumentError(_) | E::SchemaError(_) => Code::TypeMismatch,
            _ => Code::Internal,
        };
        Error::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_prefixed() {
        let mut texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        texts.sort_unstable();
        texts.dedup();
        assert_eq!(texts.len(), Code::ALL.len());
        assert!(texts.iter().all(|text| text.starts_with("HR_")));
    }

    #[test]
    fn inner_place_wins() {
        let error =
            Error::new(Code::Overflow, "too big").in_operator("a", "select", None).in_operator("b", "job", None);
        assert_eq!(error.place().map(|place| place.uid.as_str()), Some("a"));
    }
}
