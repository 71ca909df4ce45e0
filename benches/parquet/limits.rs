//! What no writer can beat on this machine: one memcpy, one write() and one compression of the same bytes.

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::thread;
use std::time::Instant;

use arrow_buffer::Buffer;

use super::corpora::Corpus;

/// What the compressions work on at a time, about a page of a large column.
const PIECE: usize = 1 << 20;

/// Seconds of a memcpy of all bytes into memory that has been touched before.
pub struct Memcpy(Vec<Vec<u8>>);

impl Memcpy {
    pub fn new(corpus: &Corpus) -> Self {
        Memcpy(corpus.buffers().iter().map(|b| vec![1; b.len()]).collect())
    }

    pub fn seconds(&mut self, corpus: &Corpus) -> f64 {
        let buffers = corpus.buffers();
        let start = Instant::now();
        for (copy, buffer) in self.0.iter_mut().zip(&buffers) {
            black_box(&mut copy[..]).copy_from_slice(buffer);
        }
        start.elapsed().as_secs_f64()
    }
}

/// Seconds of writing so many of the corpus's bytes to a new file.
pub fn write(corpus: &Corpus, mut bytes: usize) -> f64 {
    let path = crate::output().join("write.bin");
    let _ = std::fs::remove_file(&path);
    let start = Instant::now();
    let mut file = File::create(&path).unwrap();
    for buffer in corpus.buffers() {
        let part = &buffer[..buffer.len().min(bytes)];
        file.write_all(part).unwrap();
        bytes -= part.len();
    }
    drop(file);
    let seconds = start.elapsed().as_secs_f64();
    std::fs::remove_file(&path).unwrap();
    seconds
}

/// Seconds of compressing all bytes as they are, on all cores; 0 without a codec.
pub fn compress(corpus: &Corpus, codec: &str, level: Option<i32>) -> f64 {
    if codec == "uncompressed" {
        return 0.0;
    }
    let buffers = corpus.buffers();
    let pieces: Vec<&[u8]> = buffers.iter().flat_map(|b: &Buffer| b.chunks(PIECE)).collect();
    let cores = thread::available_parallelism().unwrap().get();
    let start = Instant::now();
    thread::scope(|scope| {
        for core in 0..cores {
            let mine = pieces.iter().skip(core).step_by(cores);
            scope.spawn(move || black_box(mine.map(compressor(codec, level)).sum::<usize>()));
        }
    });
    start.elapsed().as_secs_f64()
}

/// Compresses a piece; returns its bytes then.
type Compress = Box<dyn FnMut(&&[u8]) -> usize>;

/// One into memory that is used again.
fn compressor(codec: &str, level: Option<i32>) -> Compress {
    let mut out = vec![0; 2 * PIECE];
    match codec {
        "snappy" => {
            let mut encoder = snap::raw::Encoder::new();
            Box::new(move |piece| encoder.compress(piece, &mut out).unwrap())
        }
        "lz4_raw" => Box::new(move |piece| lz4_flex::block::compress_into(piece, &mut out).unwrap()),
        "zstd" => {
            let mut encoder = zstd::bulk::Compressor::new(level.unwrap()).unwrap();
            Box::new(move |piece| encoder.compress_to_buffer(piece, &mut out[..]).unwrap())
        }
        "gzip" => Box::new(move |piece| {
            let level = flate2::Compression::new(level.unwrap() as u32);
            let mut encoder = flate2::write::GzEncoder::new(std::io::Cursor::new(&mut out[..]), level);
            encoder.write_all(piece).unwrap();
            encoder.finish().unwrap().position() as usize
        }),
        other => unreachable!("no codec {other}"),
    }
}
