//! Columns of unsigned numbers: a base and, per row, the distance from it in as few whole bytes as the widest one needs.
//!
//! Frame-of-reference coding (Goldstein, Ramakrishnan and Shaft, "Compressing relations and indexes", ICDE 1998). A row is read without those before it, and a constant column takes no bytes per row.

use super::bytes::{Reader, put_varint};

const SIGN: u64 = 1 << 63;

/// A time as an unsigned number that sorts as the time does.
pub(super) fn sortable(nanos: i64) -> u64 {
    nanos.cast_unsigned() ^ SIGN
}

/// The time again.
pub(super) fn nanos(sortable: u64) -> i64 {
    (sortable ^ SIGN).cast_signed()
}

/// Appends one column: its base as a varint, the bytes per row, then the rows.
pub(super) fn put(out: &mut Vec<u8>, values: impl Iterator<Item = u64> + Clone) {
    let (mut least, mut greatest) = (u64::MAX, 0);
    for value in values.clone() {
        (least, greatest) = (least.min(value), greatest.max(value));
    }
    let base = least.min(greatest);
    let width = (u64::BITS - (greatest - base).leading_zeros()).div_ceil(8) as usize;
    put_varint(out, base);
    out.push(width as u8);
    match width {
        0 => {}
        1 => out.extend(values.map(|value| (value - base) as u8)),
        2 => values.for_each(|value| {
            out.extend_from_slice(&((value - base) as u16).to_le_bytes());
        }),
        width => values.for_each(|value| {
            let bytes = (value - base).to_le_bytes();
            out.extend_from_slice(bytes.get(..width).unwrap_or(&bytes));
        }),
    }
}

/// A column as it stands in the bytes around it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Column {
    base: u64,
    offset: u32,
    width: u8,
}

impl Column {
    /// Takes a column of so many rows from what is left of `bytes`. `None` when it is none.
    pub(super) fn take(reader: &mut Reader<'_>, bytes: &[u8], rows: usize) -> Option<Self> {
        let base = reader.varint()?;
        let width = reader.u8()?;
        if width > 8 {
            return None;
        }
        let offset = bytes.len() - reader.0.len();
        reader.take(rows.checked_mul(usize::from(width))?)?;
        Some(Self {
            base,
            offset: u32::try_from(offset).ok()?,
            width,
        })
    }

    /// The value in a row; `None` beyond the bytes.
    pub(super) fn get(self, bytes: &[u8], row: usize) -> Option<u64> {
        let width = usize::from(self.width);
        if width == 0 {
            return Some(self.base);
        }
        let start = self.offset as usize + row * width;
        let value = match bytes.get(start..)?.first_chunk::<8>() {
            Some(eight) => u64::from_le_bytes(*eight) & (u64::MAX >> (64 - 8 * width)),
            // The last of them.
            None => bytes
                .get(start..start + width)?
                .iter()
                .rev()
                .fold(0, |value, byte| value << 8 | u64::from(*byte)),
        };
        Some(self.base.wrapping_add(value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_row_is_read_alone(values: Vec<u64>, shift in 0_u32..64) {
            let values: Vec<u64> = values.iter().map(|value| value >> shift).collect();
            let mut bytes = vec![7];
            put(&mut bytes, values.iter().copied());
            let mut reader = Reader(&bytes[1..]);
            let column = Column::take(&mut reader, &bytes, values.len()).unwrap();
            prop_assert!(reader.0.is_empty());
            for (row, value) in values.iter().enumerate() {
                prop_assert_eq!(column.get(&bytes, row), Some(*value));
            }
        }
    }

    #[test]
    fn constants_take_no_space_per_row() {
        let mut bytes = Vec::new();
        put(&mut bytes, [300; 1000].into_iter());
        assert_eq!(bytes, [0xac, 0x02, 0]);
        assert_eq!(
            Column::take(&mut Reader(&[1, 9]), &[1, 9], 1).map(|_| ()),
            None
        );
        assert_eq!(
            Column::take(&mut Reader(&[1, 2, 0]), &[1, 2, 0], 1).map(|_| ()),
            None
        );
    }
}
