//! Page compression (Parquet Compression.md), with contexts that are kept from page to page.

use std::cell::RefCell;
use std::io;

use crate::format::options::Codec;

/// Compresses with a codec. What the codec keeps from page to page belongs to the thread: columns are many,
/// the threads that encode are few.
#[derive(Clone, Copy)]
pub struct Compressor(Codec);

thread_local! {
    /// The context of the codec that was used last.
    static CONTEXT: RefCell<Option<(Codec, Context)>> = const { RefCell::new(None) };
}

/// Bytes that zstd looks back at least, as a power of two; a page that has fewer needs fewer.
const WINDOW_LOG: u32 = 21;

/// A codec at work.
enum Context {
    Uncompressed,
    Snappy(Box<snap::raw::Encoder>),
    /// libdeflate: up to four times as fast as zlib's successors, as it has a page whole.
    Gzip(libdeflater::Compressor),
    Lz4,
    Lz4Raw,
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Compressor {
    pub fn new(codec: Codec) -> Self {
        Compressor(codec)
    }

    /// Appends the compressed form of `page` to `out`.
    pub fn compress(self, page: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        CONTEXT.with_borrow_mut(|kept| match kept {
            Some((codec, context)) if *codec == self.0 => context.compress(page, out),
            _ => kept.insert((self.0, Context::new(self.0)?)).1.compress(page, out),
        })
    }
}

impl Context {
    fn new(codec: Codec) -> io::Result<Self> {
        Ok(match codec {
            Codec::Uncompressed => Context::Uncompressed,
            Codec::Snappy => Context::Snappy(Box::new(snap::raw::Encoder::new())),
            Codec::Gzip(level) => {
                let level = libdeflater::CompressionLvl::new(level);
                let level = level.map_err(|_| io::Error::other("no such level of gzip"))?;
                Context::Gzip(libdeflater::Compressor::new(level))
            }
            Codec::Lz4 => Context::Lz4,
            Codec::Lz4Raw => Context::Lz4Raw,
            Codec::Zstd(level) => {
                let mut compressor = zstd::bulk::Compressor::new(level)?;
                // All of a page: low levels would look back half a megabyte. Every reader has a page whole, too.
                compressor.window_log(WINDOW_LOG)?;
                Context::Zstd(compressor)
            }
        })
    }

    fn compress(&mut self, page: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let start = out.len();
        let room = |out: &mut Vec<u8>, most: usize| out.resize(start + most, 0);
        let used = match self {
            Context::Uncompressed => {
                out.extend_from_slice(page);
                return Ok(());
            }
            Context::Gzip(encoder) => {
                room(out, encoder.gzip_compress_bound(page.len()));
                encoder.gzip_compress(page, &mut out[start..]).map_err(io::Error::other)?
            }
            Context::Snappy(encoder) => {
                room(out, snap::raw::max_compress_len(page.len()));
                encoder.compress(page, &mut out[start..])?
            }
            Context::Zstd(encoder) => {
                room(out, zstd::zstd_safe::compress_bound(page.len()));
                encoder.compress_to_buffer(page, &mut out[start..])?
            }
            Context::Lz4Raw => {
                room(out, lz4_flex::block::get_maximum_output_size(page.len()));
                lz4_flex::block::compress_into(page, &mut out[start..]).map_err(io::Error::other)?
            }
            // Hadoop's framing: the lengths of both forms, big-endian, before the block.
            Context::Lz4 => {
                room(out, 8 + lz4_flex::block::get_maximum_output_size(page.len()));
                let block = &mut out[start + 8..];
                let used = lz4_flex::block::compress_into(page, block).map_err(io::Error::other)?;
                out[start..start + 4].copy_from_slice(&(page.len() as u32).to_be_bytes());
                out[start + 4..start + 8].copy_from_slice(&(used as u32).to_be_bytes());
                8 + used
            }
        };
        out.truncate(start + used);
        Ok(())
    }
}
