//! Generates `include/flow.h` from `src/ffi`, and gives the shared library its SONAME.

use std::{env, error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=src/ffi");
    println!("cargo:rerun-if-changed=cbindgen.toml");
    println!("cargo:rerun-if-changed=include/flow.h");
    let part = |name: &str| env::var(format!("CARGO_PKG_VERSION_{name}"));
    let (major, minor, patch) = (part("MAJOR")?, part("MINOR")?, part("PATCH")?);

    // cargo-c's rule: before 1.0 every minor version may break the ABI.
    let soname = if major == "0" { format!("0.{minor}") } else { major.clone() };
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libflow.so.{soname}");
    // Threads of the library outlive any dlclose, so it must stay mapped.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");

    let root = env::var("CARGO_MANIFEST_DIR")?;
    let mut config = cbindgen::Config::from_file(Path::new(&root).join("cbindgen.toml"))?;
    let macros = fs::read_to_string(Path::new(&root).join("src/ffi/macros.h"))?;
    config.after_includes = Some(format!(
        "\n/** The version of this header. */\n\
         #define PF_VERSION_MAJOR {major}\n#define PF_VERSION_MINOR {minor}\n#define PF_VERSION_PATCH {patch}\n\
         #define PF_VERSION \"{major}.{minor}.{patch}\"\n\
         #define PF_VERSION_NUMBER (PF_VERSION_MAJOR * 1000000 + PF_VERSION_MINOR * 1000 + PF_VERSION_PATCH)\n\
         {macros}"
    ));
    let header = cbindgen::Builder::new()
        .with_src(Path::new(&root).join("src/ffi/version.rs"))
        .with_src(Path::new(&root).join("src/ffi/error.rs"))
        .with_src(Path::new(&root).join("src/ffi/schema.rs"))
        .with_src(Path::new(&root).join("src/ffi/columns.rs"))
        .with_src(Path::new(&root).join("src/ffi/parquet_options.rs"))
        .with_src(Path::new(&root).join("src/ffi/writer.rs"))
        .with_src(Path::new(&root).join("src/ffi/row_group.rs"))
        .with_src(Path::new(&root).join("src/ffi/pool.rs"))
        .with_src(Path::new(&root).join("src/ffi/arrow/mod.rs"))
        .with_src(Path::new(&root).join("src/ffi/layout.rs"))
        .with_src(Path::new(&root).join("src/ffi/sink.rs"))
        .with_src(Path::new(&root).join("src/ffi/producer.rs"))
        .with_config(config)
        .generate()?;
    let mut text = Vec::new();
    header.write(&mut text);
    let text = one_line_comments(&String::from_utf8(text)?);
    let path = Path::new(&root).join("include/flow.h");
    // Written only when it changes, so that an unchanged header rebuilds nothing.
    if fs::read_to_string(&path).ok().as_deref() != Some(&text) {
        fs::write(path, text)?;
    }
    Ok(())
}

/// Puts comments of one line on one line; cbindgen gives each three.
fn one_line_comments(header: &str) -> String {
    let lines: Vec<&str> = header.lines().collect();
    let (mut out, mut i) = (String::new(), 0);
    while i < lines.len() {
        let line = lines[i];
        match lines.get(i..i + 3) {
            Some([open, text, close]) if open.trim() == "/**" && close.trim() == "*/" => {
                let indent = &open[..open.len() - open.trim_start().len()];
                out += &format!("{indent}/** {} */\n", text.trim_start().trim_start_matches("* "));
                i += 3;
            }
            _ => {
                out += line;
                out.push('\n');
                i += 1;
            }
        }
    }
    out
}
