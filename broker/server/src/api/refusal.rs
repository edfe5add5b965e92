//! What a client is told of one item that was refused: a code and the reason in words.

use weir_core::controller::ControllerError;
use weir_wire::{ErrorCode, Str};

use super::errors;
use crate::metadata::MetadataError;

/// One refused item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }
}

impl From<ControllerError> for Refusal {
    fn from(error: ControllerError) -> Self {
        Self::new(errors::of_controller(&error), error.to_string())
    }
}

impl From<MetadataError> for Refusal {
    fn from(error: MetadataError) -> Self {
        Self::new(errors::of_metadata(&error), error.to_string())
    }
}

/// An outcome in the two fields that most answers have for it.
pub(crate) fn told(outcome: Result<(), Refusal>) -> (i16, Option<Str>) {
    match outcome {
        Ok(()) => (ErrorCode::None.into(), None),
        Err(refusal) => (refusal.code.into(), Some(Str::from(refusal.message))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_with_its_code_and_its_words_and_success_with_neither() {
        let unknown = Refusal::from(ControllerError::UnknownTopic("t".to_owned()));
        assert_eq!(told(Err(unknown)), (3, Some(Str::from("there is no topic \"t\""))));
        let stopping = Refusal::from(MetadataError::Stopping);
        assert_eq!(told(Err(stopping)), (41, Some(Str::from("the broker is stopping"))));
        assert_eq!(told(Ok(())), (0, None));
    }
}
