//! Page compression (Parquet Compression.md), with contexts that are kept from page to page.

use std::io;

use crate::format::options::Codec;

/// A codec at work.
pub enum Compressor {
    Uncompressed,
    Snappy(Box<snap::raw::Encoder>),
    /// libdeflate: up to four times as fast as zlib's successors, as it has a page whole.
    Gzip(libdeflater::Compressor),
    Lz4,
    Lz4Raw,
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Compressor {
    pub fn new(codec: Codec) -> io::Result<Self> {
        Ok(match codec {
            Codec::Uncompressed => Compressor::Uncompressed,
            Codec::Snappy => Compressor::Snappy(Box::new(snap::raw::Encoder::new())),
            Codec::Gzip(level) => {
                let level =
                    libdeflater::CompressionLvl::new(level).map_err(|_| io::Error::other("no such level"))?;
                Compressor::Gzip(libdeflater::Compressor::new(level))
            }
            Codec::Lz4 => Compressor::Lz4,
            Codec::Lz4Raw => Compressor::Lz4Raw,
            Codec::Zstd(level) => Compressor::Zstd(zstd::bulk::Compressor::new(level)?),
        })
    }

    /// Appends the compressed form of `page` to `out`.
    pub fn compress(&mut self, page: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let start = out.len();
        let room = |out: &mut Vec<u8>, most: usize| out.resize(start + most, 0);
        let used = match self {
            Compressor::Uncompressed => {
                out.extend_from_slice(page);
                return Ok(());
            }
            Compressor::Gzip(encoder) => {
                room(out, encoder.gzip_compress_bound(page.len()));
                encoder.gzip_compress(page, &mut out[start..]).map_err(io::Error::other)?
            }
            Compressor::Snappy(encoder) => {
                room(out, snap::raw::max_compress_len(page.len()));
                encoder.compress(page, &mut out[start..])?
            }
            Compressor::Zstd(encoder) => {
                room(out, zstd::zstd_safe::compress_bound(page.len()));
                encoder.compress_to_buffer(page, &mut out[start..])?
            }
            Compressor::Lz4Raw => {
                room(out, lz4_flex::block::get_maximum_output_size(page.len()));
                lz4_flex::block::compress_into(page, &mut out[start..]).map_err(io::Error::other)?
            }
            // Hadoop's framing: the lengths of both forms, big-endian, before the block.
            Compressor::Lz4 => {
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
