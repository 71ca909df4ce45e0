//! What is written, and what the result should be.

use super::peers::Peer;

/// A corpus with a codec.
pub struct Case {
    pub corpus: &'static str,
    /// By Parquet's name.
    pub codec: &'static str,
    pub level: Option<i32>,
    /// Rows of a row group.
    pub row_group: usize,
    pub goals: &'static [Goal],
}

/// What a row compares, with whom, and what the ratio should be.
pub enum Goal {
    Time(Against, &'static str),
    Size(Against, &'static str),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// The faster of `ArrowWriter` with and without dictionaries.
    Arrow,
    /// The one of the two whose file is smaller.
    SmallerArrow,
    Pyarrow,
    Fastest,
    Smallest,
    /// One memcpy and one write() of the corpus.
    Copy,
}

impl Against {
    /// Whether it may be this peer.
    pub fn takes(self, peer: Peer) -> bool {
        match self {
            Against::Arrow | Against::SmallerArrow => matches!(peer, Peer::Arrow | Peer::ArrowPlain),
            Against::Pyarrow => peer == Peer::Pyarrow,
            Against::Fastest | Against::Smallest => true,
            Against::Copy => false,
        }
    }
}

/// The parquet crate's default row group, and ours.
const ROW_GROUP: usize = 1 << 20;

const PAYLOAD: Case = Case {
    corpus: "payload",
    codec: "uncompressed",
    level: None,
    row_group: 4096,
    goals: &[Goal::Time(Against::Arrow, "<= 0.25"), Goal::Time(Against::Copy, "<= 1.5")],
};
const MARKET: Case = Case {
    corpus: "market",
    row_group: ROW_GROUP,
    goals: &[Goal::Time(Against::Fastest, "<= 0.5"), Goal::Size(Against::Fastest, "<= 1.05")],
    ..PAYLOAD
};
const NUMERIC: Case = Case {
    corpus: "numeric",
    row_group: 100_000,
    goals: &[
        Goal::Time(Against::Pyarrow, "<= 0.25"),
        Goal::Time(Against::Fastest, "<= 0.5"),
        Goal::Size(Against::Fastest, "<= 1"),
    ],
    ..PAYLOAD
};

pub const CASES: [Case; 9] = [
    PAYLOAD,
    Case {
        codec: "gzip",
        level: Some(6),
        goals: &[Goal::Time(Against::Arrow, "<= 0.25"), Goal::Size(Against::SmallerArrow, "<= 1")],
        ..PAYLOAD
    },
    MARKET,
    Case { codec: "zstd", level: Some(1), ..MARKET },
    Case { codec: "lz4_raw", ..MARKET },
    Case { codec: "snappy", ..MARKET },
    NUMERIC,
    Case { codec: "zstd", level: Some(1), ..NUMERIC },
    Case {
        corpus: "orders",
        codec: "zstd",
        level: Some(1),
        row_group: ROW_GROUP,
        goals: &[Goal::Time(Against::Fastest, "<= 0.5"), Goal::Size(Against::Smallest, "<= 0.9")],
    },
];

impl Case {
    /// As in `parquet/market/zstd-1`: the group of its rows.
    pub fn name(&self) -> String {
        format!("parquet/{}/{}", self.corpus, self.codec_name())
    }

    pub fn codec_name(&self) -> String {
        match (self.codec, self.level) {
            ("uncompressed", _) => "none".to_owned(),
            ("zstd", Some(level)) => format!("zstd-{level}"),
            (codec, _) => codec.to_owned(),
        }
    }
}
