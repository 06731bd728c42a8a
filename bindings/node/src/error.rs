//! headrace's errors as JavaScript's: the message is the JSON of `{code, message, hint, place}`.

/// Turns headrace's results into N-API's.
pub(crate) trait Raise<T> {
    /// The value, or an error for JavaScript.
    fn raise(self) -> napi::Result<T>;
}

impl<T> Raise<T> for headrace_core::Result<T> {
    fn raise(self) -> napi::Result<T> {
        self.map_err(|error| napi::Error::from_reason(error.to_json().to_string()))
    }
}
