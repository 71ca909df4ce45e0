//! Plain text tables: columns padded to the widest cell, numbers to the right.

/// Lays out `rows` under `header`. Columns for which `right` is true are aligned to the right.
pub fn table(header: &[&str], right: &[bool], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::from(" ");
        for ((cell, &width), &right) in cells.zip(&widths).zip(right) {
            line += &if right { format!(" {cell:>width$} ") } else { format!(" {cell:<width$} ") };
        }
        line.trim_end().to_owned() + "\n"
    };
    let mut out = line(&mut header.iter().copied());
    let rule: Vec<String> = widths.iter().map(|&width| "─".repeat(width)).collect();
    out += &line(&mut rule.iter().map(String::as_str));
    for row in rows {
        out += &line(&mut row.iter().map(String::as_str));
    }
    out
}

/// `1234567` as `1,234,567`.
pub fn count(n: impl TryInto<u64>) -> String {
    let digits = n.try_into().unwrap_or_default().to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes with a unit: `1.5 MiB`.
pub fn bytes(n: impl TryInto<u64>) -> String {
    let n: u64 = n.try_into().unwrap_or_default();
    let mut value = n as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{n} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([count(0u64), count(999u64), count(1_234_567u64)], ["0", "999", "1,234,567"]);
        assert_eq!([bytes(1023u64), bytes(1536u64), bytes(5u64 << 40)], ["1023 B", "1.5 KiB", "5.0 TiB"]);
        assert_eq!(
            table(&["a", "n"], &[false, true], &[vec!["é".into(), "10".into()]]),
            "  a   n\n  ─  ──\n  é  10\n"
        );
    }
}
