//! The one error type: a class a program can act on, a message a person can act on, and the source
//! line that classified it.

use std::fmt::Display;
use std::io;
use std::panic::Location;

use parquet::errors::ParquetError;

/// What kind of failure it was. The numbers are the `PF_ERR_*` constants of the C ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum ErrorClass {
    /// An argument is NULL, out of range, misaligned or inconsistent with another.
    InvalidArgument = -1,
    /// The columns handed over are not those of the schema, or break a rule of it.
    SchemaMismatch = -2,
    /// A column's layout cannot carry its field's type.
    TypeMismatch = -3,
    /// Text is not valid UTF-8.
    BadUtf8 = -4,
    /// The object was closed before.
    Closed = -10,
    /// A panic was caught while the object was in use; its state is not trusted any more.
    Poisoned = -11,
    /// The handle was freed, is of another kind, or never was a handle.
    StaleHandle = -12,
    /// The process is a fork of the one that started libflow.
    Forked = -13,
    /// A file or directory does not exist.
    NotFound = -20,
    /// The operating system refused access.
    Permission = -21,
    /// The disk or the quota is full.
    NoSpace = -22,
    /// Any other input or output error.
    Io = -23,
    /// Data read back is damaged.
    Corrupt = -30,
    /// The request is valid but not available.
    Unsupported = -31,
    /// Memory could not be had.
    OutOfMemory = -32,
    /// Something else is in the way: a published part, another writer of the name, a pool that runs.
    Conflict = -33,
    /// A panic was caught: a defect of libflow or of a library under it.
    Internal = -40,
}

/// A classified error. Cheap enough to clone: a writer keeps its first and returns it again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    class: ErrorClass,
    os_errno: i32,
    message: String,
    location: &'static Location<'static>,
}

/// The result of every fallible call of the crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of `class`, located at the caller.
    #[track_caller]
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Error { class, os_errno: 0, message: message.into(), location: Location::caller() }
    }

    /// An [`ErrorClass::InvalidArgument`].
    #[track_caller]
    pub fn invalid(message: impl Into<String>) -> Self {
        Error::new(ErrorClass::InvalidArgument, message)
    }

    /// Classifies an operating system error; `doing` says what was being done to what.
    #[track_caller]
    pub fn io(error: &io::Error, doing: impl Display) -> Self {
        let (class, cure) = match error.kind() {
            io::ErrorKind::NotFound => (ErrorClass::NotFound, "create it or correct the path"),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                (ErrorClass::Permission, "grant write access or choose another directory")
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                (ErrorClass::NoSpace, "free space or choose another disk")
            }
            io::ErrorKind::OutOfMemory => (ErrorClass::OutOfMemory, "free memory"),
            _ => (ErrorClass::Io, "see the errno"),
        };
        Error {
            class,
            os_errno: error.raw_os_error().unwrap_or(0),
            message: format!("{doing}: {error}; {cure}"),
            location: Location::caller(),
        }
    }

    /// Classifies an error of the parquet crate; an I/O error inside keeps its own class.
    #[track_caller]
    pub fn parquet(error: &ParquetError, doing: impl Display) -> Self {
        if let ParquetError::External(source) = error
            && let Some(io) = source.downcast_ref::<io::Error>()
        {
            return Error::io(io, doing);
        }
        let class = match error {
            ParquetError::NYI(_) => ErrorClass::Unsupported,
            ParquetError::EOF(_) => ErrorClass::Corrupt,
            _ => ErrorClass::Internal,
        };
        Error::new(class, format!("{doing}: {error}"))
    }

    /// A caught panic, with what it said.
    #[track_caller]
    pub fn panic(payload: &(dyn std::any::Any + Send), doing: impl Display) -> Self {
        let said = payload
            .downcast_ref::<&str>()
            .map(|s| (*s).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        Error::new(ErrorClass::Internal, format!("panic caught while {doing}: {said}; this is a defect"))
    }

    /// The class.
    pub fn class(&self) -> ErrorClass {
        self.class
    }

    /// The operating system's errno, 0 if none was involved.
    pub fn os_errno(&self) -> i32 {
        self.os_errno
    }

    /// The line of libflow's source that classified the error.
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_location_is_the_line_that_classified() {
        let (line, error) = (line!(), Error::invalid("x"));
        assert_eq!((error.location().file(), error.location().line()), (file!(), line));
    }

    #[test]
    fn io_errors_keep_errno_and_class_through_parquet() {
        let full = io::Error::from_raw_os_error(libc::ENOSPC);
        let error = Error::parquet(&ParquetError::External(Box::new(full)), "writing");
        assert_eq!((error.class(), error.os_errno()), (ErrorClass::NoSpace, libc::ENOSPC));
        for (errno, class) in [
            (libc::ENOENT, ErrorClass::NotFound),
            (libc::EACCES, ErrorClass::Permission),
            (libc::EROFS, ErrorClass::Permission),
            (libc::EDQUOT, ErrorClass::NoSpace),
            (libc::EIO, ErrorClass::Io),
        ] {
            assert_eq!(Error::io(&io::Error::from_raw_os_error(errno), "x").class(), class);
        }
    }
}
