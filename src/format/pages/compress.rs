//! Page compression (Parquet Compression.md), with contexts that are kept from page to page.

use std::cell::RefCell;
use std::io;

use zstd::zstd_safe::{self, CCtx, InBuffer, OutBuffer, ResetDirective};

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
    Gzip(Gzip),
    #[cfg(feature = "brotli")]
    Brotli(Box<brotli::enc::BrotliEncoderParams>),
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
        self.with_context(|context| context.compress(page, out))
    }

    /// Appends about what a part of a page of `whole` bytes comes to in it. Alone it could be less: zstd finds shorter
    /// matches in shorter pages.
    pub fn compress_part(self, part: &[u8], whole: usize, out: &mut Vec<u8>) -> io::Result<()> {
        self.with_context(|context| match context {
            Context::Zstd(encoder) if part.len() < whole => begin(encoder.context_mut(), part, whole, out),
            context => context.compress(part, out),
        })
    }

    fn with_context(self, compress: impl FnOnce(&mut Context) -> io::Result<()>) -> io::Result<()> {
        CONTEXT.with_borrow_mut(|kept| match kept {
            Some((codec, context)) if *codec == self.0 => compress(context),
            _ => compress(&mut kept.insert((self.0, Context::new(self.0)?)).1),
        })
    }
}

/// Begins to compress a page of `whole` bytes, and leaves it at that.
fn begin(context: &mut CCtx<'_>, part: &[u8], whole: usize, out: &mut Vec<u8>) -> io::Result<()> {
    out.reserve_exact(zstd_safe::compress_bound(part.len()));
    let start = out.len();
    let (mut input, mut output) = (InBuffer::around(part), OutBuffer::around_pos(out, start));
    let begun = context
        .set_pledged_src_size(Some(whole as u64))
        .and_then(|_| context.compress_stream(&mut output, &mut input))
        .and_then(|_| context.flush_stream(&mut output));
    let reset = context.reset(ResetDirective::SessionOnly);
    begun.and(reset).map(drop).map_err(|code| io::Error::other(zstd_safe::get_error_name(code)))
}

impl Context {
    fn new(codec: Codec) -> io::Result<Self> {
        Ok(match codec {
            Codec::Uncompressed => Context::Uncompressed,
            Codec::Snappy => Context::Snappy(Box::new(snap::raw::Encoder::new())),
            Codec::Gzip(level) => Context::Gzip(Gzip::new(level)?),
            #[cfg(feature = "brotli")]
            Codec::Brotli(quality) => {
                Context::Brotli(Box::new(brotli::enc::BrotliEncoderParams { quality, ..Default::default() }))
            }
            #[cfg(not(feature = "brotli"))]
            Codec::Brotli(_) => return Err(io::ErrorKind::Unsupported.into()),
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
        let room = |out: &mut Vec<u8>, most: usize| {
            out.reserve_exact(most);
            out.resize(start + most, 0);
        };
        let used = match self {
            Context::Uncompressed => {
                out.extend_from_slice(page);
                return Ok(());
            }
            #[cfg(feature = "brotli")]
            Context::Brotli(parameters) => {
                parameters.size_hint = page.len();
                return brotli::BrotliCompress(&mut &*page, out, parameters).map(drop);
            }
            Context::Gzip(encoder) => {
                room(out, encoder.bound(page.len()));
                encoder.compress(page, &mut out[start..])?
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

/// libdeflate: up to four times as fast as zlib's successors, as it has a page whole.
struct Gzip {
    encoder: libdeflater::Compressor,
    /// Of a low level, for what no level makes smaller: to find that out takes the others long.
    fastest: libdeflater::Compressor,
}

/// Bytes of each of a page's samples, and how many of them there are.
const SAMPLE: usize = 16 << 10;
const SAMPLES: usize = 4;

impl Gzip {
    fn new(level: i32) -> io::Result<Self> {
        let of_level = |level| libdeflater::CompressionLvl::new(level).map(libdeflater::Compressor::new);
        match (of_level(level), of_level(level.min(1))) {
            (Ok(encoder), Ok(fastest)) => Ok(Gzip { encoder, fastest }),
            _ => Err(io::Error::other("no such level of gzip")),
        }
    }

    fn bound(&mut self, bytes: usize) -> usize {
        self.encoder.gzip_compress_bound(bytes).max(self.fastest.gzip_compress_bound(bytes))
    }

    /// Compresses a page to the start of `out`, which has room for the worst. Returns the bytes used.
    fn compress(&mut self, page: &[u8], out: &mut [u8]) -> io::Result<usize> {
        let encoder = if self.shrinks(page, out)? { &mut self.encoder } else { &mut self.fastest };
        encoder.gzip_compress(page, out).map_err(io::Error::other)
    }

    /// Whether a page's samples get smaller, by more than what a few lengths or levels at its start make up. Of a
    /// page that is not much longer, that is not asked.
    fn shrinks(&mut self, page: &[u8], out: &mut [u8]) -> io::Result<bool> {
        const ALL: usize = SAMPLES * SAMPLE;
        if page.len() < 8 * ALL {
            return Ok(true);
        }
        let mut used = 0;
        for piece in page.chunks_exact(page.len() / SAMPLES) {
            used += self.encoder.deflate_compress(&piece[..SAMPLE], out).map_err(io::Error::other)?;
        }
        Ok(used < ALL - ALL / 64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_come_back_whether_they_shrink_or_not() {
        let mut random = 1u64;
        let mut next = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 56) as u8
        };
        let noise: Vec<u8> = (0..1 << 20).map(|_| next()).collect();
        let text = b"the same words again, and ".repeat(1 << 15);
        // What shrinks in one place only is not taken for noise.
        let mixed = [&noise[..], &text[..]].concat();
        for (page, most) in [(&noise, noise.len() + 1024), (&text, text.len() / 50), (&mixed, 11 << 17)] {
            let mut out = vec![9];
            Compressor::new(Codec::Gzip(6)).compress(page, &mut out).unwrap();
            assert!(out.len() <= most, "{} bytes of {}", out.len(), page.len());
            let mut back = Vec::new();
            io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&out[1..]), &mut back).unwrap();
            assert!(back == *page);
        }
    }
}
