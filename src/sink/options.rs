//! What can be asked of a sink.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::pool::check_cpus;

/// How a sink takes records.
#[derive(Clone, Debug)]
pub struct SinkOptions {
    /// Bytes of each producer's lane, rounded up to a power of two. None: 4 MiB, or 64 MiB in files, where a
    /// row group is as long as a quarter of the lane.
    pub lane_bytes: Option<usize>,
    /// Longest payload that is taken; default 64 KiB.
    pub max_payload: usize,
    /// Where lanes lie.
    pub lanes: Lanes,
    /// What the drain does when there is little to do.
    pub idle: Idle,
    /// The CPU that the drain thread runs on; None: any.
    pub drain_cpu: Option<usize>,
    /// How long a record may wait for its row group to end; None: until the row group is full.
    pub max_delay: Option<Duration>,
    /// The order of records of several producers; None: lane by lane, as they are drained.
    pub order: Option<OrderBy>,
    /// What follows an error of storage.
    pub on_error: OnError,
}

/// Where lanes lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lanes {
    /// In memory, which ends with the process.
    Memory {
        /// Whether huge pages are wanted, if there are some.
        huge_pages: bool,
    },
    /// In files, which another process can drain: in `<part>.lanes`, beside the part or in this directory.
    Files {
        /// The directory; one of a file system in memory is as fast as memory.
        directory: Option<PathBuf>,
    },
}

/// What the drain does when there is little to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// Looks again at once.
    Spin,
    /// Lets other threads run first.
    Yield,
    /// Sleeps so long.
    Sleep(Duration),
}

/// An order of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderBy {
    /// A field of the record; None: the capture time.
    pub field: Option<String>,
    /// How long a record waits for earlier ones of other producers.
    pub window: Duration,
}

/// What follows an error of storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// The sink refuses all further records.
    Stop,
    /// Lanes fill, and the part is gone on with as soon as that succeeds.
    Resume {
        /// Time between two tries.
        retry: Duration,
    },
}

impl Default for SinkOptions {
    fn default() -> Self {
        SinkOptions {
            lane_bytes: None,
            max_payload: 64 << 10,
            lanes: Lanes::Memory { huge_pages: false },
            idle: Idle::Sleep(Duration::from_micros(100)),
            drain_cpu: None,
            max_delay: None,
            order: None,
            on_error: OnError::Stop,
        }
    }
}

/// Bytes of a lane, if nothing is said of it: in memory, and in a file.
const LANE_BYTES: usize = 4 << 20;
const LANE_FILE_BYTES: usize = 64 << 20;

impl SinkOptions {
    pub(super) fn lane_bytes(&self) -> usize {
        let default = if self.is_durable() { LANE_FILE_BYTES } else { LANE_BYTES };
        self.lane_bytes.unwrap_or(default)
    }

    pub(super) fn is_durable(&self) -> bool {
        matches!(self.lanes, Lanes::Files { .. })
    }

    pub(super) fn check(&self) -> Result<()> {
        for (name, value) in [("lane_bytes", self.lane_bytes()), ("max_payload", self.max_payload)] {
            if value == 0 || value > 1 << 30 {
                return Err(Error::invalid(format!("{name} is {value}; give 1 byte to 1 GiB")));
            }
        }
        check_cpus("drain_cpu", self.drain_cpu.as_slice())
    }
}
