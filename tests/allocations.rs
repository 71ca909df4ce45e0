//! What an append through the C ABI allocates on the caller's thread: of row chunks, in the steady state,
//! nothing; of an Arrow batch, nothing that could hold its payload.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::CString;
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use arrow_schema::ffi::FFI_ArrowSchema;
use arrow_schema::{DataType, Field, Schema};
use flow::ffi::arrow::{pf_append_arrow, pf_schema_from_arrow};
use flow::ffi::columns::{
    PF_LAYOUT_DICTIONARY, PF_LAYOUT_OFFSETS, PF_LAYOUT_POINTERS, PF_LAYOUT_STRUCT, PF_LAYOUT_VALUES,
    PF_SEL_INT32, pf_column_slice, pf_row_chunk,
};
use flow::ffi::error::{PF_OK, pf_error};
use flow::ffi::schema::{
    PF_FIELD_DICTIONARY, PF_FIELD_NULLABLE, PF_TYPE_INT64, PF_TYPE_LIST, PF_TYPE_STRUCT, PF_TYPE_UTF8,
    pf_field, pf_schema_new,
};
use flow::ffi::writer::{pf_append_row_chunk, pf_close, pf_writer_free, pf_writer_open};

/// The system's allocator, counting what this thread asks of it.
struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        BYTES.set(BYTES.get() + layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        BYTES.set(BYTES.get() + size);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const ROWS: usize = 1000;

fn slice(values: *const std::ffi::c_void, size: usize, layout: i32) -> pf_column_slice {
    let (values_size, length) = (size as u64, ROWS as u64);
    pf_column_slice { values, values_size, length, layout, ..pf_column_slice::new() }
}

#[test]
fn appends_allocate_nothing_between_windows() {
    let directory = tempfile::tempdir().unwrap();
    let path = CString::new(directory.path().join("a.parquet").to_str().unwrap()).unwrap();
    let field = |name: &'static std::ffi::CStr, r#type| pf_field {
        name: name.as_ptr(),
        r#type,
        flags: PF_FIELD_NULLABLE,
        ..pf_field::new()
    };
    let with = |mut field: pf_field, children: &[pf_field]| {
        (field.children, field.child_count) = (children.as_ptr(), children.len() as u64);
        field
    };
    let (item, inner) = ([field(c"element", PF_TYPE_INT64)], [field(c"x", PF_TYPE_INT64)]);
    let mut kept = field(c"f", PF_TYPE_UTF8);
    kept.flags |= PF_FIELD_DICTIONARY;
    let fields = [
        field(c"a", PF_TYPE_INT64),
        field(c"b", PF_TYPE_INT64),
        field(c"c", PF_TYPE_UTF8),
        with(field(c"d", PF_TYPE_LIST), &item),
        with(field(c"e", PF_TYPE_STRUCT), &inner),
        kept,
    ];
    let count = fields.len() as u64;
    let (mut schema, mut writer, mut error) = (ptr::null_mut(), ptr::null_mut(), pf_error::new());
    // SAFETY: every pointer is of a live local.
    let status = unsafe {
        pf_schema_new(fields.as_ptr(), count, size_of::<pf_field>() as u64, &mut schema, &mut error)
            | pf_writer_open(path.as_ptr(), schema, ptr::null(), &mut writer, &mut error)
    };
    assert_eq!(status, PF_OK, "{}", error.message());

    let numbers: Vec<i64> = (0..ROWS as i64).collect();
    let picked: Vec<i32> = (0..ROWS as i32).rev().collect();
    let validity = vec![0b1011_0111u8; ROWS.div_ceil(8)];
    let pointers = vec![c"symbol".as_ptr(); ROWS];
    let lengths = vec![6i64; ROWS];
    let plain = slice(numbers.as_ptr().cast(), 8 * ROWS, PF_LAYOUT_VALUES);
    let mut gathered = slice(numbers.as_ptr().cast(), 8 * ROWS, PF_LAYOUT_VALUES);
    (gathered.sel, gathered.sel_length) = (picked.as_ptr().cast(), ROWS as u64);
    (gathered.sel_kind, gathered.validity) = (PF_SEL_INT32, validity.as_ptr());
    let mut text = slice(pointers.as_ptr().cast(), 8 * ROWS, PF_LAYOUT_POINTERS);
    text.offsets = lengths.as_ptr().cast();
    // Lists of one element each, structs, and a dictionary of two texts.
    let ends: Vec<i32> = (0..=ROWS as i32).collect();
    let mut lists = slice(ptr::null(), 0, PF_LAYOUT_OFFSETS);
    (lists.offsets, lists.children, lists.child_count) = (ends.as_ptr().cast(), &plain, 1);
    let mut structs = slice(ptr::null(), 0, PF_LAYOUT_STRUCT);
    (structs.children, structs.child_count) = (&plain, 1);
    let indices: Vec<i8> = (0..ROWS).map(|i| (i % 2) as i8).collect();
    let mut distinct = slice(c"buysell".as_ptr().cast(), 7, PF_LAYOUT_OFFSETS);
    (distinct.offsets, distinct.length) = ([0i32, 3, 7].as_ptr().cast(), 2);
    let mut dictionary = slice(indices.as_ptr().cast(), ROWS, PF_LAYOUT_DICTIONARY);
    (dictionary.dictionary, dictionary.index_width) = (&distinct, 1);
    let slices = [plain, gathered, text, lists, structs, dictionary];
    let chunk = pf_row_chunk {
        struct_size: size_of::<pf_row_chunk>() as u32,
        slice_size: size_of::<pf_column_slice>() as u32,
        slices: slices.as_ptr(),
        slice_count: slices.len() as u64,
    };

    // A window is 65,536 rows: 65 chunks and a half. Its buffers grow at doubling sizes, and each cut costs
    // a batch, so most chunks must come free.
    let mut free = 0;
    for _ in 0..1000 {
        let before = COUNT.get();
        // SAFETY: the writer is open, the chunk's memory alive.
        let status = unsafe { pf_append_row_chunk(writer, &chunk, &mut error) };
        free += u32::from(COUNT.get() == before);
        assert_eq!(status, PF_OK, "{}", error.message());
    }
    // SAFETY: as above.
    assert_eq!(unsafe { pf_close(writer, ptr::null_mut(), &mut error) }, PF_OK);
    pf_writer_free(writer);
    // Fifteen windows; each cut and the few chunks in which a validity bitmap or buffer grows may allocate.
    assert!(free >= 920, "only {free} of 1000 appends allocated nothing");
}

