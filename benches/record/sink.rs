//! A sink and its one producer, through the C ABI.

use std::ffi::{CStr, CString};
use std::path::Path;
use std::ptr;

use flow::ffi::error::{PF_OK, pf_error};
use flow::ffi::layout::{pf_record_field, pf_record_layout_free, pf_record_layout_new};
use flow::ffi::producer::{pf_producer, pf_producer_open, pf_try_record};
use flow::ffi::sink::{pf_sink, pf_sink_close, pf_sink_free, pf_sink_open, pf_sink_options, pf_sink_result};
use flow::ffi::writer::{PF_IF_EXISTS_REPLACE, pf_writer_options};

/// A field of a record: name, one of `PF_TYPE_*`, offset, width.
pub type Field<'a> = (&'a CStr, i32, usize, usize);

/// Each producer is one thread's at a time.
pub struct Sink {
    sink: *mut pf_sink,
    producers: Vec<*mut pf_producer>,
}

// SAFETY: the sink's handle may be used by any thread; the producers by those that `try_record` says.
unsafe impl Sync for Sink {}

impl Sink {
    /// A sink of records of `size` bytes, with so many producers.
    pub fn open(
        path: &Path,
        size: usize,
        fields: &[Field<'_>],
        options: pf_writer_options,
        sink_options: pf_sink_options,
        producers: usize,
    ) -> Self {
        let path = CString::new(path.to_str().unwrap()).unwrap();
        let field = |&(name, r#type, offset, width): &Field<'_>| pf_record_field {
            name: name.as_ptr(),
            r#type,
            offset: offset as u32,
            width: width as u32,
            null_kind: 0,
            null_bit: 0,
            scale: 0,
            null_value: 0,
            timezone: ptr::null(),
            field_id: 0,
            reserved: 0,
        };
        let fields: Vec<_> = fields.iter().map(field).collect();
        let options = pf_writer_options { if_exists: PF_IF_EXISTS_REPLACE, ..options };
        let (mut layout, mut sink, mut error) = (ptr::null_mut(), ptr::null_mut(), pf_error::new());
        let mut opened = vec![ptr::null_mut(); producers];
        let check = |status, error: &pf_error| assert_eq!(status, PF_OK, "{}", error.message());
        // SAFETY: every pointer is of a live local.
        unsafe {
            let status = pf_record_layout_new(
                size as u32,
                fields.as_ptr(),
                fields.len() as u64,
                size_of::<pf_record_field>() as u64,
                ptr::null(),
                &mut layout,
                &mut error,
            );
            check(status, &error);
            check(
                pf_sink_open(path.as_ptr(), layout, &options, &sink_options, &mut sink, &mut error),
                &error,
            );
            for out in &mut opened {
                check(pf_producer_open(sink, ptr::null(), out, &mut error), &error);
            }
        }
        pf_record_layout_free(layout);
        Sink { sink, producers: opened }
    }

    /// Offers a record to one of the producers, which no other thread uses meanwhile; whether it was taken.
    #[inline(always)]
    pub fn try_record<T>(&self, producer: usize, record: &T) -> bool {
        // SAFETY: the producer is open and the record is readable.
        let status = unsafe {
            pf_try_record(self.producers[producer], ptr::from_ref(record).cast(), size_of::<T>() as u64)
        };
        status == PF_OK
    }

    /// Publishes the part; how many records were taken and how many dropped.
    pub fn close(&mut self) -> (u64, u64) {
        let mut error = pf_error::new();
        let mut result = pf_sink_result {
            struct_size: size_of::<pf_sink_result>() as u32,
            reserved: 0,
            producers: 0,
            accepted: 0,
            dropped: 0,
            oversized: 0,
            replaced: 0,
            rows: 0,
            bytes: 0,
            row_groups: 0,
            path: ptr::null(),
            lost: 0,
        };
        // SAFETY: the sink is open.
        let status = unsafe { pf_sink_close(self.sink, &mut result, &mut error) };
        assert_eq!(status, PF_OK, "{}", error.message());
        assert_eq!(result.rows, result.accepted);
        (result.accepted, result.dropped)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        pf_sink_free(self.sink);
    }
}