/// `ArrowArray` of Arrow's C data interface.
#[repr(C)]
struct ArrowArray {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const std::ffi::c_void,
    children: *mut *mut ArrowArray,
    dictionary: *mut ArrowArray,
    release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    private_data: *mut std::ffi::c_void,
}

static RELEASED: AtomicU32 = AtomicU32::new(0);

/// The memory is the test's.
unsafe extern "C" fn release(array: *mut ArrowArray) {
    RELEASED.fetch_add(1, Ordering::SeqCst);
    // SAFETY: the caller's own array.
    unsafe { (*array).release = None }
}

/// A slice of longer arrays: bitmaps start within a byte.
fn array(length: usize, offset: i64, buffers: &mut [*const std::ffi::c_void]) -> ArrowArray {
    ArrowArray {
        length: length as i64,
        null_count: -1,
        offset,
        n_buffers: buffers.len() as i64,
        n_children: 0,
        buffers: buffers.as_mut_ptr(),
        children: ptr::null_mut(),
        dictionary: ptr::null_mut(),
        release: Some(release),
        private_data: ptr::null_mut(),
    }
}

#[test]
fn arrow_is_not_copied() {
    const ROWS: usize = 8 << 20; // 64 MiB of int64, as much again of text and its offsets
    const OFFSET: usize = 3;
    let numbers = vec![7i64; OFFSET + ROWS];
    let validity = vec![0b1011_0111u8; (OFFSET + ROWS).div_ceil(8)];
    let texts = vec![b'x'; 4 * (OFFSET + ROWS)];
    let ends: Vec<i32> = (0..=OFFSET + ROWS).map(|i| 4 * i as i32).collect();
    let mut number_buffers = [validity.as_ptr().cast(), numbers.as_ptr().cast()];
    let mut text_buffers = [ptr::null(), ends.as_ptr().cast(), texts.as_ptr().cast()];
    let mut columns =
        [array(ROWS, OFFSET as i64, &mut number_buffers), array(ROWS, OFFSET as i64, &mut text_buffers)];
    let mut children = columns.each_mut().map(ptr::from_mut);
    let mut no_validity = [ptr::null()];
    let mut batch = array(ROWS, 0, &mut no_validity);
    (batch.n_children, batch.children) = (2, children.as_mut_ptr());

    let fields = vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Utf8, false)];
    let export = || FFI_ArrowSchema::try_from(Schema::new(fields.clone())).unwrap();
    let (mut of_writer, mut of_batch) = (export(), export());
    let directory = tempfile::tempdir().unwrap();
    let path = CString::new(directory.path().join("a.parquet").to_str().unwrap()).unwrap();
    let (mut schema, mut writer, mut error) = (ptr::null_mut(), ptr::null_mut(), pf_error::new());
    // SAFETY: every pointer is of a live local, or what a call made.
    let status = unsafe {
        pf_schema_from_arrow((&raw mut of_writer).cast(), &mut schema, &mut error)
            | pf_writer_open(path.as_ptr(), schema, ptr::null(), &mut writer, &mut error)
    };
    assert_eq!(status, PF_OK, "{}", error.message());

    let before = BYTES.get();
    // SAFETY: as above; the batch's memory outlives the writer.
    let status =
        unsafe { pf_append_arrow(writer, (&raw mut batch).cast(), (&raw mut of_batch).cast(), &mut error) };
    let allocated = BYTES.get() - before;
    assert_eq!(status, PF_OK, "{}", error.message());
    // Slices of a window's size and what the queue needs for them; not even a bitmap of the rows.
    assert!(allocated < ROWS / 8, "{allocated} bytes were allocated for {ROWS} rows");
    // SAFETY: the writer is open.
    assert_eq!(unsafe { pf_close(writer, ptr::null_mut(), &mut error) }, PF_OK);
    assert_eq!(RELEASED.load(Ordering::SeqCst), 1);
    pf_writer_free(writer);
}
